#include "models/config_keys.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "io/quote.h"

static bool among(const char *key, const char *const *keys) {
  for (; *keys; keys++)
    if (!strcmp(*keys, key)) return true;
  return false;
}

// --- config.json -------------------------------------------------------------------------------------------------------

static const char *const read_by_all[] = {"architectures",
                                          "model_type",
                                          "vocab_size",
                                          "hidden_size",
                                          "intermediate_size",
                                          "num_hidden_layers",
                                          "num_attention_heads",
                                          "num_key_value_heads",
                                          "head_dim",
                                          "max_position_embeddings",
                                          "rms_norm_eps",
                                          "initializer_range",
                                          "tie_word_embeddings",
                                          "hidden_act",
                                          "rope_theta",
                                          "rope_scaling",
                                          "rope_parameters",
                                          "bos_token_id",
                                          "eos_token_id",
                                          "torch_dtype",
                                          "dtype",
                                          "pretraining_tokens",
                                          NULL};

// What transformers writes into every config and the forward does not read; settings of generation, which older versions kept
// here; where a model comes from. Dropout in training is the trainer's business: --lora-dropout.
static const char *const harmless[] = {"transformers_version",
                                       "auto_map",
                                       "attn_implementation",
                                       "use_cache",
                                       "cache_implementation",
                                       "pad_token_id",
                                       "unk_token_id",
                                       "sep_token_id",
                                       "decoder_start_token_id",
                                       "return_dict",
                                       "return_dict_in_generate",
                                       "output_hidden_states",
                                       "output_attentions",
                                       "output_scores",
                                       "torchscript",
                                       "chunk_size_feed_forward",
                                       "id2label",
                                       "label2id",
                                       "num_labels",
                                       "problem_type",
                                       "finetuning_task",
                                       "task_specific_params",
                                       "tokenizer_class",
                                       "attention_dropout",
                                       "hidden_dropout",
                                       "max_length",
                                       "min_length",
                                       "do_sample",
                                       "early_stopping",
                                       "num_beams",
                                       "num_beam_groups",
                                       "diversity_penalty",
                                       "temperature",
                                       "top_k",
                                       "top_p",
                                       "typical_p",
                                       "repetition_penalty",
                                       "length_penalty",
                                       "num_return_sequences",
                                       "remove_invalid_values",
                                       "pretraining_tp", // in how many parts a product is summed
                                       "transformers.js_config",
                                       "is_llama_config",
                                       "unsloth_version",
                                       "unsloth_fixed",
                                       "model_name",
                                       NULL};

// Names that begin with an underscore are private to a library (_name_or_path, _attn_implementation, _model_name_or_path of a
// GGUF that transformers has read): notes, never a part of the forward.
static bool is_note(const char *key) {
  return key[0] == '_' || among(key, harmless);
}

static bool is_off(const cJSON *v) {
  if (!v || cJSON_IsNull(v) || cJSON_IsFalse(v)) return true;
  if (cJSON_IsNumber(v)) return v->valuedouble == 0;
  return (cJSON_IsArray(v) || cJSON_IsObject(v)) && !v->child;
}

bool config_refuse(const json *d, const cJSON *value, const char *expected, err *e) {
  char found[64];
  return ERR(e, "%s: %s: expected %s, found %s: this model needs something that vkift does not have", d->origin, value->string,
             expected, json_describe(value, found));
}

bool config_keys_known(const json *d, const char *const *family_keys, err *e) {
  char found[64], quoted[QUOTE_BYTES];
  for (const cJSON *v = d->root->child; v; v = v->next)
    if (!is_off(v) && !among(v->string, read_by_all) && !is_note(v->string) && !among(v->string, family_keys))
      return ERR(e,
                 "%s: %s: found %s: a setting that vkift does not know, and that might change the result; where it does not, "
                 "take it out of the file",
                 d->origin, quote_string(v->string, quoted), json_describe(v, found));
  return true;
}

bool config_text_is(const json *d, const char *key, const char *value, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, key);
  if (!v || cJSON_IsNull(v) || (cJSON_IsString(v) && !strcmp(v->valuestring, value))) return true;
  char expected[64];
  snprintf(expected, sizeof expected, "\"%s\"", value);
  return config_refuse(d, v, expected, e);
}

bool config_all_off(const json *d, const char *const *keys, err *e) {
  for (; *keys; keys++) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, *keys);
    if (v && !cJSON_IsNull(v) && !cJSON_IsFalse(v)) return config_refuse(d, v, "none or false", e);
  }
  return true;
}

bool config_find_rope(const json *d, const cJSON **rope, const char **where, err *e) {
  static const char *const keys[] = {"rope_parameters", "rope_scaling"};
  char found[64];
  *rope = NULL;
  for (int i = 0; i < 2; i++) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, keys[i]);
    if (v && !cJSON_IsNull(v) && !cJSON_IsObject(v))
      return ERR(e, "%s: %s: expected an object or null, found %s", d->origin, keys[i], json_describe(v, found));
    if (is_off(v)) continue;
    if (*rope) return ERR(e, "%s: expected rope_parameters or rope_scaling, found both", d->origin);
    *rope = v;
    *where = keys[i];
  }
  return true;
}

bool config_rope_known(const json *d, const cJSON *rope, const char *where, const char *const *family_keys, err *e) {
  static const char *const all[] = {"type", "rope_type", "rope_theta", "factor", "original_max_position_embeddings", NULL};
  char found[64], quoted[QUOTE_BYTES];
  for (const cJSON *v = rope->child; v; v = v->next) {
    const bool whole = !strcmp(v->string, "partial_rotary_factor") && cJSON_IsNumber(v) && v->valuedouble == 1;
    if (!is_off(v) && !whole && !among(v->string, all) && !among(v->string, family_keys))
      return ERR(e, "%s: %s: %s: found %s: a setting that vkift does not know, and that might change the result", d->origin,
                 where, quote_string(v->string, quoted), json_describe(v, found));
  }
  return true;
}

bool config_read_rope(const json *d, model_config *c, err *e) {
  const char *where = "";
  const cJSON *rope;
  TRY(config_find_rope(d, &rope, &where, e));
  TRY(json_number_or(d, d->root, "", "rope_theta", &c->rope_theta, e));
  return config_read_rope_of(d, rope, where, c, e);
}

bool config_read_rope_of(const json *d, const cJSON *rope, const char *where, model_config *c, err *e) {
  if (!rope || cJSON_IsNull(rope)) return true;
  char found[64];
  if (!cJSON_IsObject(rope))
    return ERR(e, "%s: %s: expected an object or null, found %s", d->origin, where, json_describe(rope, found));
  static const char *const llama3_keys[] = {"low_freq_factor", "high_freq_factor", NULL};
  const char *type = "default";
  TRY(json_string_or(d, rope, where, "type", &type, e));
  TRY(json_string_or(d, rope, where, "rope_type", &type, e));
  TRY(json_number_or(d, rope, where, "rope_theta", &c->rope_theta, e));
  const bool plain = !strcmp(type, "default"), linear = !strcmp(type, "linear");
  if (!plain && !linear && strcmp(type, "llama3"))
    return ERR(e, "%s: %s.rope_type: expected default, linear or llama3, found \"%.40s\"", d->origin, where, type);
  TRY(config_rope_known(d, rope, where, llama3_keys, e));
  if (plain) return true;
  TRY(json_number(d, rope, where, "factor", &c->rope_factor, e));
  c->scaling = ROPE_LINEAR;
  if (linear) return true;
  c->scaling = ROPE_LLAMA3;
  TRY(json_number(d, rope, where, "low_freq_factor", &c->rope_low_freq_factor, e));
  TRY(json_number(d, rope, where, "high_freq_factor", &c->rope_high_freq_factor, e));
  TRY(json_u32(d, rope, where, "original_max_position_embeddings", &c->rope_original_positions, e));
  return true;
}

void config_set_defaults(model_config *c) {
  if (!c->rms_norm_eps) c->rms_norm_eps = 1e-6;
  if (!c->rope_theta) c->rope_theta = 10000;
  if (!c->initializer_range) c->initializer_range = 0.02;
  if (!c->max_positions) c->max_positions = 2048;
  c->bos_id = -1;
}

bool config_read_common(const json *d, model_config *c, err *e) {
  const cJSON *r = d->root;
  config_set_defaults(c);
  TRY(json_u32(d, r, "", "vocab_size", &c->vocab_size, e));
  TRY(json_u32(d, r, "", "hidden_size", &c->hidden_size, e));
  TRY(json_u32(d, r, "", "intermediate_size", &c->intermediate_size, e));
  TRY(json_u32(d, r, "", "num_hidden_layers", &c->n_layers, e));
  TRY(json_u32(d, r, "", "num_attention_heads", &c->n_heads, e));
  c->n_kv_heads = c->n_heads;
  TRY(json_u32_or(d, r, "", "num_key_value_heads", &c->n_kv_heads, e));
  TRY(json_u32_or(d, r, "", "head_dim", &c->head_dim, e));
  TRY(json_u32_or(d, r, "", "max_position_embeddings", &c->max_positions, e));
  TRY(json_number_or(d, r, "", "rms_norm_eps", &c->rms_norm_eps, e));
  TRY(json_number_or(d, r, "", "initializer_range", &c->initializer_range, e));
  return json_bool_or(d, r, "", "tie_word_embeddings", &c->tie_embeddings, e);
}

bool config_read_cap(const json *d, const char *key, double otherwise, double *cap, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, key);
  *cap = v ? 0 : otherwise;
  if (!v || cJSON_IsNull(v)) return true;
  TRY(json_number(d, d->root, "", key, cap, e));
  return *cap > 0 || config_refuse(d, v, "a positive number, or null for none", e);
}

void config_set_period(model_config *c, uint32_t period) {
  for (uint32_t l = 0; l < MODEL_MAX_LAYERS; l++) c->full_layers[l] = period && (l + 1) % period == 0;
}

bool config_read_windows(const json *d, uint32_t period, model_config *c, err *e) {
  const cJSON *types = cJSON_GetObjectItemCaseSensitive(d->root, "layer_types");
  char found[64];
  if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(d->root, "sliding_window"))) c->sliding_window = 0;
  TRY(json_u32_or(d, d->root, "", "sliding_window", &c->sliding_window, e));
  config_set_period(c, period);
  if (!types || cJSON_IsNull(types)) return true;
  if (!cJSON_IsArray(types) || cJSON_GetArraySize(types) != (int)c->n_layers)
    return ERR(e, "%s: layer_types: expected a list of %u, one for each layer, found %s", d->origin, c->n_layers,
               json_describe(types, found));
  uint32_t l = 0;
  for (const cJSON *v = types->child; v && l < MODEL_MAX_LAYERS; v = v->next, l++) {
    c->full_layers[l] = cJSON_IsString(v) && !strcmp(v->valuestring, "full_attention");
    if (!c->full_layers[l] && !(cJSON_IsString(v) && !strcmp(v->valuestring, "sliding_attention")))
      return ERR(e, "%s: layer_types[%u]: expected \"full_attention\" or \"sliding_attention\", found %s", d->origin, l,
                 json_describe(v, found));
  }
  return true;
}

void config_put_cap(const char *key, double cap, cJSON *o) {
  if (cap > 0) cJSON_AddNumberToObject(o, key, cap);
  else cJSON_AddNullToObject(o, key);
}

void config_put_windows(const model_config *c, cJSON *o) {
  cJSON *types = cJSON_AddArrayToObject(o, "layer_types");
  for (uint32_t l = 0; l < c->n_layers; l++)
    cJSON_AddItemToArray(types, cJSON_CreateString(model_has_window(c, l) ? "sliding_attention" : "full_attention"));
  if (c->sliding_window) cJSON_AddNumberToObject(o, "sliding_window", c->sliding_window);
}

void config_put_numbers(const config_number *numbers, size_t n, cJSON *o) {
  for (size_t i = 0; i < n; i++) cJSON_AddNumberToObject(o, numbers[i].key, numbers[i].value);
}

void config_put_common(const model_config *c, cJSON *o) {
  const config_number numbers[] = {{"vocab_size", c->vocab_size},
                                   {"hidden_size", c->hidden_size},
                                   {"intermediate_size", c->intermediate_size},
                                   {"num_hidden_layers", c->n_layers},
                                   {"num_attention_heads", c->n_heads},
                                   {"num_key_value_heads", c->n_kv_heads},
                                   {"head_dim", c->head_dim},
                                   {"max_position_embeddings", c->max_positions},
                                   {"rms_norm_eps", c->rms_norm_eps},
                                   {"rope_theta", c->rope_theta},
                                   {"initializer_range", c->initializer_range}};
  config_put_numbers(numbers, sizeof numbers / sizeof *numbers, o);
  cJSON_AddStringToObject(o, "hidden_act", "silu");
  cJSON_AddBoolToObject(o, "attention_bias", false);
  cJSON_AddBoolToObject(o, "mlp_bias", false);
  if (c->scaling != ROPE_LINEAR) return;
  cJSON *rope = cJSON_AddObjectToObject(o, "rope_scaling");
  cJSON_AddStringToObject(rope, "rope_type", "linear");
  cJSON_AddNumberToObject(rope, "factor", c->rope_factor);
}

// --- GGUF ----------------------------------------------------------------------------------------------------------------

static const char *const gguf_read[] = {"vocab_size",
                                        "embedding_length",
                                        "feed_forward_length",
                                        "block_count",
                                        "context_length",
                                        "attention.head_count",
                                        "attention.head_count_kv",
                                        "attention.key_length",
                                        "attention.value_length",
                                        "attention.layer_norm_rms_epsilon",
                                        "rope.freq_base",
                                        "rope.dimension_count",
                                        "rope.scaling.type",
                                        "rope.scaling.factor",
                                        "rope.scaling.original_context_length",
                                        "rope.scaling.finetuned",
                                        "attention.causal",
                                        "tensor_data_layout", // the order of rows that all files of Llama have
                                        NULL};

static const char *architecture_of(arena *a, const gguf *g) {
  const char *name = "";
  err unused = {0}; // opening the model has read it
  REQUIRE(gguf_get_string(a, g, "general.architecture", &name, &unused), "architecture of %s", g->path);
  return name;
}

const char *config_gguf_key(arena *a, const gguf *g, const char *rest) {
  return arena_printf(a, "%s.%s", architecture_of(a, g), rest);
}

static bool gguf_is_off(const gguf_value *v) {
  const bool is_float = v->item_type == GGUF_F32 || v->item_type == GGUF_F64;
  return v->type != GGUF_STRING && v->type != GGUF_ARRAY && (is_float ? gguf_float_at(v, 0) == 0 : gguf_int_at(v, 0) == 0);
}

bool config_gguf_known(arena *a, const gguf *g, const char *const *family_keys, err *e) {
  const char *prefix = config_gguf_key(a, g, "");
  for (uint64_t i = 0; i < g->n_values; i++) {
    const gguf_value *v = &g->values[i];
    const char *rest = v->key + strlen(prefix);
    char quoted[QUOTE_BYTES];
    if (strncmp(v->key, prefix, strlen(prefix)) || among(rest, gguf_read) || among(rest, family_keys) || gguf_is_off(v)) continue;
    return ERR(e, "%s: %s: a setting that vkift does not know, and that might change the result", g->path,
               quote_string(v->key, quoted));
  }
  return true;
}

bool config_gguf_is(arena *a, const gguf *g, const char *rest, uint32_t expected, err *e) {
  const char *key = config_gguf_key(a, g, rest);
  uint32_t found = expected;
  TRY(gguf_get_u32_or(g, key, &found, e));
  if (found == expected) return true;
  return ERR(e, "%s: %s: expected %u, found %u: this model needs something that vkift does not have", g->path, key, expected,
             found);
}

static uint32_t head_of(const model_config *c) {
  return c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
}

bool config_gguf_turns_all(arena *a, const gguf *g, const model_config *c, err *e) {
  return config_gguf_is(a, g, "rope.dimension_count", head_of(c), e);
}

// Llama 3's scaling, worked out by the converter: rope_freqs.weight [head_dim / 2].
static bool read_rope_divisors(arena *a, const gguf *g, model_config *c, err *e) {
  const weight *w = weights_find(&g->weights, "rope_freqs.weight");
  const uint32_t half = head_of(c) / 2;
  if (!w) return true;
  if (c->scaling != ROPE_PLAIN)
    return ERR(e, "%s: tensor rope_freqs.weight: expected no other scaling beside it, found one by a factor of %g", g->path,
               c->rope_factor);
  if (w->type != DTYPE_F32 || w->n_dims != 1 || w->shape[0] != half)
    return ERR(e, "%s: tensor rope_freqs.weight: expected %u numbers of f32, found %u of %s", g->path, half, w->shape[0],
               dtype_get(w->type)->name);
  float *divisors = ARENA_ARRAY(a, float, w->shape[0]);
  memcpy(divisors, w->data, (size_t)w->bytes);
  c->rope_divisors = divisors;
  for (uint32_t i = 0; i < half; i++)
    if (!(divisors[i] >= 1e-3f && divisors[i] <= 1e6f))
      return ERR(e, "%s: tensor rope_freqs.weight: element %u: expected 0.001 to 1000000, found %g", g->path, i,
                 (double)divisors[i]);
  return true;
}

// Llama 3's scaling is no key: it comes as rope_freqs.weight. A factor alone is linear, as llama.cpp has it.
static bool read_rope_scaling(arena *a, const gguf *g, model_config *c, err *e) {
  const char *key = config_gguf_key(a, g, "rope.scaling.type"), *type = "none";
  char found[QUOTE_BYTES];
  float factor = 0;
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, "rope.scaling.factor"), &factor, e));
  if (factor != 0 && factor != 1) type = "linear";
  if (gguf_find(g, key)) TRY(gguf_get_string(a, g, key, &type, e));
  if (!strcmp(type, "none")) return true;
  if (strcmp(type, "linear"))
    return ERR(e, "%s: %s: expected none or linear, found %s: start from the model's Hugging Face directory", g->path, key,
               quote_string(type, found));
  TRY(gguf_get_f32(g, config_gguf_key(a, g, "rope.scaling.factor"), &factor, e));
  c->scaling = ROPE_LINEAR;
  c->rope_factor = factor;
  return true;
}

bool config_gguf_common(arena *a, const gguf *g, model_config *c, err *e) {
#define KEY(rest) config_gguf_key(a, g, rest)
  config_set_defaults(c);
  float eps = 1e-5f, theta = (float)c->rope_theta;
  const gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens");
  if (tokens) c->vocab_size = (uint32_t)tokens->n;
  TRY(gguf_get_u32_or(g, KEY("vocab_size"), &c->vocab_size, e));
  TRY(gguf_get_u32(g, KEY("embedding_length"), &c->hidden_size, e));
  TRY(gguf_get_u32(g, KEY("feed_forward_length"), &c->intermediate_size, e));
  TRY(gguf_get_u32(g, KEY("block_count"), &c->n_layers, e));
  TRY(gguf_get_u32(g, KEY("attention.head_count"), &c->n_heads, e));
  c->n_kv_heads = c->n_heads;
  TRY(gguf_get_u32_or(g, KEY("attention.head_count_kv"), &c->n_kv_heads, e));
  TRY(gguf_get_u32_or(g, KEY("attention.key_length"), &c->head_dim, e));
  TRY(gguf_get_u32_or(g, KEY("context_length"), &c->max_positions, e));
  TRY(gguf_get_f32_or(g, KEY("attention.layer_norm_rms_epsilon"), &eps, e));
  TRY(gguf_get_f32_or(g, KEY("rope.freq_base"), &theta, e));
#undef KEY
  c->rms_norm_eps = eps;
  c->rope_theta = theta;
  c->tie_embeddings = !weights_find(&g->weights, "output.weight");
  bool causal = true;
  TRY(gguf_get_bool_or(g, config_gguf_key(a, g, "attention.causal"), &causal, e));
  if (!causal) return ERR(e, "%s: %s: expected true, found false", g->path, config_gguf_key(a, g, "attention.causal"));
  TRY(config_gguf_is(a, g, "attention.value_length", head_of(c), e));
  return read_rope_scaling(a, g, c, e) && read_rope_divisors(a, g, c, e);
}
