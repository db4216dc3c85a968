// Phi-3 and Phi-3.5: Llama's decoder whose q, k and v are one projection, and gate and up another; only a part of each head may be
// turned, and frequencies may have LongRoPE's factors: short ones where no sequence of a run (its longest example, a generation's
// context) is longer than original_max_position_embeddings, else long ones. Follows transformers' Phi3ForCausalLM, which goes by the
// longest sequence of a batch.
#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "models/config_keys.h"
#include "models/decoder.h"
#include "models/save_gguf.h"

// --- config.json -----------------------------------------------------------------------------------------------------------

static bool read_factors(const json *d, const cJSON *rope, const char *where, const char *key, uint32_t n, float *out, err *e) {
  char found[64];
  cJSON *list;
  TRY(json_array(d, rope, where, key, &list, e));
  if (cJSON_GetArraySize(list) != (int)n)
    return ERR(e, "%s: %s.%s: expected %u numbers, one for each pair that turns, found %d", d->origin, where, key, n,
               cJSON_GetArraySize(list));
  for (const cJSON *v = list->child; v; v = v->next) {
    if (!cJSON_IsNumber(v))
      return ERR(e, "%s: %s.%s: expected numbers, found %s", d->origin, where, key, json_describe(v, found));
    *out++ = (float)v->valuedouble;
  }
  return true;
}

// What multiplies cosines and sines where the file does not say: √(1 + ln(s) / ln(original)), s the ratio of the contexts.
static double attention_factor(double ratio, double original) {
  return ratio <= 1 ? 1 : sqrt(1 + log(ratio) / log(original));
}

// "longrope", in older files "su".
static bool read_longrope(const json *d, const cJSON *rope, const char *where, model_config *c, err *e) {
  const uint32_t pairs = model_rotary_dim(c) / 2;
  REQUIRE(pairs <= MODEL_MAX_PAIRS, "%u pairs", pairs);
  TRY(json_u32_or(d, rope, where, "original_max_position_embeddings", &c->rope_original_positions, e));
  TRY(json_u32_or(d, d->root, "", "original_max_position_embeddings", &c->rope_original_positions, e));
  if (c->rope_original_positions < 2)
    return ERR(e, "%s: original_max_position_embeddings: expected at least 2, found %u", d->origin, c->rope_original_positions);
  const double ratio = (double)c->max_positions / c->rope_original_positions;
  double factor = ratio;
  TRY(json_number_or(d, rope, where, "factor", &factor, e));
  if (!(fabs(factor - ratio) <= 1e-6 * ratio))
    return ERR(e, "%s: %s.factor: expected max_position_embeddings / original_max_position_embeddings, %g, found %g", d->origin,
               where, ratio, factor);
  c->scaling = ROPE_LONG;
  c->rope_attention_factor = attention_factor(ratio, c->rope_original_positions);
  TRY(json_number_or(d, rope, where, "attention_factor", &c->rope_attention_factor, e));
  return read_factors(d, rope, where, "short_factor", pairs, c->rope_short, e) &&
         read_factors(d, rope, where, "long_factor", pairs, c->rope_long, e);
}

static bool read_rope(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"partial_rotary_factor", "short_factor", "long_factor", "attention_factor", NULL};
  const char *where = "", *type = "default";
  const cJSON *rope;
  double part = 1;
  TRY(config_find_rope(d, &rope, &where, e));
  TRY(json_number_or(d, d->root, "", "rope_theta", &c->rope_theta, e));
  TRY(json_number_or(d, d->root, "", "partial_rotary_factor", &part, e));
  if (rope) {
    TRY(config_rope_known(d, rope, where, keys, e));
    TRY(json_number_or(d, rope, where, "rope_theta", &c->rope_theta, e));
    TRY(json_number_or(d, rope, where, "partial_rotary_factor", &part, e));
    TRY(json_string_or(d, rope, where, "type", &type, e));
    TRY(json_string_or(d, rope, where, "rope_type", &type, e));
  }
  const uint32_t head = c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
  if (!(part > 0 && part <= 1) || head > MODEL_MAX_HEAD || head * part < 2)
    return ERR(e, "%s: partial_rotary_factor: expected a part of heads of %u, found %g", d->origin, head, part);
  c->rotary_dim = (uint32_t)(head * part);
  if (!strcmp(type, "default")) return true;
  if (!strcmp(type, "longrope") || !strcmp(type, "su")) return read_longrope(d, rope, where, c, e);
  return ERR(e, "%s: %s.rope_type: expected default or longrope, found \"%.40s\"", d->origin, where, type);
}

// Dropout of embeddings and of what layers add is the trainer's business.
static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"sliding_window",        "original_max_position_embeddings",
                                     "partial_rotary_factor", "embd_pdrop",
                                     "resid_pdrop",           "full_attn_mod",
                                     "interpolate_factor",    NULL};
  const char *const off[] = {"attention_bias", "mlp_bias", "lm_head_bias", "quantization_config", NULL};
  const char *const ones[] = {"full_attn_mod", "interpolate_factor", NULL}; // Phi-4-mini's, which transformers does not read
  *c = (model_config){.max_positions = 4096, .rms_norm_eps = 1e-5, .rope_original_positions = 4096};
  TRY(config_text_is(d, "hidden_act", "silu", e) && config_all_off(d, off, e) && config_keys_known(d, keys, e));
  for (int i = 0; ones[i]; i++) {
    double one = 1;
    TRY(json_number_or(d, d->root, "", ones[i], &one, e));
    if (one != 1) return config_refuse(d, cJSON_GetObjectItemCaseSensitive(d->root, ones[i]), "1", e);
  }
  return config_read_common(d, c, e) && config_read_windows(d, 0, c, e) && read_rope(d, c, e);
}

static void put_factors(cJSON *rope, const char *key, const float *factors, uint32_t n) {
  cJSON *list = cJSON_AddArrayToObject(rope, key);
  for (uint32_t i = 0; i < n; i++) cJSON_AddItemToArray(list, cJSON_CreateNumber((double)factors[i]));
}

static void config_to_hf(const model_config *c, cJSON *out) {
  config_put_common(c, out);
  if (c->sliding_window) cJSON_AddNumberToObject(out, "sliding_window", c->sliding_window);
  cJSON_AddNumberToObject(out, "partial_rotary_factor", (double)model_rotary_dim(c) / c->head_dim);
  cJSON_AddNumberToObject(out, "original_max_position_embeddings", c->rope_original_positions);
  if (c->scaling != ROPE_LONG) return;
  cJSON *rope = cJSON_AddObjectToObject(out, "rope_scaling");
  cJSON_AddStringToObject(rope, "type", "longrope");
  cJSON_AddNumberToObject(rope, "attention_factor", c->rope_attention_factor);
  put_factors(rope, "short_factor", c->rope_short, model_rotary_dim(c) / 2);
  put_factors(rope, "long_factor", c->rope_long, model_rotary_dim(c) / 2);
}

// --- GGUF ------------------------------------------------------------------------------------------------------------------

static const char short_name[] = "rope_factors_short.weight", long_name[] = "rope_factors_long.weight";

static bool is_no_weight(const char *name) {
  return !strcmp(name, short_name) || !strcmp(name, long_name);
}

static bool gguf_factors(const gguf *g, const char *name, uint32_t n, float *out, err *e) {
  const weight *w = weights_find(&g->weights, name);
  if (!w || w->type != DTYPE_F32 || w->n_dims != 1 || w->shape[0] != n)
    return ERR(e, "%s: tensor %s: expected %u numbers of f32, found %u of %s", g->path, name, n, w ? w->shape[0] : 0,
               w ? dtype_get(w->type)->name : "none");
  memcpy(out, w->data, n * sizeof *out);
  return true;
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  static const char *const keys[] = {"attention.sliding_window", "rope.scaling.original_context_length",
                                     "rope.scaling.attn_factor", NULL};
  float factor = 1;
  *c = (model_config){.max_positions = 4096};
  TRY(config_gguf_common(a, g, c, e) && config_gguf_known(a, g, keys, e));
  c->rope_original_positions = c->max_positions;
  TRY(gguf_get_u32_or(g, config_gguf_key(a, g, "attention.sliding_window"), &c->sliding_window, e));
  TRY(gguf_get_u32_or(g, config_gguf_key(a, g, "rope.dimension_count"), &c->rotary_dim, e));
  TRY(gguf_get_u32_or(g, config_gguf_key(a, g, "rope.scaling.original_context_length"), &c->rope_original_positions, e));
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "rope.scaling.attn_factor"), &factor, e));
  if (!weights_find(&g->weights, long_name) && !weights_find(&g->weights, short_name)) return true;
  const uint32_t head = c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
  const uint32_t pairs = (c->rotary_dim ? c->rotary_dim : head) / 2;
  if (pairs > MODEL_MAX_PAIRS)
    return ERR(e, "%s: phi3.rope.dimension_count: expected at most %d, found %u", g->path, MODEL_MAX_HEAD, c->rotary_dim);
  c->scaling = ROPE_LONG;
  c->rope_attention_factor = factor;
  return gguf_factors(g, short_name, pairs, c->rope_short, e) && gguf_factors(g, long_name, pairs, c->rope_long, e);
}

static bool config_to_gguf(arena *a, const model *m, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  const uint32_t pairs = model_rotary_dim(c) / 2;
  // 0, too: llama.cpp has asked for the key.
  gguf_put_u32(out->meta, gguf_config_key(a, m, "attention.sliding_window"), c->sliding_window);
  gguf_put_u32(out->meta, gguf_config_key(a, m, "rope.scaling.original_context_length"), c->rope_original_positions);
  if (c->scaling == ROPE_LONG) {
    gguf_put_f32(out->meta, gguf_config_key(a, m, "rope.scaling.attn_factor"), (float)c->rope_attention_factor);
    out->extra[out->n_extra++] = (gguf_extra){"rope_factors_long.weight", c->rope_long, pairs};
    out->extra[out->n_extra++] = (gguf_extra){"rope_factors_short.weight", c->rope_short, pairs};
  }
  return gguf_config_common(a, m, c->max_positions, out, e);
}

static void list_params(arena *a, model *m) {
  decoder_list_params(a, m, &(decoder_layer){.fused = true});
}

const model_family phi3_family = {
    .name = "phi3",
    .hf_architectures = (const char *const[]){"Phi3ForCausalLM", NULL},
    .gguf_architectures = (const char *const[]){"phi3", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = decoder_build,
    .hf_model_type = "phi3",
    .config_to_hf = config_to_hf,
    .config_to_gguf = config_to_gguf,
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
    .is_no_weight = is_no_weight,
};
