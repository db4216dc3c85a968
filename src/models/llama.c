// The Llama family: Llama 2 and 3, SmolLM2, TinyLlama, Mistral. Pre-norm layers of grouped-query attention with rotary
// embedding (half-split), and SwiGLU. Follows transformers' LlamaForCausalLM and MistralForCausalLM.
#include <string.h>

#include <cjson/cJSON.h>

#include "models/config_keys.h"
#include "models/decoder.h"
#include "models/save_gguf.h"

// --- config ------------------------------------------------------------------------------------------------------------

static const char *const off[] = {"attention_bias", "mlp_bias", "quantization_config", "num_local_experts", NULL};

// transformers goes by the type; a file that has none is read as its architecture.
static bool is_mistral(const cJSON *root) {
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(root, "model_type");
  if (cJSON_IsString(type)) return !strcmp(type->valuestring, "mistral");
  const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "architectures"), 0);
  return cJSON_IsString(first) && !strncmp(first->valuestring, "Mistral", strlen("Mistral"));
}

static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"sliding_window", NULL}; // which transformers' Llama does not read
  const bool mistral = is_mistral(d->root);
  *c = mistral ? (model_config){.max_positions = 131072, .sliding_window = 4096} : (model_config){0};
  TRY(config_text_is(d, "hidden_act", "silu", e) && config_all_off(d, off, e));
  TRY(config_keys_known(d, keys, e));
  if (mistral) TRY(config_read_windows(d, 0, c, e));
  return config_read_common(d, c, e) && config_read_rope(d, c, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  static const char *const keys[] = {"expert_count", "attention.sliding_window", NULL};
  *c = (model_config){0};
  TRY(config_gguf_common(a, g, c, e));
  return config_gguf_is(a, g, "expert_count", 0, e) && config_gguf_is(a, g, "attention.sliding_window", 0, e) &&
         config_gguf_turns_all(a, g, c, e) && config_gguf_known(a, g, keys, e);
}

// Llama's GGUF has no sliding window. Within as many tokens as the window has it changes nothing, so that is the context.
static bool config_to_gguf(arena *a, const model *m, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  const uint32_t window = c->sliding_window, context = window && window < c->max_positions ? window : c->max_positions;
  if (c->scaling != ROPE_LLAMA3) return gguf_config_common(a, m, context, out, e);
  float *divisors = ARENA_ARRAY(a, float, c->head_dim / 2);
  model_rope_divisors(c, divisors);
  out->extra[out->n_extra++] = (gguf_extra){"rope_freqs.weight", divisors, c->head_dim / 2};
  return gguf_config_common(a, m, context, out, e);
}

static void list_params(arena *a, model *m) {
  decoder_list_params(a, m, &(decoder_layer){.gguf_interleaved = true});
}

const model_family llama_family = {
    .name = "llama",
    .hf_architectures = (const char *const[]){"LlamaForCausalLM", "MistralForCausalLM", NULL},
    .gguf_architectures = (const char *const[]){"llama", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = decoder_build,
    .hf_model_type = "llama",
    .config_to_gguf = config_to_gguf,
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
};
