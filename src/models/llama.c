// The Llama family: Llama 2 and 3, SmolLM2, TinyLlama, Mistral. Pre-norm layers of grouped-query attention with rotary
// embedding (half-split), and SwiGLU. Follows transformers' LlamaForCausalLM and MistralForCausalLM.
#include <string.h>

#include <cjson/cJSON.h>

#include "io/quote.h"
#include "models/blocks.h"
#include "models/save_gguf.h"

static bool matches_hf(const char *architecture) {
  return !strcmp(architecture, "LlamaForCausalLM") || !strcmp(architecture, "MistralForCausalLM");
}

static bool matches_gguf(const char *architecture) {
  return !strcmp(architecture, "llama");
}

// --- config ------------------------------------------------------------------------------------------------------------

// Keys whose value, if another than this, would change the result: refused, never ignored.
static bool must_be(const json *d, const cJSON *value, const char *expected, bool ok, err *e) {
  char found[64];
  if (!value || cJSON_IsNull(value) || ok) return true;
  return ERR(e, "%s: %s: expected %s, found %s: this model needs something that vkift does not have", d->origin, value->string,
             expected, json_describe(value, found));
}

static bool refuse_what_we_lack(const json *d, err *e) {
  const cJSON *act = cJSON_GetObjectItemCaseSensitive(d->root, "hidden_act");
  TRY(must_be(d, act, "\"silu\"", cJSON_IsString(act) && !strcmp(act->valuestring, "silu"), e));
  const char *off[] = {"attention_bias", "mlp_bias", "quantization_config", "num_local_experts"};
  for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, off[i]);
    TRY(must_be(d, v, "none or false", cJSON_IsFalse(v), e));
  }
  return true;
}

// rope_scaling (transformers 4) or rope_parameters (transformers 5, which has rope_theta inside).
static bool read_rope(const json *d, model_config *c, err *e) {
  TRY(json_number_or(d, d->root, "", "rope_theta", &c->rope_theta, e));
  const char *where = "rope_parameters";
  const cJSON *rope = cJSON_GetObjectItemCaseSensitive(d->root, where);
  if (!cJSON_IsObject(rope)) rope = cJSON_GetObjectItemCaseSensitive(d->root, where = "rope_scaling");
  if (!rope || cJSON_IsNull(rope)) return true;
  char found[64];
  if (!cJSON_IsObject(rope))
    return ERR(e, "%s: %s: expected an object or null, found %s", d->origin, where, json_describe(rope, found));
  const char *type = "default";
  TRY(json_string_or(d, rope, where, "type", &type, e));
  TRY(json_string_or(d, rope, where, "rope_type", &type, e));
  TRY(json_number_or(d, rope, where, "rope_theta", &c->rope_theta, e));
  if (!strcmp(type, "default")) return true;
  TRY(json_number(d, rope, where, "factor", &c->rope_factor, e));
  if (!strcmp(type, "linear")) {
    c->scaling = ROPE_LINEAR;
    return true;
  }
  if (strcmp(type, "llama3"))
    return ERR(e, "%s: %s.rope_type: expected default, linear or llama3, found \"%s\"", d->origin, where, type);
  c->scaling = ROPE_LLAMA3;
  TRY(json_number(d, rope, where, "low_freq_factor", &c->rope_low_freq_factor, e));
  TRY(json_number(d, rope, where, "high_freq_factor", &c->rope_high_freq_factor, e));
  TRY(json_u32(d, rope, where, "original_max_position_embeddings", &c->rope_original_positions, e));
  return true;
}

static bool config_from_hf(const json *d, model_config *c, err *e) {
  const cJSON *r = d->root;
  *c = (model_config){.rms_norm_eps = 1e-6, .rope_theta = 10000, .initializer_range = 0.02, .max_positions = 2048, .bos_id = -1};
  TRY(refuse_what_we_lack(d, e));
  TRY(json_u32(d, r, "", "vocab_size", &c->vocab_size, e));
  TRY(json_u32(d, r, "", "hidden_size", &c->hidden_size, e));
  TRY(json_u32(d, r, "", "intermediate_size", &c->intermediate_size, e));
  TRY(json_u32(d, r, "", "num_hidden_layers", &c->n_layers, e));
  TRY(json_u32(d, r, "", "num_attention_heads", &c->n_heads, e));
  c->n_kv_heads = c->n_heads;
  TRY(json_u32_or(d, r, "", "num_key_value_heads", &c->n_kv_heads, e));
  TRY(json_u32_or(d, r, "", "head_dim", &c->head_dim, e));
  TRY(json_u32_or(d, r, "", "max_position_embeddings", &c->max_positions, e));
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(r, "model_type");
  if (cJSON_IsString(type) && !strcmp(type->valuestring, "mistral"))
    TRY(json_u32_or(d, r, "", "sliding_window", &c->sliding_window, e));
  TRY(json_number_or(d, r, "", "rms_norm_eps", &c->rms_norm_eps, e));
  TRY(json_number_or(d, r, "", "initializer_range", &c->initializer_range, e));
  TRY(json_bool_or(d, r, "", "tie_word_embeddings", &c->tie_embeddings, e));
  return read_rope(d, c, e);
}

// Llama 3's scaling, worked out by the converter: rope_freqs.weight [head_dim / 2].
static bool read_rope_divisors(arena *a, const gguf *g, model_config *c, err *e) {
  const weight *w = weights_find(&g->weights, "rope_freqs.weight");
  const uint32_t head = c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
  if (!w) return true;
  if (w->type != DTYPE_F32 || w->n_dims != 1 || w->shape[0] != head / 2)
    return ERR(e, "%s: tensor rope_freqs.weight: expected %u numbers of f32, found %u of %s", g->path, head / 2, w->shape[0],
               dtype_get(w->type)->name);
  float *divisors = ARENA_ARRAY(a, float, w->shape[0]);
  memcpy(divisors, w->data, (size_t)w->bytes);
  c->rope_divisors = divisors;
  for (uint32_t i = 0; i < head / 2; i++)
    if (!(divisors[i] >= 1e-3f && divisors[i] <= 1e6f))
      return ERR(e, "%s: tensor rope_freqs.weight: element %u: expected 0.001 to 1000000, found %g", g->path, i,
                 (double)divisors[i]);
  return true;
}

static bool gguf_must_be(const gguf *g, const char *key, uint32_t expected, err *e) {
  uint32_t found = expected;
  TRY(gguf_get_u32_or(g, key, &found, e));
  if (found == expected) return true;
  return ERR(e, "%s: %s: expected %u, found %u: this model needs something that vkift does not have", g->path, key, expected,
             found);
}

// Llama 3's scaling is no key: it comes as rope_freqs.weight.
static bool read_gguf_rope(arena *a, const gguf *g, model_config *c, err *e) {
  const char *type = "none";
  char found[QUOTE_BYTES];
  float factor = 0;
  if (gguf_find(g, "llama.rope.scaling.type")) TRY(gguf_get_string(a, g, "llama.rope.scaling.type", &type, e));
  if (!strcmp(type, "linear")) {
    TRY(gguf_get_f32(g, "llama.rope.scaling.factor", &factor, e));
    c->scaling = ROPE_LINEAR;
    c->rope_factor = factor;
  } else if (strcmp(type, "none")) {
    return ERR(e, "%s: llama.rope.scaling.type: expected none or linear, found %s: start from the model's Hugging Face directory",
               g->path, quote_string(type, found));
  }
  return read_rope_divisors(a, g, c, e);
}

// As refuse_what_we_lack.
static bool refuse_what_gguf_asks(const gguf *g, const model_config *c, err *e) {
  const uint32_t head = c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
  return gguf_must_be(g, "llama.expert_count", 0, e) && gguf_must_be(g, "llama.attention.sliding_window", 0, e) &&
         gguf_must_be(g, "llama.rope.dimension_count", head, e) && gguf_must_be(g, "llama.attention.value_length", head, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  float eps = 1e-5f, theta = 10000;
  *c = (model_config){.initializer_range = 0.02, .max_positions = 2048, .bos_id = -1};
  const gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens");
  if (tokens) c->vocab_size = (uint32_t)tokens->n;
  TRY(gguf_get_u32_or(g, "llama.vocab_size", &c->vocab_size, e));
  TRY(gguf_get_u32(g, "llama.embedding_length", &c->hidden_size, e));
  TRY(gguf_get_u32(g, "llama.feed_forward_length", &c->intermediate_size, e));
  TRY(gguf_get_u32(g, "llama.block_count", &c->n_layers, e));
  TRY(gguf_get_u32(g, "llama.attention.head_count", &c->n_heads, e));
  c->n_kv_heads = c->n_heads;
  TRY(gguf_get_u32_or(g, "llama.attention.head_count_kv", &c->n_kv_heads, e));
  TRY(gguf_get_u32_or(g, "llama.attention.key_length", &c->head_dim, e));
  TRY(gguf_get_u32_or(g, "llama.context_length", &c->max_positions, e));
  TRY(gguf_get_f32_or(g, "llama.attention.layer_norm_rms_epsilon", &eps, e));
  TRY(gguf_get_f32_or(g, "llama.rope.freq_base", &theta, e));
  c->rms_norm_eps = eps;
  c->rope_theta = theta;
  TRY(refuse_what_gguf_asks(g, c, e));
  TRY(read_gguf_rope(a, g, c, e));
  c->tie_embeddings = !weights_find(&g->weights, "output.weight");
  return true;
}

// Llama's GGUF has no sliding window. Within as many tokens as the window has it changes nothing, so that is the context.
static bool config_to_gguf(arena *a, const model *m, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  (void)e;
  gguf_config_common(a, m, c->sliding_window && c->sliding_window < c->max_positions ? c->sliding_window : c->max_positions, out);
  if (c->scaling == ROPE_LINEAR) {
    gguf_put_string(out->meta, "llama.rope.scaling.type", "linear");
    gguf_put_f32(out->meta, "llama.rope.scaling.factor", (float)c->rope_factor);
  } else if (c->scaling == ROPE_LLAMA3) {
    float *divisors = ARENA_ARRAY(a, float, c->head_dim / 2);
    model_rope_divisors(c, divisors);
    out->extra[out->n_extra++] = (gguf_extra){"rope_freqs.weight", divisors, c->head_dim / 2};
  }
  return true;
}

// --- parameters ----------------------------------------------------------------------------------------------------------

static void list_params(arena *a, model *m) {
  const model_config *c = &m->config;
  const uint32_t d = c->hidden_size, ff = c->intermediate_size, q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
  block_list_param(a, m, "model.embed_tokens.weight", "token_embd.weight", "embed_tokens", PARAM_EMBEDDING, c->vocab_size, d);
  for (uint32_t l = 0; l < c->n_layers; l++) {
    const struct {
      const char *hf, *gguf, *module;
      param_role role;
      uint32_t out, in, rotary_heads;
    } rows[] = {
        {"input_layernorm", "attn_norm", "input_layernorm", PARAM_NORM, d, 0, 0},
        {"self_attn.q_proj", "attn_q", "q_proj", PARAM_LINEAR, q, d, c->n_heads},
        {"self_attn.k_proj", "attn_k", "k_proj", PARAM_LINEAR, kv, d, c->n_kv_heads},
        {"self_attn.v_proj", "attn_v", "v_proj", PARAM_LINEAR, kv, d, 0},
        {"self_attn.o_proj", "attn_output", "o_proj", PARAM_LINEAR, d, q, 0},
        {"post_attention_layernorm", "ffn_norm", "post_attention_layernorm", PARAM_NORM, d, 0, 0},
        {"mlp.gate_proj", "ffn_gate", "gate_proj", PARAM_LINEAR, ff, d, 0},
        {"mlp.up_proj", "ffn_up", "up_proj", PARAM_LINEAR, ff, d, 0},
        {"mlp.down_proj", "ffn_down", "down_proj", PARAM_LINEAR, d, ff, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      model_param *p = block_list_param(a, m, arena_printf(a, "model.layers.%u.%s.weight", l, rows[i].hf),
                                        arena_printf(a, "blk.%u.%s.weight", l, rows[i].gguf), rows[i].module, rows[i].role,
                                        rows[i].out, rows[i].in);
      p->gguf_rotary_heads = rows[i].rotary_heads;
    }
  }
  block_list_param(a, m, "model.norm.weight", "output_norm.weight", "norm", PARAM_NORM, d, 0);
  if (!c->tie_embeddings) block_list_param(a, m, "lm_head.weight", "output.weight", "lm_head", PARAM_HEAD, c->vocab_size, d);
}

// --- forward -------------------------------------------------------------------------------------------------------------

// The residual path x, which a norm reads next wherever something is added to it: both in one pass, within a layer and from
// one layer to the next. A segment begins with that sum, and is computed again from it (op_desc.resume).
static tensor *build(const model_forward *f) {
  const float eps = (float)f->m->config.rms_norm_eps;
  graph *g = f->g;
  tensor *x = op_embedding(g, model_find(f->m, "model.embed_tokens.weight")->t, f->in->tokens, &f->in->index), *mlp = NULL;
  for (uint32_t l = 0; l < f->m->config.n_layers; l++) {
    graph_segment_begin(g);
    tensor *w = block_param(f, l, "input_layernorm.weight")->t;
    tensor *h = mlp ? op_add_rmsnorm(g, x, mlp, w, eps, &x) : op_rmsnorm(g, x, w, eps);
    tensor *o = block_attention(f, h, l);
    h = op_add_rmsnorm(g, x, o, block_param(f, l, "post_attention_layernorm.weight")->t, eps, &x);
    mlp = block_swiglu(f, h, l);
    graph_segment_end(g);
  }
  return op_add_rmsnorm(g, x, mlp, model_find(f->m, "model.norm.weight")->t, eps, &x);
}

const model_family llama_family = {
    .name = "llama",
    .matches_hf = matches_hf,
    .matches_gguf = matches_gguf,
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = build,
    .hf_architecture = "LlamaForCausalLM",
    .hf_model_type = "llama",
    .gguf_architecture = "llama",
    .config_to_gguf = config_to_gguf,
};
