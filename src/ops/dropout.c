// dropout: y[n][i] = keep[n][i] · x[n][i] / (1 − p), keep with probability 1 − p. x, y [N, D], keys i32 [N, 3].
// keep[n][i] = (word ≥ p · 2^32), where word i % 4 of the Philox block with key (seed, module) and counter
// (example, epoch, position, i / 4): nothing of it depends on the row, so packing and recomputation repeat the mask.
// Backward: dx = keep · dy / (1 − p), the same map, so that no mask is kept.
// dropout_rest: x − y, which is −p / (1 − p) · x where x is kept, else x.
#include "dropout.h"
#include "ops/op.h"

// in: x, keys; out: y
static void mask_record(recorder *r, const node *n) {
  const tensor *x = n->in[0];
  struct dropout_params p = *(const struct dropout_params *)n->params;
  p.rows = tensor_rows(x), p.row_size = tensor_row_size(x), p.live = x->live;
  const bind binds[] = {BIND(x), BIND(n->in[1]), BIND(record_counts(r)), BIND(n->out[0])};
  const uint32_t spec[] = {ELEMENTS_LOCAL, p.row_size, p.scale < 0};
  record_features(r, "dropout_mask", spec, 3, binds, 4, &p, sizeof p, x, div_up(p.row_size, 4));
}

static const op_desc dropout_bwd_op = {.name = "dropout_bwd", .rows_in = 3, .rows_out = 1, .in_place = 1, .record = mask_record};

static void dropout_grad(struct backward *b, const node *n) {
  tensor *dy = grad_out(b, n, 0), *dx = graph_tensor_like(grad_graph(b), "dx", n->in[0]);
  graph_node(grad_graph(b), &dropout_bwd_op, n->params, sizeof(struct dropout_params), 2, (tensor *[]){dy, n->in[1]}, 1, &dx);
  grad_in(b, n, 0, dx);
}

const op_desc dropout_op = {
    .name = "dropout", .rows_in = 3, .rows_out = 1, .in_place = 1, .grad = dropout_grad, .record = mask_record};

static tensor *build(graph *g, tensor *x, tensor *keys, float p, uint64_t seed, uint32_t module, bool rest) {
  REQUIRE(p >= 0 && p < 1, "dropout of %s with probability %g", x->name, (double)p);
  REQUIRE(keys->type == DTYPE_I32 && tensor_rows(keys) == tensor_rows(x) && tensor_row_size(keys) == 3, "keys of %s", x->name);
  const struct dropout_params params = {.key_low = (uint32_t)seed,
                                        .key_high = (uint32_t)(seed >> 32) ^ module * 0x9E3779B9u,
                                        .threshold = (uint32_t)((double)p * 0x1p32),
                                        .scale = (float)((rest ? -(double)p : 1) / (1 - (double)p))};
  tensor *y = graph_tensor_like(g, rest ? "dropout_rest" : "dropout", x);
  graph_node(g, &dropout_op, &params, sizeof params, 2, (tensor *[]){x, keys}, 1, &y);
  return y;
}

tensor *op_dropout(graph *g, tensor *x, tensor *keys, float p, uint64_t seed, uint32_t module) {
  return p == 0 ? x : build(g, x, keys, p, seed, module, false);
}

tensor *op_dropout_rest(graph *g, tensor *x, tensor *keys, float p, uint64_t seed, uint32_t module) {
  REQUIRE(p > 0, "what dropout with probability 0 takes from %s", x->name);
  return build(g, x, keys, p, seed, module, true);
}
