// Models and LoRA adapters as GGUF files, for llama.cpp and what is built on it. From a base that is a GGUF itself the metadata and
// what tensors it has beside the parameters are copied through; only what changed is replaced.
#ifndef MODELS_SAVE_GGUF_H
#define MODELS_SAVE_GGUF_H

#include "io/gguf_write.h"
#include "models/adapter.h"
#include "models/save.h"

// A tensor that GGUF has beside the parameters: f32 [n].
typedef struct gguf_extra {
  const char *name;
  const float *values;
  uint32_t n;
} gguf_extra;

// What a family says of its configuration (model_family.config_to_gguf).
typedef struct gguf_config {
  gguf_meta *meta;
  gguf_extra extra[2];
  uint32_t n_extra;
} gguf_config;

// "<architecture>.<rest>" of the family's own architecture.
const char *gguf_config_key(arena *a, const model *m, const char *rest);
// The keys that families share, under the family's architecture: sizes, heads, the norms' epsilon, rope. A scaling that has no key is
// refused unless the family has put tensors for it.
bool gguf_config_common(arena *a, const model *m, uint32_t context, gguf_config *out, err *e);

// What the quantized file could not have quantized.
typedef struct save_gguf_result {
  dtype type;            // of most matrices
  uint32_t n_f16;        // matrices that stay F16, since their rows are no whole blocks
  const char *first_f16; // of them
} save_gguf_result;

// The whole model. type: F32, F16, BF16, Q8_0, Q4_0; DTYPE_COUNT: as the base has its matrices, or F16 where those are quantized.
// Norms, biases and all else of one dimension are F32. With Q4_0 the output head is Q8_0.
bool save_gguf(const model *m, const prompt_style *prompt, const char *path, dtype type, save_values *values, void *user,
               save_gguf_result *result, err *e);
// An adapter's A and B (`file`: adapter_open_weights), in F32, F16 or BF16.
bool save_gguf_adapter(const model *m, const prompt_style *prompt, const adapter *ad, const weights *file, const char *path,
                       dtype type, err *e);

#endif
