// Where the files that come with vkift lie: the built-in example (a tiny base model, its instruction data, train.yaml that puts
// them together) and the template packs. $VKIFT_ASSETS, else ../share/vkift beside an installed program, else the source tree's.
#ifndef BASE_ASSETS_H
#define BASE_ASSETS_H

#include "base/arena.h"

// The path of a file of assets/. It may not exist: opening it says so.
char *assets_path(arena *a, const char *name);

#endif
