// What Gemma 2 and Gemma 3 share: a decoder with four norms a layer, which multiply by 1 + w, a gelu gate, embeddings times √hidden,
// scores divided by √query_pre_attn_scalar, and a window in all but some layers.
#ifndef MODELS_GEMMA_H
#define MODELS_GEMMA_H

#include "models/config_keys.h"
#include "models/decoder.h"
#include "models/save_gguf.h"

// Each `period`-th layer has no window, where the file does not say otherwise. keys: the family's own beside those that both
// have.
bool gemma_config_from_hf(const json *d, uint32_t period, const char *const *keys, model_config *c, err *e);
// n_layers_27b: of the largest model, whose scores llama.cpp divides by √(hidden / heads); those of others by √head_dim. The file does
// not say.
bool gemma_config_from_gguf(arena *a, const gguf *g, uint32_t period, uint32_t n_layers_27b, model_config *c, err *e);
void gemma_config_to_hf(const model_config *c, struct cJSON *out);
// period: where the key is absent.
bool gemma_config_to_gguf(arena *a, const model *m, uint32_t period, uint32_t n_layers_27b, gguf_config *out, err *e);

#endif
