// gather_rows: y[t] = x[rows[t]]. x [N, D], rows i32 [T] distinct, y [T, D].
// Backward: dx[n] = dy[inverse[n]] where inverse[n] ≥ 0, else 0: a gather again, so that rows are written once, in any
// order, without atomics.
#include "gather_rows.h"
#include "ops/op.h"

// in: x, rows, (inverse); out: y — or in: dy, inverse; out: dx
static void take_record(recorder *r, const node *n) {
  const tensor *y = n->out[0];
  const struct gather_rows_params p = {.rows = tensor_rows(y), .live = y->live};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(record_counts(r)), BIND(y)};
  const uint32_t spec[] = {ELEMENTS_LOCAL, tensor_row_size(y)};
  record_features(r, "gather_rows_take", spec, 2, binds, 4, &p, sizeof p, y, tensor_row_size(y));
}

static const op_desc gather_rows_bwd_op = {.name = "gather_rows_bwd", .record = take_record};

static void gather_rows_grad(struct backward *b, const node *n) {
  tensor *dy = grad_out(b, n, 0), *dx = graph_tensor_like(grad_graph(b), "dx", n->in[0]);
  REQUIRE(n->in[2], "rows of %s are gathered without their inverse, which backward needs", n->in[0]->name);
  graph_node(grad_graph(b), &gather_rows_bwd_op, NULL, 0, 2, (tensor *[]){dy, n->in[2]}, 1, &dx);
  grad_in(b, n, 0, dx);
}

const op_desc gather_rows_op = {.name = "gather_rows", .grad = gather_rows_grad, .record = take_record};

tensor *op_gather_rows(graph *g, tensor *x, tensor *rows, tensor *inverse) {
  REQUIRE(rows->type == DTYPE_I32, "gathered rows of %s", x->name);
  REQUIRE(!inverse || (inverse->type == DTYPE_I32 && tensor_rows(inverse) == tensor_rows(x)), "inverse of gathered rows of %s",
          x->name);
  uint32_t shape[] = {tensor_rows(rows), tensor_row_size(x)};
  tensor *y = graph_tensor(g, "gather_rows", DTYPE_F32, rows->live, 2, shape);
  graph_node(g, &gather_rows_op, NULL, 0, 3, (tensor *[]){x, rows, inverse}, 1, &y);
  return y;
}
