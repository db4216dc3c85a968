// Where the built-in example lies: a tiny base model, its instruction data, and train.yaml that puts them together.
#ifndef CLI_ASSETS_H
#define CLI_ASSETS_H

#include "base/arena.h"

// The path of a file of assets/. It may not exist: opening it says so.
char *assets_path(arena *a, const char *name);

#endif
