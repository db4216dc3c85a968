#include "data/strings.h"

#include <string.h>

#include "base/err.h"

packed_strings *packed_strings_of(arena *a, strings all) {
  if (!all.n) return NULL;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < all.n; i++) bytes += strlen(all.items[i]) + 1;
  REQUIRE(bytes <= UINT32_MAX, "%llu bytes of strings in one example", (unsigned long long)bytes);
  packed_strings *p = arena_alloc(a, sizeof *p + bytes);
  *p = (packed_strings){.n = all.n, .bytes = (uint32_t)bytes};
  char *at = p->data;
  for (uint32_t i = 0; i < all.n; i++) {
    const size_t n = strlen(all.items[i]) + 1;
    memcpy(at, all.items[i], n);
    at += n;
  }
  return p;
}

const char *packed_next(const char *s) {
  return s + strlen(s) + 1;
}
