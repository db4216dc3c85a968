// The verbs of `vkift data` that have options of their own; argv begins behind the verb.
#ifndef CLI_DATA_VERBS_H
#define CLI_DATA_VERBS_H

#include "base/err.h"

bool data_render_run(int argc, char **argv, err *e);

#endif
