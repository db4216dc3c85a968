#include "models/decoder.h"

// --- parameters ----------------------------------------------------------------------------------------------------------

typedef struct row {
  const char *hf, *gguf, *module;
  param_role role;
  uint32_t out, in, rotary_heads;
  bool bias, there;
} row;

static void list_layer(arena *a, model *m, uint32_t l, const row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const row *r = &rows[i];
    if (!r->there) continue;
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
  const bool bias = layer->qkv_bias, fused = layer->fused, four = layer->four_norms, qk = layer->qk_norm;
  const char *mlp_norm = four ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  const row rows[] = {
      {"input_layernorm", "attn_norm", "input_layernorm", PARAM_NORM, d, 0, 0, false, true},
      {"self_attn.q_proj", "attn_q", "q_proj", PARAM_LINEAR, q, d, turned * c->n_heads, bias, !fused},
      {"self_attn.k_proj", "attn_k", "k_proj", PARAM_LINEAR, kv, d, turned * c->n_kv_heads, bias, !fused},
      {"self_attn.v_proj", "attn_v", "v_proj", PARAM_LINEAR, kv, d, 0, bias, !fused},
      {"self_attn.qkv_proj", "attn_qkv", "qkv_proj", PARAM_LINEAR, q + 2 * kv, d, 0, false, fused},
      {"self_attn.o_proj", "attn_output", "o_proj", PARAM_LINEAR, d, q, 0, false, true},
      {"self_attn.q_norm", "attn_q_norm", "q_norm", PARAM_NORM, head, 0, 0, false, qk},
      {"self_attn.k_norm", "attn_k_norm", "k_norm", PARAM_NORM, head, 0, 0, false, qk},
      {"post_attention_layernorm", "post_attention_norm", "post_attention_layernorm", PARAM_NORM, d, 0, 0, false, four},
      {mlp_norm, "ffn_norm", mlp_norm, PARAM_NORM, d, 0, 0, false, true},
      {"mlp.gate_proj", "ffn_gate", "gate_proj", PARAM_LINEAR, ff, d, 0, false, !fused},
      {"mlp.up_proj", "ffn_up", "up_proj", PARAM_LINEAR, ff, d, 0, false, !fused},
      {"mlp.gate_up_proj", "ffn_up", "gate_up_proj", PARAM_LINEAR, 2 * ff, d, 0, false, fused},
      {"mlp.down_proj", "ffn_down", "down_proj", PARAM_LINEAR, d, ff, 0, false, true},
      {"post_feedforward_layernorm", "post_ffw_norm", "post_feedforward_layernorm", PARAM_NORM, d, 0, 0, false, four}};
  block_list_param(a, m, m->family->embedding, "token_embd.weight", "embed_tokens", PARAM_EMBEDDING, c->vocab_size, d);
  for (uint32_t l = 0; l < c->n_layers; l++) list_layer(a, m, l, rows, sizeof rows / sizeof *rows);
  block_list_param(a, m, "model.norm.weight", "output_norm.weight", "norm", PARAM_NORM, d, 0);
  if (!c->tie_embeddings) block_list_param(a, m, "lm_head.weight", "output.weight", "lm_head", PARAM_HEAD, c->vocab_size, d);
  for (uint32_t i = 0; layer->norm_offset && i < m->n_params; i++)
    if (m->params[i].role == PARAM_NORM) m->params[i].offset = 1;
}

// --- forward -------------------------------------------------------------------------------------------------------------

// The residual path x, which a norm reads next wherever something is added to it: both in one pass, within a layer and from
// one layer to the next. A segment begins with that sum, and is computed again from it (op_desc.resume).
// With four norms a layer, what attention and MLP give is normalised too, before it is added.
tensor *decoder_build(const model_forward *f) {
  const model_config *c = &f->m->config;
  const float eps = (float)c->rms_norm_eps, scale = c->embedding_scale > 0 ? (float)c->embedding_scale : 1;
  const bool four = model_find(f->m, "model.layers.0.post_feedforward_layernorm.weight") != NULL;
  const char *mlp_norm = four ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
  graph *g = f->g;
  tensor *x = op_embedding_scaled(g, model_embedding(f->m)->t, f->in->tokens, &f->in->index, scale), *mlp = NULL;
  for (uint32_t l = 0; l < c->n_layers; l++) {
    graph_segment_begin(g);
    tensor *w = block_param(f, l, "input_layernorm.weight")->t;
    tensor *h = mlp ? op_add_rmsnorm(g, x, mlp, w, eps, &x) : op_rmsnorm(g, x, w, eps);
    tensor *o = block_attention(f, h, l);
    if (four) o = op_rmsnorm(g, o, block_param(f, l, "post_attention_layernorm.weight")->t, eps);
    h = op_add_rmsnorm(g, x, o, block_param(f, l, mlp_norm)->t, eps, &x);
    mlp = block_mlp(f, h, l);
    if (four) mlp = op_rmsnorm(g, mlp, block_param(f, l, "post_feedforward_layernorm.weight")->t, eps);
    graph_segment_end(g);
  }
  return op_add_rmsnorm(g, x, mlp, model_find(f->m, "model.norm.weight")->t, eps, &x);
}
