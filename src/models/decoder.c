#include "models/decoder.h"

// --- parameters ----------------------------------------------------------------------------------------------------------

typedef struct row {
  const char *hf, *gguf, *module;
  param_role role;
  uint32_t out, in, rotary_heads;
  bool bias;
} row;

static void list_layer(arena *a, model *m, uint32_t l, const row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const row *r = &rows[i];
    const char *name = arena_printf(a, "%s.%u.%s", m->family->layers, l, r->hf),
               *in_gguf = arena_printf(a, "blk.%u.%s", l, r->gguf);
    model_param *p = block_list_param(a, m, arena_printf(a, "%s.weight", name), arena_printf(a, "%s.weight", in_gguf), r->module,
                                      r->role, r->out, r->in);
    p->gguf_rotary_heads = r->rotary_heads;
    if (!r->bias) continue;
    block_list_param(a, m, arena_printf(a, "%s.bias", name), arena_printf(a, "%s.bias", in_gguf), r->module, PARAM_BIAS, r->out,
                     0);
  }
}

void decoder_list_params(arena *a, model *m, const decoder_layer *layer) {
  const model_config *c = &m->config;
  const uint32_t d = c->hidden_size, ff = c->intermediate_size, head = c->head_dim, q = c->n_heads * head;
  const uint32_t kv = c->n_kv_heads * head, turned = layer->gguf_interleaved;
  const bool bias = layer->qkv_bias;
  block_list_param(a, m, m->family->embedding, "token_embd.weight", "embed_tokens", PARAM_EMBEDDING, c->vocab_size, d);
  for (uint32_t l = 0; l < c->n_layers; l++) {
    const row attention[] = {{"input_layernorm", "attn_norm", "input_layernorm", PARAM_NORM, d, 0, 0, false},
                             {"self_attn.q_proj", "attn_q", "q_proj", PARAM_LINEAR, q, d, turned * c->n_heads, bias},
                             {"self_attn.k_proj", "attn_k", "k_proj", PARAM_LINEAR, kv, d, turned * c->n_kv_heads, bias},
                             {"self_attn.v_proj", "attn_v", "v_proj", PARAM_LINEAR, kv, d, 0, bias},
                             {"self_attn.o_proj", "attn_output", "o_proj", PARAM_LINEAR, d, q, 0, false}};
    const row norms[] = {{"self_attn.q_norm", "attn_q_norm", "q_norm", PARAM_NORM, head, 0, 0, false},
                         {"self_attn.k_norm", "attn_k_norm", "k_norm", PARAM_NORM, head, 0, 0, false}};
    const row mlp[] = {{"post_attention_layernorm", "ffn_norm", "post_attention_layernorm", PARAM_NORM, d, 0, 0, false},
                       {"mlp.gate_proj", "ffn_gate", "gate_proj", PARAM_LINEAR, ff, d, 0, false},
                       {"mlp.up_proj", "ffn_up", "up_proj", PARAM_LINEAR, ff, d, 0, false},
                       {"mlp.down_proj", "ffn_down", "down_proj", PARAM_LINEAR, d, ff, 0, false}};
    list_layer(a, m, l, attention, sizeof attention / sizeof *attention);
    if (layer->qk_norm) list_layer(a, m, l, norms, sizeof norms / sizeof *norms);
    list_layer(a, m, l, mlp, sizeof mlp / sizeof *mlp);
  }
  block_list_param(a, m, "model.norm.weight", "output_norm.weight", "norm", PARAM_NORM, d, 0);
  if (!c->tie_embeddings) block_list_param(a, m, "lm_head.weight", "output.weight", "lm_head", PARAM_HEAD, c->vocab_size, d);
}

// --- forward -------------------------------------------------------------------------------------------------------------

// The residual path x, which a norm reads next wherever something is added to it: both in one pass, within a layer and from
// one layer to the next. A segment begins with that sum, and is computed again from it (op_desc.resume).
tensor *decoder_build(const model_forward *f) {
  const float eps = (float)f->m->config.rms_norm_eps;
  graph *g = f->g;
  tensor *x = op_embedding(g, model_embedding(f->m)->t, f->in->tokens, &f->in->index), *mlp = NULL;
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
