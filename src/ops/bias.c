// bias: y[n] = x[n] + b. x, y [N, D], b [D] any type.
// Backward: dx = dy, the same tensor; db = Σ_n dy[n], summed in chunks of rows, then over the chunks, in a fixed order.
#include "bias.h"
#include "ops/op.h"

static struct bias_params params_of(const tensor *x) {
  return (struct bias_params){.rows = tensor_rows(x), .dim = tensor_row_size(x), .live = x->live, .chunk = PARTIAL_SUM_ROWS};
}

// in: dy, the bias's grad_sum (updated); out: partial [chunks, D]
static void bias_db_record(recorder *r, const node *n) {
  const tensor *dy = n->in[0], *partial = n->out[0];
  const struct bias_params p = params_of(dy);
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  const bind binds[] = {BIND(dy), BIND(record_counts(r)), BIND(partial)};
  record_dispatch(r, "bias_db", spec, 1, binds, 3, &p, sizeof p, div_up(p.dim, ELEMENTS_LOCAL), tensor_rows(partial), 1);
  record_partial_sum(r, partial, n->in[1]);
}

static const op_desc bias_db_op = {.name = "bias_db", .rows_in = 1, .updates = 1 << 1, .record = bias_db_record};

void bias_append_db(graph *g, tensor *dy, tensor *grad_sum) {
  tensor *partial = partial_sum_tensor(g, "bias_db", tensor_rows(dy), grad_sum);
  graph_node(g, &bias_db_op, NULL, 0, 2, (tensor *[]){dy, grad_sum}, 1, &partial);
}

static void bias_grad(struct backward *b, const node *n) {
  tensor *dy = grad_out(b, n, 0);
  if (grad_wanted(b, n, 1)) bias_append_db(grad_graph(b), dy, n->in[1]->grad_sum);
  if (grad_wanted(b, n, 0)) grad_in(b, n, 0, dy);
}

static void bias_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *bias = n->in[1];
  const struct bias_params p = params_of(x);
  const uint32_t spec[] = {ELEMENTS_LOCAL, bias->type, p.dim};
  const bind binds[] = {BIND(x), BIND(bias), BIND(record_counts(r)), BIND(n->out[0])};
  record_features(r, "bias_fwd", spec, 3, binds, 4, &p, sizeof p, x, p.dim);
}

const op_desc bias_op = {.name = "bias", .rows_in = 1, .rows_out = 1, .in_place = 1, .grad = bias_grad, .record = bias_record};

tensor *op_bias(graph *g, tensor *x, tensor *bias) {
  REQUIRE(bias->n_dims == 1 && tensor_row_size(x) == tensor_rows(bias), "bias of %s with %s", x->name, bias->name);
  tensor *y = graph_tensor_like(g, "bias", x);
  graph_node(g, &bias_op, NULL, 0, 2, (tensor *[]){x, bias}, 1, &y);
  return y;
}
