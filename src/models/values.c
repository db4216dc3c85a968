// A model's numbers on the host: parameters in Hugging Face's layout, rotary tables, a config.json for GGUF models.
#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/rng.h"
#include "models/config_keys.h"

static uint64_t elements_of(const model_param *p) {
  return (uint64_t)p->shape[0] * (p->n_dims > 1 ? p->shape[1] : 1);
}

// A stream of its own for each parameter, so that adding one changes no other.
static void initialise(const model *m, const model_param *p, uint64_t seed, float *out) {
  const uint64_t n = elements_of(p);
  rng r = rng_new(seed + (uint64_t)(p - m->params) * 0x9E3779B97F4A7C15u, RNG_INIT);
  const float constant = p->role == PARAM_NORM ? 1 - p->offset : 0;
  const bool random = p->role != PARAM_NORM && p->role != PARAM_BIAS;
  for (uint64_t i = 0; i < n; i++) out[i] = random ? (float)(rng_normal(&r) * m->config.initializer_range) : constant;
}

// GGUF's Llama converter interleaves the rows of q and k for its rotary kernel: within a head of size d, row 2i + j of
// the file is row i + j · d/2 of Hugging Face's half-split form (j = 0, 1). to_gguf: that way, else back.
static void turn_rows(const model_param *p, void *rows, uint64_t row_bytes, bool to_gguf) {
  if (!p->gguf_rotary_heads) return;
  const uint32_t head = p->shape[0] / p->gguf_rotary_heads;
  arena *a = arena_new("row order");
  char *copy = ARENA_ARRAY(a, char, head *row_bytes);
  for (uint32_t h = 0; h < p->gguf_rotary_heads; h++) {
    char *first = (char *)rows + h * head * row_bytes;
    memcpy(copy, first, (size_t)(head * row_bytes));
    for (uint32_t i = 0; i < head; i++) {
      const uint32_t split = i / 2 + i % 2 * (head / 2), to = to_gguf ? i : split, from = to_gguf ? split : i;
      memcpy(first + to * row_bytes, copy + from * row_bytes, (size_t)row_bytes);
    }
  }
  arena_free(a);
}

// rows [cols, rows] become [rows, cols].
static void transpose(float *values, uint32_t rows, uint32_t cols) {
  arena *a = arena_new("transposed weight");
  float *copy = ARENA_ARRAY(a, float, (uint64_t)rows *cols);
  memcpy(copy, values, (size_t)rows * cols * sizeof *copy);
  for (uint32_t i = 0; i < rows; i++)
    for (uint32_t k = 0; k < cols; k++) values[(uint64_t)i * cols + k] = copy[(uint64_t)k * rows + i];
  arena_free(a);
}

void model_turn_for_hf(const model_param *p, float *values) {
  if (p->hf_transposed) transpose(values, p->shape[1], p->shape[0]);
}

void model_turn_from_hf(const model_param *p, float *values) {
  if (p->hf_transposed) transpose(values, p->shape[0], p->shape[1]);
}

void model_hf_shape(const model_param *p, uint32_t out[2]) {
  out[0] = p->shape[p->hf_transposed];
  out[1] = p->shape[!p->hf_transposed];
}

static void add(float *values, uint64_t n, float x) {
  for (uint64_t i = 0; i < n; i++) values[i] += x;
}

void model_to_gguf(const model_param *p, float *rows, uint32_t width) {
  turn_rows(p, rows, width * sizeof *rows, true);
  if (p->offset != 0) add(rows, (uint64_t)p->shape[0] * width, p->offset);
}

void model_read_param(const model *m, const model_param *p, uint64_t seed, float *out) {
  if (!p->source) {
    initialise(m, p, seed, out);
    return;
  }
  dtype_to_f32(p->source->type, p->source->data, out, elements_of(p));
  const uint64_t columns = p->n_dims > 1 ? p->shape[1] : 1;
  if (m->is_gguf && p->offset != 0) add(out, elements_of(p), -p->offset);
  if (m->is_gguf) turn_rows(p, out, columns * sizeof *out, false);
  if (!m->is_gguf) model_turn_from_hf(p, out);
}

void model_read_blocks(const model *m, const model_param *p, void *out) {
  REQUIRE(p->source && dtype_is_quantized(p->source->type) && p->n_dims == 2, "%s has no blocks", p->name);
  memcpy(out, p->source->data, (size_t)p->source->bytes);
  if (m->is_gguf) turn_rows(p, out, dtype_bytes(p->source->type, p->shape[1]), false);
}

bool model_has_window(const model_config *c, uint32_t layer) {
  return c->sliding_window && !c->full_layers[layer];
}

bool model_mixes_windows(const model_config *c) {
  for (uint32_t l = 1; l < c->n_layers; l++)
    if (model_has_window(c, l) != model_has_window(c, 0)) return true;
  return false;
}

uint32_t model_rotary_dim(const model_config *c) {
  return c->rotary_dim ? c->rotary_dim : c->head_dim;
}

// The frequency of pair i, θ^(−2i/d), with Llama 3's smoothing between long and short wave lengths
// (transformers, modeling_rope_utils: llama3), or divided by LongRoPE's factors (there: longrope).
static double frequency(const model_config *c, bool local, uint32_t longest, uint32_t i) {
  const double f = pow(local ? c->rope_local_theta : c->rope_theta, -2.0 * i / model_rotary_dim(c));
  if (local) return f;
  if (c->rope_divisors) return f / c->rope_divisors[i];
  if (c->scaling == ROPE_LONG) return f / (longest > c->rope_original_positions ? c->rope_long : c->rope_short)[i];
  if (c->scaling == ROPE_PLAIN) return f;
  if (c->scaling == ROPE_LINEAR) return f / c->rope_factor;
  const double wave = 2 * 3.14159265358979323846 / f, n = c->rope_original_positions;
  const double low_wave = n / c->rope_low_freq_factor, high_wave = n / c->rope_high_freq_factor;
  if (wave < high_wave) return f;
  if (wave > low_wave) return f / c->rope_factor;
  const double smooth = (n / wave - c->rope_low_freq_factor) / (c->rope_high_freq_factor - c->rope_low_freq_factor);
  return (1 - smooth) * f / c->rope_factor + smooth * f;
}

void model_rope_divisors(const model_config *c, float *out) {
  for (uint32_t i = 0; i < c->head_dim / 2; i++)
    out[i] = (float)(pow(c->rope_theta, -2.0 * i / c->head_dim) / frequency(c, false, 0, i));
}

void model_rotary_tables(const model_config *c, bool local, uint32_t longest, uint32_t n, float *cos_table, float *sin_table) {
  const uint32_t half = model_rotary_dim(c) / 2;
  const double factor = c->scaling == ROPE_LONG && !local ? c->rope_attention_factor : 1;
  for (uint32_t i = 0; i < half; i++) {
    const double f = frequency(c, local, longest, i);
    for (uint32_t p = 0; p < n; p++) {
      cos_table[(uint64_t)p * half + i] = (float)(factor * cos(p * f));
      sin_table[(uint64_t)p * half + i] = (float)(factor * sin(p * f));
    }
  }
}

uint64_t model_fingerprint(const model *m) {
  enum { SAMPLE_BYTES = 4096 };
  XXH3_state_t *h = XXH3_createState();
  REQUIRE(h, "out of host memory for a hash");
  XXH3_64bits_reset(h);
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    XXH3_64bits_update(h, p->name, strlen(p->name) + 1);
    XXH3_64bits_update(h, p->shape, sizeof p->shape);
    if (!p->source) continue;
    const uint32_t type = p->source->type;
    XXH3_64bits_update(h, &type, sizeof type);
    XXH3_64bits_update(h, p->source->data, p->source->bytes < SAMPLE_BYTES ? (size_t)p->source->bytes : SAMPLE_BYTES);
  }
  const uint64_t hash = XXH3_64bits_digest(h);
  XXH3_freeState(h);
  return hash;
}

// transformers 5 takes no integer where it wants a float: 30 as 30.0.
static void mark_floats(cJSON *v, bool is_float) {
  static const char *const keys[] = {"rope_theta",   "rope_local_base_freq",    "factor",           "attn_logit_softcapping",
                                     "short_factor", "final_logit_softcapping", "attention_factor", "partial_rotary_factor",
                                     "long_factor"};
  for (; v; v = v->next) {
    bool marked = is_float;
    for (size_t i = 0; v->string && i < sizeof keys / sizeof *keys; i++) marked |= !strcmp(v->string, keys[i]);
    if (cJSON_IsNumber(v) && marked && v->valuedouble == floor(v->valuedouble)) {
      char digits[40];
      json_number_as_text(v, digits, (size_t)snprintf(digits, sizeof digits, "%.1f", v->valuedouble));
    }
    mark_floats(v->child, marked);
  }
}

static const char *made_config(arena *a, const model *m) {
  const model_config *c = &m->config;
  cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "architectures");
  cJSON_AddItemToArray(list, cJSON_CreateString(m->family->hf_architectures[0]));
  cJSON_AddStringToObject(o, "model_type", m->family->hf_model_type);
  if (m->family->config_to_hf) m->family->config_to_hf(c, o);
  else config_put_common(c, o);
  cJSON_AddBoolToObject(o, "tie_word_embeddings", c->tie_embeddings);
  if (c->bos_id >= 0) cJSON_AddNumberToObject(o, "bos_token_id", c->bos_id);
  if (c->n_eos) cJSON_AddNumberToObject(o, "eos_token_id", c->eos_ids[0]);
  cJSON_AddNullToObject(o, "pad_token_id"); // a family's default may lie beyond a small vocabulary
  cJSON_AddStringToObject(o, "torch_dtype", "float32");
  mark_floats(o->child, false);
  char *printed = cJSON_Print(o);
  REQUIRE(printed, "out of host memory for config.json");
  const char *copy = arena_printf(a, "%s\n", printed);
  cJSON_free(printed);
  cJSON_Delete(o);
  return copy;
}

bool model_config_json(arena *a, const model *m, const char **out, err *e) {
  if (m->is_gguf) {
    if (m->config.rope_divisors)
      return ERR(
          e, "%s: tensor rope_freqs.weight: a config.json cannot say this scaling; start from the model's Hugging Face directory",
          m->path);
    *out = made_config(a, m);
    return true;
  }
  char *original;
  TRY(file_read(a, path_join(a, m->path, "config.json"), 1 << 20, &original, NULL, e));
  *out = original;
  return true;
}
