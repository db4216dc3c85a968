// rotary: for each head of x [N, heads · head_dim] the pairs (a, b) = (x[j], x[j + R/2]), j < R/2, turn by the angle of
// the row's position: (a·cos − b·sin, b·cos + a·sin), with cos and sin [max_position, R/2] from the host (sin and cos of
// shaders are too coarse on some drivers). Features from R = rotary_dim on pass unchanged.
// Backward: a rotation's transpose is its inverse, so dx is dy turned by the negative angle.
#include "rotary.h"
#include "ops/op.h"

// in: x (or dy), positions, cos, sin; out: y (or dx)
static void turn_record(recorder *r, const node *n) {
  const tensor *x = n->in[0];
  struct rotary_params p = *(const struct rotary_params *)n->params;
  p.rows = tensor_rows(x), p.live = x->live;
  const bind binds[] = {BIND(x), BIND(n->in[1]), BIND(n->in[2]), BIND(n->in[3]), BIND(record_counts(r)), BIND(n->out[0])};
  const uint32_t spec[] = {ELEMENTS_LOCAL, p.n_heads, p.head_dim, p.rotary_dim};
  record_features(r, "rotary_turn", spec, 4, binds, 6, &p, sizeof p, x, tensor_row_size(x) / 2);
}

static const op_desc rotary_bwd_op = {.name = "rotary_bwd", .rows_in = 3, .rows_out = 1, .record = turn_record};

static void rotary_grad(struct backward *b, const node *n) {
  struct rotary_params p = *(const struct rotary_params *)n->params;
  p.sign = -1;
  tensor *dy = grad_out(b, n, 0), *dx = graph_tensor_like(grad_graph(b), "dx", n->in[0]);
  graph_node(grad_graph(b), &rotary_bwd_op, &p, sizeof p, 4, (tensor *[]){dy, n->in[1], n->in[2], n->in[3]}, 1, &dx);
  grad_in(b, n, 0, dx);
}

const op_desc rotary_op = {.name = "rotary", .rows_in = 3, .rows_out = 1, .grad = rotary_grad, .record = turn_record};

tensor *op_rotary(graph *g, tensor *x, tensor *positions, tensor *cos, tensor *sin, uint32_t n_heads, uint32_t head_dim) {
  const struct rotary_params p = {.n_heads = n_heads, .head_dim = head_dim, .rotary_dim = 2 * tensor_row_size(cos), .sign = 1};
  REQUIRE(tensor_row_size(x) == n_heads * head_dim, "rotary of %s: %u heads of %u", x->name, n_heads, head_dim);
  REQUIRE(head_dim % 2 == 0 && p.rotary_dim <= head_dim && tensor_elements(cos) == tensor_elements(sin),
          "rotary of %s: %u of %u features", x->name, p.rotary_dim, head_dim);
  REQUIRE(positions->type == DTYPE_I32 && tensor_rows(positions) == tensor_rows(x), "positions of %s", x->name);
  tensor *y = graph_tensor_like(g, "rotary", x);
  graph_node(g, &rotary_op, &p, sizeof p, 4, (tensor *[]){x, positions, cos, sin}, 1, &y);
  return y;
}
