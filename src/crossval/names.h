// Directories of folds: names of clusters may hold anything.
#ifndef CROSSVAL_NAMES_H
#define CROSSVAL_NAMES_H

#include <stdint.h>

#include "base/arena.h"

// For each of the names a file name: letters, digits, '-', '_' and single dots of the name stay, anything else becomes '_'; of
// names that would come to the same (case aside: some file systems do not tell), the later ones get a number. At most 100 bytes.
const char **names_for_files(arena *a, const char *const *names, uint32_t n);

#endif
