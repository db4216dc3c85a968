// Gemma 2: what gemma.h says, with soft caps of attention's scores and of logits; every other layer has a window. Follows
// transformers' Gemma2ForCausalLM.
#include <cjson/cJSON.h>

#include "models/gemma.h"

enum { PERIOD = 2, LAYERS_27B = 46 };
static const double attention_cap = 50, logits_cap = 30; // where the file does not say

static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"attn_logit_softcapping", NULL};
  *c = (model_config){.max_positions = 8192};
  return gemma_config_from_hf(d, PERIOD, keys, c, e) && config_read_rope(d, c, e) &&
         config_read_cap(d, "attn_logit_softcapping", attention_cap, &c->attention_cap, e) &&
         config_read_cap(d, "final_logit_softcapping", logits_cap, &c->logits_cap, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  float cap = (float)attention_cap, local_theta;
  *c = (model_config){.max_positions = 8192, .logits_cap = logits_cap};
  TRY(gemma_config_from_gguf(a, g, PERIOD, LAYERS_27B, c, e));
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "attn_logit_softcapping"), &cap, e));
  c->attention_cap = cap;
  local_theta = (float)c->rope_theta;
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "rope.freq_base_swa"), &local_theta, e));
  if (local_theta == (float)c->rope_theta) return true;
  return ERR(e, "%s: gemma2.rope.freq_base_swa: expected %g, as in the layers without a window, found %g", g->path, c->rope_theta,
             (double)local_theta);
}

static void config_to_hf(const model_config *c, cJSON *out) {
  gemma_config_to_hf(c, out);
  config_put_cap("attn_logit_softcapping", c->attention_cap, out);
}

// llama.cpp divides by both caps, whatever they are.
static bool config_to_gguf(arena *a, const model *m, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  if (!(c->attention_cap > 0 && c->logits_cap > 0))
    return ERR(e, "%s: %s: expected a soft cap, which GGUF takes for granted in Gemma 2, found none: --format hf writes it",
               m->path, c->attention_cap > 0 ? "final_logit_softcapping" : "attn_logit_softcapping");
  gguf_put_f32(out->meta, gguf_config_key(a, m, "attn_logit_softcapping"), (float)c->attention_cap);
  return gemma_config_to_gguf(a, m, PERIOD, LAYERS_27B, out, e);
}

static void list_params(arena *a, model *m) {
  decoder_list_params(a, m, &(decoder_layer){.four_norms = true, .norm_offset = true});
}

const model_family gemma2_family = {
    .name = "gemma2",
    .hf_architectures = (const char *const[]){"Gemma2ForCausalLM", NULL},
    .gguf_architectures = (const char *const[]){"gemma2", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = decoder_build,
    .hf_model_type = "gemma2",
    .config_to_hf = config_to_hf,
    .config_to_gguf = config_to_gguf,
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
};
