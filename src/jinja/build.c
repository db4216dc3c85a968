// Strings under construction, byte by byte with their origins.
#include <string.h>

#include "jinja/chars.h"
#include "jinja/interp.h"

#include "base/text.h"

static bool reserve(build *b, uint64_t more) {
  if (b->n + more > INTERP_STRING) return interp_fail(b->in, "a text of more than %d MiB", INTERP_STRING >> 20);
  TRY(interp_bytes(b->in, more));
  if (b->n + more <= b->capacity) return true;
  uint64_t grown = b->capacity ? b->capacity * 2 : 64;
  if (grown < b->n + more) grown = b->n + more;
  char *bytes = arena_alloc(b->in->a, grown);
  if (b->n) memcpy(bytes, b->bytes, b->n);
  if (b->origins) {
    uint32_t *origins = ARENA_ARRAY(b->in->a, uint32_t, grown);
    memcpy(origins, b->origins, b->n * sizeof *origins);
    b->origins = origins;
  }
  b->bytes = bytes;
  b->capacity = grown;
  return true;
}

static void split_origins(build *b) {
  b->origins = ARENA_ARRAY(b->in->a, uint32_t, b->capacity);
  for (uint64_t i = 0; i < b->n; i++) b->origins[i] = b->origin;
}

bool build_bytes(build *b, const char *bytes, uint64_t n, uint32_t origin) {
  if (!n) return true;
  TRY(reserve(b, n));
  if (!b->n) b->origin = origin;
  if (origin != b->origin && !b->origins) split_origins(b);
  if (b->origins)
    for (uint64_t i = 0; i < n; i++) b->origins[b->n + i] = origin;
  memcpy(b->bytes + b->n, bytes, n);
  b->n += n;
  return true;
}

bool build_text(build *b, const char *string) {
  return build_bytes(b, string, strlen(string), ORIGIN_TEMPLATE);
}

bool build_put(build *b, value s) {
  if (!s.origins) return build_bytes(b, s.bytes, s.length, s.origin);
  TRY(reserve(b, s.length));
  if (!b->origins) split_origins(b);
  memcpy(b->bytes + b->n, s.bytes, s.length);
  memcpy(b->origins + b->n, s.origins, s.length * sizeof *s.origins);
  b->n += s.length;
  return true;
}

bool build_character(build *b, uint32_t code, uint32_t origin) {
  char bytes[4];
  return build_bytes(b, bytes, (uint64_t)utf8_encode(code, bytes), origin);
}

value build_value(const build *b) {
  value v = value_string(b->bytes ? b->bytes : "", b->n, b->origin);
  v.origins = b->origins;
  return v;
}

bool build_concat(interp *in, value a, value b, value *out) {
  build s = {.in = in};
  if (b.length && !a.length && a.markup == b.markup) return *out = b, true;
  TRY(reserve(&s, (uint64_t)a.length + b.length)); // both at once: most strings that are added are long and short
  TRY(b.markup && !a.markup ? print_escaped(&s, a) : build_put(&s, a));
  TRY(a.markup && !b.markup ? print_escaped(&s, b) : build_put(&s, b));
  *out = build_value(&s);
  out->markup = a.markup || b.markup;
  return true;
}
