// The pieces that families build their forwards from: linear with LoRA, attention, MLP.
#include "models/blocks.h"

#include <math.h>
#include <stdio.h>

static model_param *find(const model_forward *f, uint32_t layer, const char *rest) {
  char name[160];
  snprintf(name, sizeof name, "%s.%u.%s", f->m->family->layers, layer, rest);
  return model_find(f->m, name);
}

model_param *block_param(const model_forward *f, uint32_t layer, const char *rest) {
  model_param *p = find(f, layer, rest);
  REQUIRE(p, "the model lists no %s.%u.%s", f->m->family->layers, layer, rest);
  return p;
}

// A bias stands between the product and the turn.
static tensor *linear(const model_forward *f, tensor *x, const model_param *w, const rotary_angles *turn) {
  const model_lora *l = w->lora;
  lora_term term = {.x = x};
  if (l) term.a = l->a, term.b = l->b, term.scale = l->scale;
  if (l && f->lora_dropout > 0) term.x = op_dropout(f->g, x, f->in->rng_keys, f->lora_dropout, f->seed, l->module);
  if (turn && !w->bias) return op_linear_rotary(f->g, x, w->t, l ? &term : NULL, turn);
  tensor *y = op_linear(f->g, x, w->t, l ? &term : NULL);
  if (w->bias) y = op_bias(f->g, y, w->bias->t);
  return turn ? op_rotary(f->g, y, turn) : y;
}

tensor *block_linear(const model_forward *f, tensor *x, const model_param *w) {
  return linear(f, x, w, NULL);
}

static rotary_angles angles_of(const model_forward *f, uint32_t layer) {
  const model_inputs *in = f->in;
  const bool local = in->local_cos && model_has_window(&f->m->config, layer);
  return (rotary_angles){in->positions, local ? in->local_cos : in->cos, local ? in->local_sin : in->sin, f->m->config.head_dim};
}

// A projection whose heads are turned, normalised before where the layer has such a norm.
static tensor *turned(const model_forward *f, tensor *x, uint32_t layer, const char *projection, const char *norm) {
  const rotary_angles angles = angles_of(f, layer);
  const model_param *w = block_param(f, layer, projection), *n = find(f, layer, norm);
  if (!n) return linear(f, x, w, &angles);
  return op_rotary(f->g, op_rmsnorm(f->g, block_linear(f, x, w), n->t, (float)f->m->config.rms_norm_eps), &angles);
}

tensor *block_attend(const model_forward *f, tensor *q, tensor *k, tensor *v, uint32_t layer) {
  const model_config *c = &f->m->config;
  const model_inputs *in = f->in;
  graph *g = f->g;
  const attention_shape shape = {.n_heads = c->n_heads,
                                 .n_kv_heads = c->n_kv_heads,
                                 .head_dim = c->head_dim,
                                 .scale = (float)(1 / sqrt(c->query_scalar > 0 ? c->query_scalar : c->head_dim)),
                                 .cap = (float)c->attention_cap};
  if (in->cache_rows) {
    op_cache_write(g, in->cache_k[layer], in->cache_rows, k);
    op_cache_write(g, in->cache_v[layer], in->cache_rows, v);
    k = in->cache_k[layer];
    v = in->cache_v[layer];
  }
  const bool in_window = in->window_ranges && model_has_window(c, layer);
  return op_attention(g, q, k, v, in_window ? in->window_ranges : in->ranges, &shape);
}

// Of a projection that has q, k and v in one.
static void split_qkv(const model_forward *f, tensor *x, const model_param *w, uint32_t layer, tensor *qkv[3]) {
  const model_config *c = &f->m->config;
  const rotary_angles angles = angles_of(f, layer);
  const uint32_t kv = c->n_kv_heads * c->head_dim, widths[] = {c->n_heads * c->head_dim, kv, kv};
  op_split(f->g, block_linear(f, x, w), 3, widths, qkv);
  for (int i = 0; i < 2; i++) qkv[i] = op_rotary(f->g, qkv[i], &angles);
}

tensor *block_attention(const model_forward *f, tensor *x, uint32_t layer) {
  const model_param *fused = find(f, layer, "self_attn.qkv_proj.weight");
  tensor *qkv[3];
  if (fused) {
    split_qkv(f, x, fused, layer, qkv);
  } else {
    qkv[0] = turned(f, x, layer, "self_attn.q_proj.weight", "self_attn.q_norm.weight");
    qkv[1] = turned(f, x, layer, "self_attn.k_proj.weight", "self_attn.k_norm.weight");
    qkv[2] = block_linear(f, x, block_param(f, layer, "self_attn.v_proj.weight"));
  }
  return block_linear(f, block_attend(f, qkv[0], qkv[1], qkv[2], layer), block_param(f, layer, "self_attn.o_proj.weight"));
}

tensor *block_mlp(const model_forward *f, tensor *x, uint32_t layer) {
  const model_config *c = &f->m->config;
  const model_param *fused = find(f, layer, "mlp.gate_up_proj.weight");
  tensor *both[2]; // gate, up
  if (fused) {
    op_split(f->g, block_linear(f, x, fused), 2, (uint32_t[]){c->intermediate_size, c->intermediate_size}, both);
  } else {
    both[0] = block_linear(f, x, block_param(f, layer, "mlp.gate_proj.weight"));
    both[1] = block_linear(f, x, block_param(f, layer, "mlp.up_proj.weight"));
  }
  tensor *h = c->gelu ? op_geglu(f->g, both[0], both[1]) : op_swiglu(f->g, both[0], both[1]);
  return block_linear(f, h, block_param(f, layer, "mlp.down_proj.weight"));
}

model_param *block_list_param(arena *a, model *m, const char *name, const char *gguf_name, const char *module, param_role role,
                              uint32_t out, uint32_t in) {
  arena_grow(a, (void **)&m->params, &m->params_capacity, m->n_params + 1, sizeof *m->params);
  model_param *p = &m->params[m->n_params++];
  *p = (model_param){
      .name = name, .gguf_name = gguf_name, .module = module, .role = role, .n_dims = in ? 2 : 1, .shape = {out, in}};
  return p;
}
