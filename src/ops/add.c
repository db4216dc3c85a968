// add: y = a + b, elementwise. a, b, y share one shape.
// Backward: da = dy, db = dy.
#include "add.h"
#include "ops/op.h"

static void add_grad(struct backward *b, const node *n) {
  for (uint32_t i = 0; i < 2; i++)
    if (grad_wanted(b, n, i)) grad_in(b, n, i, grad_out(b, n, 0));
}

static void add_record(recorder *r, const node *n) {
  const tensor *y = n->out[0];
  const struct add_params p = {.rows = tensor_rows(y), .row_size = tensor_row_size(y), .live = y->live};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(record_counts(r)), BIND(y)};
  record_elements(r, "add_fwd", binds, 4, &p, sizeof p, y);
}

const op_desc add_op = {.name = "add", .rows_in = 3, .rows_out = 1, .in_place = 1, .grad = add_grad, .record = add_record};

tensor *op_add(graph *g, tensor *a, tensor *b) {
  REQUIRE(tensor_elements(a) == tensor_elements(b) && a->live == b->live, "%s + %s", a->name, b->name);
  tensor *y = graph_tensor_like(g, "add", a);
  graph_node(g, &add_op, NULL, 0, 2, (tensor *[]){a, b}, 1, &y);
  return y;
}
