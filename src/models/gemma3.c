// Gemma 3, its text models: what gemma.h says, with heads of q and k that are normalised; each sixth layer sees all, and turns by
// other angles than those with a window. Follows transformers' Gemma3ForCausalLM.
#include <string.h>

#include <cjson/cJSON.h>

#include "models/gemma.h"

enum { PERIOD = 6, LAYERS_27B = 62 };
static const double theta = 1e6, local_theta = 1e4; // where the file does not say

// rope_parameters has an object for each kind of layer (transformers 5); before, rope_theta and rope_scaling were those of the
// layers that see all, and rope_local_base_freq that of the others.
static bool read_rope(const json *d, model_config *c, err *e) {
  static const char *const kinds[] = {"full_attention", "sliding_attention"};
  const char *where = "";
  const cJSON *rope;
  TRY(config_find_rope(d, &rope, &where, e));
  TRY(json_number_or(d, d->root, "", "rope_local_base_freq", &c->rope_local_theta, e));
  if (strcmp(where, "rope_parameters")) return config_read_rope(d, c, e);
  TRY(json_number_or(d, d->root, "", "rope_theta", &c->rope_theta, e));
  TRY(json_check_keys(d, rope, where, (const char *const[]){kinds[0], kinds[1], NULL}, e));
  model_config local = {.rope_theta = c->rope_local_theta};
  TRY(config_read_rope_of(d, cJSON_GetObjectItemCaseSensitive(rope, kinds[0]), "rope_parameters.full_attention", c, e));
  TRY(config_read_rope_of(d, cJSON_GetObjectItemCaseSensitive(rope, kinds[1]), "rope_parameters.sliding_attention", &local, e));
  if (local.scaling != ROPE_PLAIN) return config_refuse(d, rope, "the layers with a window to have rope_type default", e);
  c->rope_local_theta = local.rope_theta;
  return true;
}

static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"sliding_window_pattern", "_sliding_window_pattern", "rope_local_base_freq", NULL};
  static const char *const off[] = {"attn_logit_softcapping", NULL}; // which transformers reads, and does not use
  uint32_t period = PERIOD, own;
  *c = (model_config){.max_positions = 131072, .rope_theta = theta, .rope_local_theta = local_theta};
  TRY(config_all_off(d, off, e) && json_u32_or(d, d->root, "", "sliding_window_pattern", &period, e));
  own = period;
  // transformers writes _sliding_window_pattern beside layer_types, and reads only these.
  TRY(json_u32_or(d, d->root, "", "_sliding_window_pattern", &own, e));
  const cJSON *types = cJSON_GetObjectItemCaseSensitive(d->root, "layer_types");
  if (own != period && !cJSON_IsArray(types))
    return ERR(e, "%s: _sliding_window_pattern: expected layer_types beside it, or %u, found %u", d->origin, period, own);
  return gemma_config_from_hf(d, period, keys, c, e) && read_rope(d, c, e) &&
         config_read_cap(d, "final_logit_softcapping", 0, &c->logits_cap, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  float local = (float)local_theta;
  *c = (model_config){.max_positions = 131072};
  TRY(gemma_config_from_gguf(a, g, PERIOD, LAYERS_27B, c, e) && config_gguf_is(a, g, "attn_logit_softcapping", 0, e));
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "rope.freq_base_swa"), &local, e));
  c->rope_local_theta = local;
  return true;
}

static void config_to_hf(const model_config *c, cJSON *out) {
  gemma_config_to_hf(c, out);
  cJSON_AddNumberToObject(out, "rope_local_base_freq", c->rope_local_theta);
}

static bool config_to_gguf(arena *a, const model *m, gguf_config *out, err *e) {
  return gemma_config_to_gguf(a, m, PERIOD, LAYERS_27B, out, e);
}

static void list_params(arena *a, model *m) {
  decoder_list_params(a, m, &(decoder_layer){.qk_norm = true, .four_norms = true, .norm_offset = true});
}

const model_family gemma3_family = {
    .name = "gemma3",
    .hf_architectures = (const char *const[]){"Gemma3ForCausalLM", NULL},
    .gguf_architectures = (const char *const[]){"gemma3", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = decoder_build,
    .hf_model_type = "gemma3_text",
    .config_to_hf = config_to_hf,
    .config_to_gguf = config_to_gguf,
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
};
