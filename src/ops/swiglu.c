// swiglu: y = silu(gate) · up with silu(z) = z · s, s = sigmoid(z) = 1 / (1 + exp(−z)). gate, up, y share one shape.
// Backward: dgate = dy · up · s · (1 + gate · (1 − s)), dup = dy · gate · s.
// All but the kernels is shared with other gates (geglu.c).
#include "swiglu.h"
#include "ops/op.h"

static struct swiglu_params params_of(const tensor *y) {
  return (struct swiglu_params){.rows = tensor_rows(y), .row_size = tensor_row_size(y), .live = y->live};
}

void swiglu_record_bwd(recorder *r, const node *n, const char *shader) {
  const tensor *gate = n->in[0];
  const struct swiglu_params p = params_of(gate);
  const bind binds[] = {BIND(gate), BIND(n->in[2]), BIND(n->in[1]), BIND(record_counts(r)), BIND(n->out[0]), BIND(n->out[1])};
  record_elements(r, shader, binds, 6, &p, sizeof p, gate);
}

// in: gate, dy, up; out: dgate, dup. Each needs what lies in its place: dup does not need up.
static void swiglu_bwd_record(recorder *r, const node *n) {
  swiglu_record_bwd(r, n, "swiglu_bwd");
}

static const op_desc swiglu_bwd_op = {
    .name = "swiglu_bwd", .rows_in = 7, .rows_out = 3, .in_place = 3, .record = swiglu_bwd_record};

void swiglu_append_bwd(struct backward *b, const node *n, const op_desc *bwd) {
  graph *g = grad_graph(b);
  tensor *gate = grad_saved_in(b, n, 0), *up = grad_saved_in(b, n, 1), *dy = grad_out(b, n, 0);
  tensor *out[] = {graph_tensor_like(g, "dgate", gate), graph_tensor_like(g, "dup", up)};
  graph_node(g, bwd, NULL, 0, 3, (tensor *[]){gate, dy, up}, 2, out);
  for (uint32_t i = 0; i < 2; i++)
    if (grad_wanted(b, n, i)) grad_in(b, n, i, out[i]);
}

static void swiglu_grad(struct backward *b, const node *n) {
  swiglu_append_bwd(b, n, &swiglu_bwd_op);
}

void swiglu_record_fwd(recorder *r, const node *n, const char *shader) {
  const tensor *y = n->out[0];
  const struct swiglu_params p = params_of(y);
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(record_counts(r)), BIND(y)};
  record_elements(r, shader, binds, 4, &p, sizeof p, y);
}

static void swiglu_record(recorder *r, const node *n) {
  swiglu_record_fwd(r, n, "swiglu_fwd");
}

const op_desc swiglu_op = {
    .name = "swiglu", .rows_in = 3, .rows_out = 1, .in_place = 1, .grad = swiglu_grad, .record = swiglu_record};

tensor *swiglu_append(graph *g, const op_desc *op, tensor *gate, tensor *up) {
  REQUIRE(tensor_elements(gate) == tensor_elements(up) && gate->live == up->live, "%s of %s and %s", op->name, gate->name,
          up->name);
  tensor *y = graph_tensor_like(g, op->name, gate);
  graph_node(g, op, NULL, 0, 2, (tensor *[]){gate, up}, 1, &y);
  return y;
}

tensor *op_swiglu(graph *g, tensor *gate, tensor *up) {
  return swiglu_append(g, &swiglu_op, gate, up);
}
