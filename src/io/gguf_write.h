// Writing GGUF version 3: metadata that is put together first, then tensors in the order of a list. The file appears whole or not
// at all (file_writer). Equal input gives equal bytes.
#ifndef IO_GGUF_WRITE_H
#define IO_GGUF_WRITE_H

#include "base/text.h"
#include "io/gguf.h"

// Keys with their values, as they stand in the file. Zero-initialise; gguf_meta_free when done. Each key may be put once.
typedef struct gguf_meta {
  text bytes, keys; // keys: each with its NUL
  uint64_t n;
} gguf_meta;
void gguf_meta_free(gguf_meta *m);
bool gguf_meta_has(const gguf_meta *m, const char *key);
void gguf_put_u32(gguf_meta *m, const char *key, uint32_t value);
void gguf_put_f32(gguf_meta *m, const char *key, float value);
void gguf_put_bool(gguf_meta *m, const char *key, bool value);
void gguf_put_string(gguf_meta *m, const char *key, const char *value);
void gguf_put_strings(gguf_meta *m, const char *key, const char *const *items, uint64_t n);
void gguf_put_i32s(gguf_meta *m, const char *key, const int32_t *items, uint64_t n);
void gguf_put_f32s(gguf_meta *m, const char *key, const float *items, uint64_t n);
void gguf_put_value(gguf_meta *m, const gguf_value *v); // as another file has it

typedef struct gguf_tensor {
  const char *name;
  dtype type;                // any but I32
  uint32_t n_dims, shape[4]; // slowest first; the rows are whole blocks
} gguf_tensor;

typedef struct gguf_writer {
  file_writer file;
  const gguf_tensor *tensors;
  uint64_t n, next; // the tensor that is written next
} gguf_writer;

uint64_t gguf_tensor_bytes(const gguf_tensor *t);
bool gguf_create(const char *path, const gguf_meta *meta, const gguf_tensor *tensors, uint64_t n, gguf_writer *w, err *e);
// All of the next tensor's data, gguf_tensor_bytes of it.
bool gguf_write(gguf_writer *w, const void *data, err *e);
bool gguf_commit(gguf_writer *w, err *e); // once all tensors are written
void gguf_abort(gguf_writer *w);

#endif
