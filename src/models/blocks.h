// The pieces that families build their forwards from.
#ifndef MODELS_BLOCKS_H
#define MODELS_BLOCKS_H

#include "models/model.h"

// A parameter by its place: "<layers>.<layer>.<rest>", layers as the family has them; must exist.
model_param *block_param(const model_forward *f, uint32_t layer, const char *rest);

// x Wᵀ + bias, where the weight has one, with the low-rank term of its adapter, whose input goes through dropout. x [N, in] → [N, out].
tensor *block_linear(const model_forward *f, tensor *x, const model_param *w);

// Causal attention of a layer's queries, keys and values. With a cache, the tokens' keys and values are written there first and
// attention reads the cache. q [N, n_heads · head_dim], k and v [N, n_kv_heads · head_dim] → like q.
tensor *block_attend(const model_forward *f, tensor *q, tensor *k, tensor *v, uint32_t layer);

// Self-attention with rotary embedding and grouped queries, from q_proj to o_proj, of one layer; heads of q and k are normalised
// before they are turned where the layer has q_norm and k_norm; q, k and v may be one projection, qkv_proj. x [N, hidden] →
// [N, hidden].
tensor *block_attention(const model_forward *f, tensor *x, uint32_t layer);

// down_proj(act(gate_proj(x)) · up_proj(x)), act silu or gelu; gate_proj and up_proj may be one projection, gate_up_proj.
// x [N, hidden] → [N, hidden].
tensor *block_mlp(const model_forward *f, tensor *x, uint32_t layer);

// Appends a parameter to the model's list. n_dims 1: `out` elements; 2: [out, in].
model_param *block_list_param(arena *a, model *m, const char *name, const char *gguf_name, const char *module, param_role role,
                              uint32_t out, uint32_t in);

#endif
