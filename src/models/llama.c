// The Llama family: Llama 2 and 3, SmolLM2, TinyLlama, Mistral. Pre-norm layers of grouped-query attention with rotary
// embedding (half-split), and SwiGLU. Follows transformers' LlamaForCausalLM and MistralForCausalLM.
#include <string.h>

#include <cjson/cJSON.h>

#include "models/blocks.h"
#include "models/config_keys.h"

static bool matches_hf(const char *architecture) {
  return !strcmp(architecture, "LlamaForCausalLM") || !strcmp(architecture, "MistralForCausalLM");
}

static bool matches_gguf(const char *architecture) {
  return !strcmp(architecture, "llama");
}

// --- config ------------------------------------------------------------------------------------------------------------

static const char *const off[] = {"attention_bias", "mlp_bias", "quantization_config", "num_local_experts", NULL};

static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const keys[] = {"sliding_window", NULL}; // which transformers' Llama does not read
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(d->root, "model_type");
  const bool mistral = cJSON_IsString(type) && !strcmp(type->valuestring, "mistral");
  *c = (model_config){0};
  TRY(config_text_is(d, "hidden_act", "silu", e) && config_all_off(d, off, e));
  TRY(config_keys_known(d, keys, e));
  if (mistral) TRY(json_u32_or(d, d->root, "", "sliding_window", &c->sliding_window, e));
  return config_read_common(d, c, e) && config_read_rope(d, c, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  static const char *const keys[] = {"expert_count", "attention.sliding_window", NULL};
  *c = (model_config){0};
  TRY(config_gguf_common(a, g, c, e));
  const uint32_t head = c->head_dim ? c->head_dim : c->n_heads ? c->hidden_size / c->n_heads : 0;
  return config_gguf_is(a, g, "expert_count", 0, e) && config_gguf_is(a, g, "attention.sliding_window", 0, e) &&
         config_gguf_is(a, g, "rope.dimension_count", head, e) && config_gguf_known(a, g, keys, e);
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
    .layers = "model.layers",
    .embedding = "model.embed_tokens.weight",
};
