// The pieces that families build their forwards from: linear with LoRA, attention, MLP.
#include "models/blocks.h"

#include <math.h>
#include <stdio.h>

model_param *block_param(const model_forward *f, uint32_t layer, const char *rest) {
  char name[160];
  snprintf(name, sizeof name, "model.layers.%u.%s", layer, rest);
  model_param *p = model_find(f->m, name);
  REQUIRE(p, "the model lists no %s", name);
  return p;
}

// y = (m / ‖W + s B A‖) · (x Wᵀ + s x Aᵀ Bᵀ). With dropout as PEFT has it: what dropout takes from x goes through W alone.
static tensor *dora_linear(const model_forward *f, tensor *x, const model_param *w, const lora_term *term) {
  const model_lora *l = w->lora;
  tensor *y = op_dora(f->g, op_linear(f->g, term->x, w->t, term), l->magnitude, l->norms);
  if (term->x == x) return y;
  tensor *rest = op_dropout_rest(f->g, x, f->in->rng_keys, f->lora_dropout, f->seed, l->module);
  return op_add(f->g, y, op_linear(f->g, rest, w->t, NULL));
}

static tensor *linear(const model_forward *f, tensor *x, const model_param *w, const rotary_angles *turn) {
  const model_lora *l = w->lora;
  lora_term term = {.x = x};
  if (l) term.a = l->a, term.b = l->b, term.scale = l->scale;
  if (l && f->lora_dropout > 0) term.x = op_dropout(f->g, x, f->in->rng_keys, f->lora_dropout, f->seed, l->module);
  if (l && l->magnitude) {
    tensor *y = dora_linear(f, x, w, &term);
    return turn ? op_rotary(f->g, y, turn) : y;
  }
  return turn ? op_linear_rotary(f->g, x, w->t, l ? &term : NULL, turn) : op_linear(f->g, x, w->t, l ? &term : NULL);
}

tensor *block_embedding(const model_forward *f, tensor *table) {
  const model_inputs *in = f->in;
  tensor *x = op_embedding(f->g, table, in->tokens, &in->index);
  return f->neftune_alpha > 0 ? op_noise(f->g, x, in->rng_keys, in->lengths, f->neftune_alpha, f->seed) : x;
}

tensor *block_linear(const model_forward *f, tensor *x, const model_param *w) {
  return linear(f, x, w, NULL);
}

tensor *block_attention(const model_forward *f, tensor *x, uint32_t layer) {
  const model_config *c = &f->m->config;
  const model_inputs *in = f->in;
  graph *g = f->g;
  const attention_shape shape = {c->n_heads, c->n_kv_heads, c->head_dim, (float)(1 / sqrt(c->head_dim))};
  const rotary_angles angles = {in->positions, in->cos, in->sin, c->head_dim};
  tensor *q = linear(f, x, block_param(f, layer, "self_attn.q_proj.weight"), &angles);
  tensor *k = linear(f, x, block_param(f, layer, "self_attn.k_proj.weight"), &angles);
  tensor *v = block_linear(f, x, block_param(f, layer, "self_attn.v_proj.weight"));
  if (in->cache_rows) {
    op_cache_write(g, in->cache_k[layer], in->cache_rows, k);
    op_cache_write(g, in->cache_v[layer], in->cache_rows, v);
    k = in->cache_k[layer];
    v = in->cache_v[layer];
  }
  tensor *o = op_attention(g, q, k, v, in->ranges, &shape);
  return block_linear(f, o, block_param(f, layer, "self_attn.o_proj.weight"));
}

tensor *block_swiglu(const model_forward *f, tensor *x, uint32_t layer) {
  tensor *gate = block_linear(f, x, block_param(f, layer, "mlp.gate_proj.weight"));
  tensor *up = block_linear(f, x, block_param(f, layer, "mlp.up_proj.weight"));
  return block_linear(f, op_swiglu(f->g, gate, up), block_param(f, layer, "mlp.down_proj.weight"));
}

model_param *block_list_param(arena *a, model *m, const char *name, const char *gguf_name, const char *module, param_role role,
                              uint32_t out, uint32_t in) {
  arena_grow(a, (void **)&m->params, &m->params_capacity, m->n_params + 1, sizeof *m->params);
  model_param *p = &m->params[m->n_params++];
  *p = (model_param){
      .name = name, .gguf_name = gguf_name, .module = module, .role = role, .n_dims = in ? 2 : 1, .shape = {out, in}};
  return p;
}
