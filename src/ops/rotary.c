// rotary: for each head of x [N, heads · head_dim] the pairs (a, b) = (x[j], x[j + R/2]), j < R/2, turn by the angle of
// the row's position: (a·cos − b·sin, b·cos + a·sin), with cos and sin [max_position, R/2] from the host (sin and cos of
// shaders are too coarse on some drivers). Features from R = rotary_dim on pass unchanged. x is q and k, in one pass.
// Backward: a rotation's transpose is its inverse, so dq and dk are turned by the negative angle, again in one pass.
//
// Results lie in the place of what is turned, wherever nothing else reads that: a model never does.
#include "rotary.h"
#include "ops/op.h"

enum { IN_Q, IN_K, IN_POSITIONS, IN_COS, IN_SIN, N_IN };

static uint32_t heads_of(const tensor *t, const struct rotary_params *p) {
  return t ? tensor_row_size(t) / p->head_dim : 0;
}

// in: q, k (or NULL), positions, cos, sin, or with gradients in the place of q and k; out: those turned
static void turn_record(recorder *r, const node *n) {
  const tensor *q = n->in[IN_Q], *k = n->in[IN_K];
  struct rotary_params p = *(const struct rotary_params *)n->params;
  p.rows = tensor_rows(q), p.live = q->live;
  const uint32_t spec[] = {ELEMENTS_LOCAL, heads_of(q, &p), heads_of(k, &p), p.head_dim, p.rotary_dim};
  const bind binds[] = {BIND(q),
                        BIND(k),
                        BIND(n->in[IN_POSITIONS]),
                        BIND(n->in[IN_COS]),
                        BIND(n->in[IN_SIN]),
                        BIND(record_counts(r)),
                        BIND(n->out[0]),
                        BIND(n->out[k ? 1 : 0])}; // without keys: something that is written
  record_features(r, "rotary_turn", spec, 5, binds, 8, &p, sizeof p, q, (spec[1] + spec[2]) * p.head_dim / 2);
}

static const op_desc rotary_bwd_op = {.name = "rotary_bwd", .rows_in = 7, .rows_out = 3, .in_place = 3, .record = turn_record};

// Of q and k, those that want a gradient and have one.
static void rotary_grad(struct backward *b, const node *n) {
  struct rotary_params p = *(const struct rotary_params *)n->params;
  p.sign = -1;
  tensor *in[N_IN] = {[IN_POSITIONS] = n->in[IN_POSITIONS], n->in[IN_COS], n->in[IN_SIN]}, *out[2];
  uint32_t of[2], n_out = 0;
  for (uint32_t i = 0; i < n->n_out; i++)
    if (grad_wanted(b, n, i) && grad_out(b, n, i)) {
      in[n_out] = grad_out(b, n, i);
      out[n_out] = graph_tensor_like(grad_graph(b), i == IN_Q ? "dq" : "dk", n->in[i]);
      of[n_out++] = i;
    }
  if (!n_out) return;
  graph_node(grad_graph(b), &rotary_bwd_op, &p, sizeof p, N_IN, in, n_out, out);
  for (uint32_t i = 0; i < n_out; i++) grad_in(b, n, of[i], out[i]);
}

const op_desc rotary_op = {
    .name = "rotary", .rows_in = 7, .rows_out = 3, .in_place = 3, .grad = rotary_grad, .record = turn_record};

void op_rotary(graph *g, tensor **q, tensor **k, tensor *positions, tensor *cos, tensor *sin, uint32_t head_dim) {
  const struct rotary_params p = {.head_dim = head_dim, .rotary_dim = 2 * tensor_row_size(cos), .sign = 1};
  tensor **const x[] = {q, k}, *in[N_IN] = {*q, k ? *k : NULL, positions, cos, sin}, *out[2];
  REQUIRE(head_dim % 2 == 0 && p.rotary_dim <= head_dim && tensor_elements(cos) == tensor_elements(sin),
          "rotary of %s: %u of %u features", (*q)->name, p.rotary_dim, head_dim);
  const uint32_t n = k ? 2 : 1;
  for (uint32_t i = 0; i < n; i++) {
    const tensor *t = *x[i];
    REQUIRE(tensor_row_size(t) % head_dim == 0 && t->live == (*q)->live, "rotary of %s: heads of %u", t->name, head_dim);
    REQUIRE(positions->type == DTYPE_I32 && tensor_rows(positions) == tensor_rows(t), "positions of %s", t->name);
    out[i] = graph_tensor_like(g, "rotary", t);
  }
  graph_node(g, &rotary_op, &p, sizeof p, N_IN, in, n, out);
  for (uint32_t i = 0; i < n; i++) *x[i] = out[i];
}
