// The decoder that Llama's relatives share: pre-norm layers of grouped-query attention with rotary embedding (half-split), and
// a gated MLP. A family says what its layers have beyond Llama's; the forward sees it in the list of parameters.
#ifndef MODELS_DECODER_H
#define MODELS_DECODER_H

#include "models/blocks.h"

typedef struct decoder_layer {
  bool qkv_bias;         // q_proj, k_proj and v_proj have biases
  bool qk_norm;          // each head of q and of k is normalised before it is turned: q_norm, k_norm [head_dim]
  bool four_norms;       // attention and MLP are followed by norms, too
  bool norm_offset;      // norms multiply by 1 + w
  bool fused;            // q, k and v are one projection, and so are gate and up
  bool gguf_interleaved; // GGUF has the rows of q and k in another order (model_param.gguf_rotary_heads)
} decoder_layer;

void decoder_list_params(arena *a, model *m, const decoder_layer *layer);
tensor *decoder_build(const model_forward *f);

#endif
