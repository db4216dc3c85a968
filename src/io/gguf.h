// GGUF versions 2 and 3: metadata and weights. All counts and lengths are checked against the file.
#ifndef IO_GGUF_H
#define IO_GGUF_H

#include "io/weights.h"

typedef enum gguf_type {
  GGUF_U8,
  GGUF_I8,
  GGUF_U16,
  GGUF_I16,
  GGUF_U32,
  GGUF_I32,
  GGUF_F32,
  GGUF_BOOL,
  GGUF_STRING,
  GGUF_ARRAY,
  GGUF_U64,
  GGUF_I64,
  GGUF_F64
} gguf_type;

typedef struct gguf_string {
  const char *data; // in the mapped file, not NUL-terminated
  uint64_t length;
} gguf_string;

typedef struct gguf_value {
  const char *key;
  gguf_type type, item_type; // item_type: of an array (arrays of arrays are refused), else the type
  uint64_t n;                // items of an array, else 1
  const uint8_t *data;       // the raw items in the file, not aligned; strings: see `strings`
  gguf_string *strings;      // for a string or an array of strings
} gguf_value;

typedef struct gguf {
  const char *path;
  uint32_t version;
  gguf_value *values; // sorted by key
  uint64_t n_values;
  weights weights; // weights.maps[0] is the file
} gguf;

bool gguf_open(arena *a, const char *path, gguf *g, err *e);
void gguf_close(gguf *g);

const gguf_value *gguf_find(const gguf *g, const char *key); // NULL when there is none
// Required, or with a default where the key is missing. Another type than expected is an error; integer types of any
// width are taken where the value fits.
bool gguf_get_string(arena *a, const gguf *g, const char *key, const char **value, err *e);
bool gguf_get_u32(const gguf *g, const char *key, uint32_t *value, err *e);
bool gguf_get_f32(const gguf *g, const char *key, float *value, err *e);
bool gguf_get_u32_or(const gguf *g, const char *key, uint32_t *value, err *e);
bool gguf_get_f32_or(const gguf *g, const char *key, float *value, err *e);
bool gguf_get_bool_or(const gguf *g, const char *key, bool *value, err *e);
// Item i of an array, or the value itself (i = 0). int: of integers or bools; an unsigned one above INT64_MAX comes back
// as INT64_MAX. float: of integers or floats.
int64_t gguf_int_at(const gguf_value *v, uint64_t i);
float gguf_float_at(const gguf_value *v, uint64_t i);

#endif
