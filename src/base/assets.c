#define _GNU_SOURCE
#include "base/assets.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

// An installed vkift is PREFIX/bin/vkift with PREFIX/share/vkift.
static char *installed(arena *a) {
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0) return NULL;
  program[length] = 0;
  char *dir = arena_strndup(a, program, (size_t)(path_name(program) - program));
  char *share = path_join(a, dir, "../share/vkift");
  return file_is_dir(share) ? share : NULL;
}

char *assets_path(arena *a, const char *name) {
  const char *dir = getenv("VKIFT_ASSETS");
  if (!dir || !*dir) dir = installed(a);
  if (!dir) dir = VKIFT_SOURCE_ASSETS;
  return path_join(a, dir, name);
}
