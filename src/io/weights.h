// A model's weights as they lie in files, whatever the format: names, types, shapes, and where the bytes are mapped.
#ifndef IO_WEIGHTS_H
#define IO_WEIGHTS_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"

typedef struct weight {
  const char *name; // as in the file
  dtype type;
  uint32_t n_dims, shape[4]; // slowest first (GGUF's order is turned round)
  const uint8_t *data;       // in the mapped file, `bytes` long, not always aligned
  uint64_t bytes;
  const char *file; // for messages
} weight;

// Sorted by name.
typedef struct weights {
  weight *items;
  uint64_t n;
  file_map *maps;
  uint32_t n_maps;
} weights;

const weight *weights_find(const weights *w, const char *name); // NULL when there is none
void weights_close(weights *w);                                 // unmaps the files

// For the readers of formats. weight_size: `bytes` from type and shape, the products checked. weights_sort: by name; a
// name that occurs twice is refused.
bool weight_size(weight *w, err *e);
bool weights_sort(weights *w, err *e);

// safetensors.c — one file, or a directory with model.safetensors or model.safetensors.index.json and its shards. Every
// rule of formats.md 4 is checked: header length, JSON, types, checked products, contiguous offsets, file end.
bool safetensors_open(arena *a, const char *path, weights *w, err *e);      // one .safetensors file
bool safetensors_open_model(arena *a, const char *dir, weights *w, err *e); // a model directory, sharded or not

// Writing: the header is made from the list, then data is given tensor by tensor in that order (file_writer underneath,
// so the file appears whole or not at all). metadata: pairs of strings, may be NULL.
typedef struct safetensors_tensor {
  const char *name;
  dtype type; // F32, F16, BF16, I32
  uint32_t n_dims, shape[4];
} safetensors_tensor;
typedef struct safetensors_writer {
  file_writer file;
  uint64_t expected, written; // bytes of data
} safetensors_writer;
bool safetensors_create(const char *path, const safetensors_tensor *tensors, uint64_t n, const char *const (*metadata)[2],
                        uint64_t n_metadata, safetensors_writer *w, err *e);
bool safetensors_write(safetensors_writer *w, const void *data, uint64_t bytes, err *e);
bool safetensors_commit(safetensors_writer *w, err *e); // fails when not all data was given
void safetensors_abort(safetensors_writer *w);

#endif
