// The pieces that families build their forwards from.
#ifndef MODELS_BLOCKS_H
#define MODELS_BLOCKS_H

#include "models/model.h"

// A parameter by its place: "model.layers.<layer>.<rest>"; must exist.
model_param *block_param(const model_forward *f, uint32_t layer, const char *rest);

// The tokens' rows of the table, in training with NEFTune's noise where that is asked for. table [V, D] → [N, D].
tensor *block_embedding(const model_forward *f, tensor *table);

// x Wᵀ, with the low-rank term of the weight's adapter, whose input goes through dropout, or as DoRA has it.
// x [N, in] → [N, out].
tensor *block_linear(const model_forward *f, tensor *x, const model_param *w);

// Causal self-attention with rotary embedding and grouped queries, from q_proj to o_proj, of one layer. With a cache,
// the tokens' keys and values are written there first and attention reads the cache. x [N, hidden] → [N, hidden].
tensor *block_attention(const model_forward *f, tensor *x, uint32_t layer);

// down_proj(silu(gate_proj(x)) · up_proj(x)). x [N, hidden] → [N, hidden].
tensor *block_swiglu(const model_forward *f, tensor *x, uint32_t layer);

// Appends a parameter to the model's list. n_dims 1: `out` elements; 2: [out, in].
model_param *block_list_param(arena *a, model *m, const char *name, const char *gguf_name, const char *module, param_role role,
                              uint32_t out, uint32_t in);

#endif
