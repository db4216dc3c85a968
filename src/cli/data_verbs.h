// The verbs of `vkift data`.
#ifndef CLI_DATA_VERBS_H
#define CLI_DATA_VERBS_H

#include "base/err.h"
#include "vkift.h"

bool data_render_run(int argc, char **argv, err *e); // has options of its own; argv begins behind the verb
bool data_check(const vkift_data_options *o, bool as_json, err *e);

#endif
