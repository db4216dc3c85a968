// The model that generate, eval and export work on, as it was named on the command line.
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "base/err.h"
#include "vkift.h"

// Where a run was named: says which flag was meant when it is a model or an adapter instead, and when nothing is there.
bool source_check(const vkift_source *source, err *e);

#endif
