// Qwen3 (dense): Llama's decoder whose heads of q and k are normalised. Follows transformers' Qwen3ForCausalLM.
#include "models/config_keys.h"
#include "models/decoder.h"

// Which layers have a sliding window matters only where it is used at all.
static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"sliding_window", "max_window_layers", "layer_types", NULL};
  const char *const off[] = {"use_sliding_window", "quantization_config", "attention_bias", NULL};
  *c = (model_config){.max_positions = 32768};
  c->head_dim = 128; // whatever the width is
  TRY(config_text_is(d, "hidden_act", "silu", e) && config_all_off(d, off, e) && config_keys_known(d, keys, e));
  return config_read_common(d, c, e) && config_read_rope(d, c, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  static const char *const keys[] = {NULL};
  *c = (model_config){.max_positions = 32768};
  return config_gguf_common(a, g, c, e) && config_gguf_turns_all(a, g, c, e) && config_gguf_known(a, g, keys, e);
}

static void list_params(arena *a, model *m) {
  decoder_list_params(a, m, &(decoder_layer){.qk_norm = true});
}

const model_family qwen3_family = {
    .name = "qwen3",
    .hf_architectures = (const char *const[]){"Qwen3ForCausalLM", NULL},
    .gguf_architectures = (const char *const[]){"qwen3", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = decoder_build,
    .hf_model_type = "qwen3",
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
};
