// Opening a GGUF file. Specification: docs/gguf.md of ggml. All numbers are little-endian:
//
//   "GGUF"  version u32  tensors u64  keys u64
//   keys ×    { key string, type u32, value }            string: length u64, bytes; array: item type u32, n u64, items
//   tensors × { name string, n_dims u32, dims u64 × n_dims, type u32, offset u64 }   dims fastest first
//   padding to general.alignment, then the tensors' data: offsets count from here and are aligned likewise
#include "io/gguf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/gguf_types.h"
#include "io/quote.h"

enum {
  NAME_BYTES = 65535,        // of a key (so the specification) or a tensor's name
  LEAST_KEY = 8 + 1 + 4 + 1, // bytes that a key takes at least: length, one letter, type, value
  LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8,
  DEFAULT_ALIGNMENT = 32
};

typedef struct reader {
  const uint8_t *data;
  uint64_t at, size;
  const char *path;
  char subject[QUOTE_BYTES + 8]; // "key \"general.name\"": what is being read, for messages
  arena *a;
  err *e;
} reader;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static bool
fail(reader *r, uint64_t at, const char *format, ...) {
  char what[400];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return ERR(r->e, "%s: byte %llu: %s: %s", r->path, (unsigned long long)at, r->subject, what);
}

// `n` items of `bytes` each. Nothing is allocated before the file is known to hold it.
static bool take(reader *r, uint64_t n, uint64_t bytes, const char *what, const uint8_t **p) {
  uint64_t left = r->size - r->at;
  if (n > left / bytes)
    return fail(r, r->at, "expected %llu × %llu bytes (%s), found %llu before the end of the file", (unsigned long long)n,
                (unsigned long long)bytes, what, (unsigned long long)left);
  *p = r->data + r->at;
  r->at += n * bytes;
  return true;
}

static bool take_u32(reader *r, const char *what, uint32_t *x) {
  const uint8_t *p = NULL;
  TRY(take(r, 1, 4, what, &p));
  *x = (uint32_t)gguf_load(p, 4);
  return true;
}

static bool take_u64(reader *r, const char *what, uint64_t *x) {
  const uint8_t *p = NULL;
  TRY(take(r, 1, 8, what, &p));
  *x = gguf_load(p, 8);
  return true;
}

static bool take_string(reader *r, const char *what, gguf_string *s) {
  const uint8_t *p = NULL;
  TRY(take_u64(r, "a string's length", &s->length));
  TRY(take(r, s->length, 1, what, &p));
  s->data = (const char *)p;
  return true;
}

// A key, or a tensor's name: becomes the subject of what follows.
static bool take_name(reader *r, const char *kind, uint64_t number, const char **name) {
  char quoted[QUOTE_BYTES];
  gguf_string s = {0};
  uint64_t at = r->at;
  snprintf(r->subject, sizeof r->subject, "%s number %llu", kind, (unsigned long long)number);
  TRY(take_string(r, "its name", &s));
  if (!s.length || s.length > NAME_BYTES)
    return fail(r, at, "expected a name of 1 to %d bytes, found %llu", NAME_BYTES, (unsigned long long)s.length);
  quote(s.data, s.length, quoted);
  if (!utf8_valid(s.data, (size_t)s.length, NULL) || memchr(s.data, 0, (size_t)s.length))
    return fail(r, at, "expected a name in UTF-8 without NUL characters, found %s", quoted);
  *name = arena_strndup(r->a, s.data, (size_t)s.length);
  snprintf(r->subject, sizeof r->subject, "%s %s", kind, quoted);
  return true;
}

static bool read_header(reader *r, gguf *g, uint64_t *n_tensors) {
  const uint8_t *magic = NULL;
  char quoted[QUOTE_BYTES];
  snprintf(r->subject, sizeof r->subject, "header");
  TRY(take(r, 4, 1, "\"GGUF\"", &magic));
  if (memcmp(magic, "GGUF", 4)) return fail(r, 0, "expected \"GGUF\", found %s", quote((const char *)magic, 4, quoted));
  TRY(take_u32(r, "version", &g->version));
  if (g->version && !(g->version & 0xFFFFFF)) return fail(r, 4, "expected a little-endian file, found a big-endian one");
  if (g->version != 2 && g->version != 3) return fail(r, 4, "expected version 2 or 3, found %u", g->version);
  TRY(take_u64(r, "number of tensors", n_tensors));
  TRY(take_u64(r, "number of keys", &g->n_values));
  uint64_t left = r->size - r->at;
  if (*n_tensors > left / LEAST_TENSOR)
    return fail(r, 8, "expected no more tensors than %llu bytes can hold, found %llu", (unsigned long long)left,
                (unsigned long long)*n_tensors);
  if (g->n_values > left / LEAST_KEY)
    return fail(r, 16, "expected no more keys than %llu bytes can hold, found %llu", (unsigned long long)left,
                (unsigned long long)g->n_values);
  return true;
}

static bool take_type(reader *r, gguf_type *type) {
  uint32_t number = 0;
  uint64_t at = r->at;
  TRY(take_u32(r, "a value's type", &number));
  if (number >= GGUF_N_TYPES) return fail(r, at, "expected a type from 0 to %d, found %u", GGUF_N_TYPES - 1, number);
  *type = (gguf_type)number;
  return true;
}

static bool read_value(reader *r, gguf_value *v) {
  TRY(take_type(r, &v->type));
  v->item_type = v->type;
  v->n = 1;
  if (v->type == GGUF_ARRAY) {
    uint64_t at = r->at;
    TRY(take_type(r, &v->item_type));
    if (v->item_type == GGUF_ARRAY)
      return fail(r, at, "expected an array of numbers, bools or strings, found an array of arrays");
    TRY(take_u64(r, "an array's length", &v->n));
  }
  if (v->item_type == GGUF_STRING) {
    uint64_t left = r->size - r->at; // each takes the eight bytes of its length at least
    if (v->n > left / 8)
      return fail(r, r->at, "expected no more strings than %llu bytes can hold, found %llu", (unsigned long long)left,
                  (unsigned long long)v->n);
    v->data = r->data + r->at;
    v->strings = ARENA_ARRAY(r->a, gguf_string, v->n);
    for (uint64_t i = 0; i < v->n; i++) TRY(take_string(r, "a string", &v->strings[i]));
    return true;
  }
  uint64_t at = r->at;
  TRY(take(r, v->n, gguf_type_bytes(v->item_type), gguf_type_name(v->item_type), &v->data));
  if (v->item_type == GGUF_BOOL)
    for (uint64_t i = 0; i < v->n; i++)
      if (v->data[i] > 1) return fail(r, at + i, "expected a bool as 0 or 1, found %u", v->data[i]);
  return true;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const gguf_value *)a)->key, ((const gguf_value *)b)->key);
}

static bool read_values(reader *r, gguf *g) {
  char key[QUOTE_BYTES];
  g->values = ARENA_ARRAY(r->a, gguf_value, g->n_values);
  for (uint64_t i = 0; i < g->n_values; i++) {
    TRY(take_name(r, "key", i, &g->values[i].key));
    TRY(read_value(r, &g->values[i]));
  }
  if (g->n_values) qsort(g->values, (size_t)g->n_values, sizeof *g->values, by_key);
  for (uint64_t i = 1; i < g->n_values; i++)
    if (!strcmp(g->values[i - 1].key, g->values[i].key))
      return ERR(r->e, "%s: key %s: expected each key once, found it again", r->path, quote_string(g->values[i].key, key));
  return true;
}

static bool read_tensor(reader *r, weight *w, uint64_t number, uint64_t *offset) {
  const uint8_t *dims = NULL;
  uint32_t type = 0;
  TRY(take_name(r, "tensor", number, &w->name));
  uint64_t at = r->at;
  TRY(take_u32(r, "number of dimensions", &w->n_dims));
  if (w->n_dims < 1 || w->n_dims > 4) return fail(r, at, "expected 1 to 4 dimensions, found %u", w->n_dims);
  at = r->at;
  TRY(take(r, w->n_dims, 8, "dimensions", &dims));
  for (uint32_t d = 0; d < w->n_dims; d++) {
    uint64_t dim = gguf_load(dims + 8 * d, 8);
    if (!dim || dim > UINT32_MAX)
      return fail(r, at + 8 * d, "expected a dimension from 1 to 4294967295, found %llu", (unsigned long long)dim);
    w->shape[w->n_dims - 1 - d] = (uint32_t)dim;
  }
  at = r->at;
  TRY(take_u32(r, "type", &type));
  const char *name = gguf_tensor_type(type, &w->type);
  static const char *const types = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K";
  if (!name) return fail(r, at, "expected %s, found the unknown type %u", types, type);
  if (w->type == DTYPE_COUNT) return fail(r, at, "expected %s, found %s, which vkift does not read", types, name);
  w->file = r->path;
  TRY(weight_size(w, r->e));
  return take_u64(r, "offset", offset);
}

static int by_data(const void *a, const void *b) {
  const weight *x = a, *y = b;
  return x->data < y->data ? -1 : x->data > y->data;
}

static bool check_overlap(reader *r, const weights *w) {
  char first[QUOTE_BYTES], second[QUOTE_BYTES];
  if (w->n) qsort(w->items, (size_t)w->n, sizeof *w->items, by_data);
  for (uint64_t i = 1; i < w->n; i++) {
    const weight *before = &w->items[i - 1], *after = &w->items[i];
    if (before->data + before->bytes > after->data)
      return ERR(r->e, "%s: byte %llu: tensor %s: expected data of its own, found that of tensor %s, which ends at byte %llu",
                 r->path, (unsigned long long)(after->data - r->data), quote_string(after->name, second),
                 quote_string(before->name, first), (unsigned long long)(before->data + before->bytes - r->data));
  }
  return true;
}

static bool read_tensors(reader *r, gguf *g, uint64_t n) {
  char name[QUOTE_BYTES];
  uint32_t alignment = DEFAULT_ALIGNMENT;
  TRY(gguf_get_u32_or(g, "general.alignment", &alignment, r->e));
  if (alignment < 8 || (alignment & (alignment - 1)))
    return ERR(r->e, "%s: key general.alignment: expected a power of two from 8 on, found %u", r->path, alignment);
  weights *w = &g->weights;
  w->items = ARENA_ARRAY(r->a, weight, n);
  uint64_t *offsets = ARENA_ARRAY(r->a, uint64_t, n);
  for (uint64_t i = 0; i < n; i++) TRY(read_tensor(r, &w->items[i], i, &offsets[i]));
  uint64_t begin = (r->at + alignment - 1) / alignment * alignment, room = begin < r->size ? r->size - begin : 0;
  for (uint64_t i = 0; i < n; i++) {
    weight *t = &w->items[i];
    snprintf(r->subject, sizeof r->subject, "tensor %s", quote_string(t->name, name));
    if (offsets[i] % alignment)
      return fail(r, begin, "expected an offset that is a multiple of %u, found %llu", alignment, (unsigned long long)offsets[i]);
    if (offsets[i] > room || t->bytes > room - offsets[i])
      return fail(r, begin, "expected %llu bytes from offset %llu on, found the end of the file at offset %llu",
                  (unsigned long long)t->bytes, (unsigned long long)offsets[i], (unsigned long long)room);
    t->data = r->data + begin + offsets[i];
  }
  w->n = n;
  return check_overlap(r, w) && weights_sort(w, r->e);
}

bool gguf_open(arena *a, const char *path, gguf *g, err *e) {
  *g = (gguf){0};
  file_map *map = ARENA_NEW(a, file_map);
  TRY(file_map_open(path, map, e));
  g->path = map->path;
  g->weights.maps = map;
  g->weights.n_maps = 1;
  reader r = {.data = map->data, .size = map->size, .path = map->path, .a = a, .e = e};
  uint64_t n_tensors = 0;
  bool ok = read_header(&r, g, &n_tensors) && read_values(&r, g) && read_tensors(&r, g, n_tensors);
  if (!ok) gguf_close(g);
  return ok;
}

void gguf_close(gguf *g) {
  weights_close(&g->weights);
  *g = (gguf){0};
}
