#include "crossval/names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MOST_BYTES = 100 };

static char *plain(arena *a, const char *name) {
  char *out = arena_strndup(a, name, strlen(name) < MOST_BYTES ? strlen(name) : MOST_BYTES);
  for (char *c = out; *c; c++) {
    const bool dot = *c == '.' && c > out && c[-1] != '.';
    const unsigned char byte = (unsigned char)*c;
    if (byte >= 128 || (!isalnum(byte) && *c != '-' && *c != '_' && !dot)) *c = '_';
  }
  return *out ? out : arena_strdup(a, "_");
}

static bool is_taken(const char *const *taken, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (!strcasecmp(taken[i], name)) return true;
  return false;
}

const char **names_for_files(arena *a, const char *const *names, uint32_t n) {
  const char **out = ARENA_ARRAY(a, const char *, n);
  for (uint32_t i = 0; i < n; i++) {
    const char *own = plain(a, names[i]);
    out[i] = own;
    for (unsigned k = 2; is_taken(out, i, out[i]); k++) out[i] = arena_printf(a, "%s-%u", own, k);
  }
  return out;
}
