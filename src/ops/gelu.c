// gelu: y = gelu(x), gelu(z) = z / 2 · (1 + t), t = tanh(u), u = √(2/π) (z + 0.044715 z³) (shaders/lib/gelu.glsl). x and y share
// one shape.
// Backward: dx = dy · gelu′(x), gelu′(z) = (1 + t) / 2 + z / 2 · (1 − t²) · u′, u′ = √(2/π) (1 + 3 · 0.044715 z²).
#include "gelu.h"
#include "ops/op.h"

static struct gelu_params params_of(const tensor *x) {
  return (struct gelu_params){.rows = tensor_rows(x), .row_size = tensor_row_size(x), .live = x->live};
}

// in: dy, x; out: dx
static void gelu_bwd_record(recorder *r, const node *n) {
  const struct gelu_params p = params_of(n->in[1]);
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(record_counts(r)), BIND(n->out[0])};
  record_elements(r, "gelu_bwd", binds, 4, &p, sizeof p, n->in[1]);
}

static const op_desc gelu_bwd_op = {.name = "gelu_bwd", .rows_in = 3, .rows_out = 1, .in_place = 1, .record = gelu_bwd_record};

static void gelu_grad(struct backward *b, const node *n) {
  tensor *x = grad_saved_in(b, n, 0), *dx = graph_tensor_like(grad_graph(b), "dx", x);
  graph_node(grad_graph(b), &gelu_bwd_op, NULL, 0, 2, (tensor *[]){grad_out(b, n, 0), x}, 1, &dx);
  grad_in(b, n, 0, dx);
}

static void gelu_record(recorder *r, const node *n) {
  const struct gelu_params p = params_of(n->in[0]);
  const bind binds[] = {BIND(n->in[0]), BIND(record_counts(r)), BIND(n->out[0])};
  record_elements(r, "gelu_fwd", binds, 3, &p, sizeof p, n->in[0]);
}

const op_desc gelu_op = {.name = "gelu", .rows_in = 1, .rows_out = 1, .in_place = 1, .grad = gelu_grad, .record = gelu_record};

tensor *op_gelu(graph *g, tensor *x) {
  tensor *y = graph_tensor_like(g, "gelu", x);
  graph_node(g, &gelu_op, NULL, 0, 1, &x, 1, &y);
  return y;
}
