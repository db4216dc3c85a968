#include "models/gemma.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

static const char *const shared_keys[] = {"hidden_activation", "query_pre_attn_scalar",   "sliding_window",
                                          "layer_types",       "final_logit_softcapping", NULL};
enum { MOST_KEYS = 16 };

// Layers with a window have to have one: transformers takes no other file, and Gemma 3's turn by other angles.
static bool check_windows(const json *d, const model_config *c, err *e) {
  for (uint32_t l = 0; !c->sliding_window && l < c->n_layers && l < MODEL_MAX_LAYERS; l++)
    if (!c->full_layers[l])
      return ERR(e, "%s: sliding_window: expected a number, since layer %u has a window, found none", d->origin, l);
  return true;
}

bool gemma_config_from_hf(const json *d, uint32_t period, const char *const *keys, model_config *c, err *e) {
  const char *const off[] = {"attention_bias", "use_bidirectional_attention", "quantization_config", NULL};
  const char *known[MOST_KEYS] = {NULL};
  uint32_t n = 0, heads = 4;
  for (int i = 0; shared_keys[i]; i++) known[n++] = shared_keys[i];
  for (; *keys && n + 1 < MOST_KEYS; keys++) known[n++] = *keys;
  REQUIRE(!*keys, "%u keys of a family", n);
  c->tie_embeddings = true;
  c->head_dim = 256; // whatever the width is
  c->sliding_window = 4096;
  c->gelu = true;
  c->query_scalar = 256;
  TRY(config_text_is(d, "hidden_activation", "gelu_pytorch_tanh", e) && config_all_off(d, off, e));
  TRY(config_keys_known(d, known, e) && config_read_common(d, c, e));
  TRY(json_u32_or(d, d->root, "", "num_key_value_heads", &heads, e));
  c->n_kv_heads = heads;
  c->embedding_scale = sqrt(c->hidden_size);
  TRY(json_number_or(d, d->root, "", "query_pre_attn_scalar", &c->query_scalar, e));
  const cJSON *scalar = cJSON_GetObjectItemCaseSensitive(d->root, "query_pre_attn_scalar");
  if (!(c->query_scalar > 0)) return config_refuse(d, scalar, "a positive number", e);
  return config_read_windows(d, period, c, e) && check_windows(d, c, e);
}

bool gemma_config_from_gguf(arena *a, const gguf *g, uint32_t period, uint32_t n_layers_27b, model_config *c, err *e) {
  const char *const keys[] = {"attn_logit_softcapping",   "final_logit_softcapping",
                              "attention.sliding_window", "attention.sliding_window_pattern",
                              "rope.freq_base_swa",       "rope.scaling.original_context_length",
                              "rope.scaling.finetuned",   NULL};
  float logits = (float)c->logits_cap;
  c->sliding_window = 4096;
  c->gelu = true;
  TRY(config_gguf_common(a, g, c, e) && config_gguf_known(a, g, keys, e));
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "final_logit_softcapping"), &logits, e));
  TRY(gguf_get_u32_or(g, config_gguf_key(a, g, "attention.sliding_window"), &c->sliding_window, e));
  TRY(gguf_get_u32_or(g, config_gguf_key(a, g, "attention.sliding_window_pattern"), &period, e));
  TRY(config_gguf_turns_all(a, g, c, e));
  c->logits_cap = logits;
  c->embedding_scale = sqrt(c->hidden_size);
  c->query_scalar = c->n_layers == n_layers_27b && c->n_heads ? c->hidden_size / c->n_heads : 0;
  config_set_period(c, period);
  return true;
}

void gemma_config_to_hf(const model_config *c, cJSON *out) {
  config_put_common(c, out);
  cJSON_ReplaceItemInObjectCaseSensitive(out, "hidden_act", cJSON_CreateString("gelu_pytorch_tanh"));
  cJSON_AddStringToObject(out, "hidden_activation", "gelu_pytorch_tanh");
  cJSON_AddNumberToObject(out, "query_pre_attn_scalar", c->query_scalar > 0 ? c->query_scalar : c->head_dim);
  config_put_cap("final_logit_softcapping", c->logits_cap, out);
  config_put_windows(c, out);
}

// 0: the layers without a window are not each so many.
static uint32_t period_of(const model_config *c) {
  model_config tried = *c;
  for (uint32_t period = 1; period <= c->n_layers + 1; period++) {
    config_set_period(&tried, period);
    if (!memcmp(tried.full_layers, c->full_layers, c->n_layers * sizeof *c->full_layers)) return period;
  }
  return 0;
}

bool gemma_config_to_gguf(arena *a, const model *m, uint32_t period, uint32_t n_layers_27b, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  const uint32_t divided = c->n_layers == n_layers_27b ? c->hidden_size / c->n_heads : c->head_dim, own = period_of(c);
  if (c->query_scalar > 0 && c->query_scalar != divided)
    return ERR(e, "%s: query_pre_attn_scalar: expected %u, which GGUF takes for granted, found %g: --format hf writes it",
               m->path, divided, c->query_scalar);
  if (!own)
    return ERR(e,
               "%s: layer_types: expected each n-th layer to see all, as GGUF has it, found other ones: --format hf writes them",
               m->path);
  TRY(gguf_config_common(a, m, c->max_positions, out, e));
  if (own != period) gguf_put_u32(out->meta, gguf_config_key(a, m, "attention.sliding_window_pattern"), own);
  gguf_put_u32(out->meta, gguf_config_key(a, m, "attention.sliding_window"), c->sliding_window);
  if (c->logits_cap > 0) gguf_put_f32(out->meta, gguf_config_key(a, m, "final_logit_softcapping"), (float)c->logits_cap);
  if (c->rope_local_theta > 0) gguf_put_f32(out->meta, gguf_config_key(a, m, "rope.freq_base_swa"), (float)c->rope_local_theta);
  return true;
}
