// Reading metadata that gguf.c has checked: types, ranges, and messages that name the key.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/gguf.h"
#include "io/gguf_types.h"
#include "io/quote.h"

static int by_key(const void *a, const void *b) {
  return strcmp(((const gguf_value *)a)->key, ((const gguf_value *)b)->key);
}

const gguf_value *gguf_find(const gguf *g, const char *key) {
  gguf_value wanted = {.key = key};
  return g->n_values ? bsearch(&wanted, g->values, (size_t)g->n_values, sizeof *g->values, by_key) : NULL;
}

static bool is_integer(gguf_type t) {
  return t != GGUF_F32 && t != GGUF_F64 && t != GGUF_BOOL && t != GGUF_STRING && t != GGUF_ARRAY;
}

static double load_float(const uint8_t *p, gguf_type t) {
  uint64_t bits = gguf_load(p, gguf_type_bytes(t));
  uint32_t low = (uint32_t)bits;
  float single;
  double wide;
  memcpy(&single, &low, 4);
  memcpy(&wide, &bits, 8);
  return t == GGUF_F32 ? (double)single : wide;
}

int64_t gguf_int_at(const gguf_value *v, uint64_t i) {
  REQUIRE(i < v->n && (is_integer(v->item_type) || v->item_type == GGUF_BOOL), "%s: item %llu of %llu, %s", v->key,
          (unsigned long long)i, (unsigned long long)v->n, gguf_type_name(v->item_type));
  uint32_t bytes = gguf_type_bytes(v->item_type);
  uint64_t raw = gguf_load(v->data + i * bytes, bytes);
  switch (v->item_type) {
    case GGUF_I8: return (int8_t)raw;
    case GGUF_I16: return (int16_t)raw;
    case GGUF_I32: return (int32_t)raw;
    case GGUF_I64: return (int64_t)raw;
    default: return raw > INT64_MAX ? INT64_MAX : (int64_t)raw;
  }
}

float gguf_float_at(const gguf_value *v, uint64_t i) {
  if (v->item_type != GGUF_F32 && v->item_type != GGUF_F64) return (float)gguf_int_at(v, i);
  REQUIRE(i < v->n, "%s: item %llu of %llu", v->key, (unsigned long long)i, (unsigned long long)v->n);
  return (float)load_float(v->data + i * gguf_type_bytes(v->item_type), v->item_type);
}

// "an array of 5 u32", "a string \"abc\"", "the i32 -1", "nothing".
static const char *describe(const gguf_value *v, char buffer[QUOTE_BYTES]) {
  char string[QUOTE_BYTES / 2];
  if (!v) return "nothing";
  const char *type = gguf_type_name(v->item_type);
  if (v->type == GGUF_ARRAY) {
    snprintf(buffer, QUOTE_BYTES, "an array of %llu %s", (unsigned long long)v->n, type);
  } else if (v->type == GGUF_STRING) {
    snprintf(buffer, QUOTE_BYTES, "a string %s", quote_short(v->strings->data, v->strings->length, string, sizeof string));
  } else if (v->type == GGUF_U64) {
    snprintf(buffer, QUOTE_BYTES, "the u64 %llu", (unsigned long long)gguf_load(v->data, 8));
  } else if (is_integer(v->type) || v->type == GGUF_BOOL) {
    snprintf(buffer, QUOTE_BYTES, "the %s %lld", type, (long long)gguf_int_at(v, 0));
  } else {
    snprintf(buffer, QUOTE_BYTES, "the %s %.9g", type, load_float(v->data, v->type));
  }
  return buffer;
}

static bool mismatch(const gguf *g, const char *key, const char *expected, err *e) {
  char buffer[QUOTE_BYTES];
  return ERR(e, "%s: key %s: expected %s, found %s", g->path, key, expected, describe(gguf_find(g, key), buffer));
}

bool gguf_get_string(arena *a, const gguf *g, const char *key, const char **value, err *e) {
  const gguf_value *v = gguf_find(g, key);
  if (!v || v->type != GGUF_STRING) return mismatch(g, key, "a string", e);
  const gguf_string *s = v->strings;
  if (!utf8_valid(s->data, (size_t)s->length, NULL)) return mismatch(g, key, "a string in UTF-8", e);
  if (memchr(s->data, 0, (size_t)s->length)) return mismatch(g, key, "a string without NUL characters", e);
  *value = arena_strndup(a, s->data, (size_t)s->length);
  return true;
}

bool gguf_get_u32(const gguf *g, const char *key, uint32_t *value, err *e) {
  const gguf_value *v = gguf_find(g, key);
  int64_t x = v && is_integer(v->type) ? gguf_int_at(v, 0) : -1;
  if (x < 0 || x > UINT32_MAX) return mismatch(g, key, "a whole number from 0 to 4294967295", e);
  *value = (uint32_t)x;
  return true;
}

bool gguf_get_f32(const gguf *g, const char *key, float *value, err *e) {
  const gguf_value *v = gguf_find(g, key);
  bool is_float = v && (v->type == GGUF_F32 || v->type == GGUF_F64);
  if (!is_float || !(fabs(load_float(v->data, v->type)) <= 0x1.fffffep127)) return mismatch(g, key, "a finite f32", e);
  *value = gguf_float_at(v, 0);
  return true;
}

bool gguf_get_u32_or(const gguf *g, const char *key, uint32_t *value, err *e) {
  return !gguf_find(g, key) || gguf_get_u32(g, key, value, e);
}

bool gguf_get_f32_or(const gguf *g, const char *key, float *value, err *e) {
  return !gguf_find(g, key) || gguf_get_f32(g, key, value, e);
}

bool gguf_get_bool_or(const gguf *g, const char *key, bool *value, err *e) {
  const gguf_value *v = gguf_find(g, key);
  if (!v) return true;
  if (v->type != GGUF_BOOL) return mismatch(g, key, "a bool", e);
  *value = gguf_int_at(v, 0);
  return true;
}
