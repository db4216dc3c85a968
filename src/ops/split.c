// split: the columns of x [N, W] that lie side by side become tensors of their own: y_i[n][c] = x[n][Σ_{k<i} w_k + c],
// y_i [N, w_i], Σ w_i = W.
// Backward: dx has dy_i in the columns that y_i came from, 0 where a part is not used.
// A product whose weight is several matrices in one (Phi-3's qkv_proj) is cut so: what follows takes whole rows.
#include "split.h"
#include "ops/op.h"

// Columns [from, from + width) of x to [to, to + width) of y.
static void copy_columns(recorder *r, const tensor *x, uint32_t from, const tensor *y, uint32_t to, uint32_t width) {
  const struct split_params p = {.rows = tensor_rows(x),
                                 .live = x->live,
                                 .from = from,
                                 .from_size = tensor_row_size(x),
                                 .to = to,
                                 .to_size = tensor_row_size(y)};
  const bind binds[] = {BIND(x), BIND(record_counts(r)), BIND(y)};
  record_features(r, "split_copy", (uint32_t[]){ELEMENTS_LOCAL, width}, 2, binds, 3, &p, sizeof p, x, width);
}

// in: dy of each part, or NULL; out: dx
static void split_bwd_record(recorder *r, const node *n) {
  const tensor *dx = n->out[0];
  const uint32_t *widths = n->params;
  bool all = true;
  for (uint32_t i = 0; i < n->n_in; i++) all &= n->in[i] != NULL;
  if (!all) record_fill(r, dx, 0);
  for (uint32_t i = 0, at = 0; i < n->n_in; at += widths[i++])
    if (n->in[i]) copy_columns(r, n->in[i], 0, dx, at, widths[i]);
}

static const op_desc split_bwd_op = {.name = "split_bwd", .rows_in = 15, .rows_out = 1, .record = split_bwd_record};

static void split_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  tensor *dy[NODE_MAX_OUTPUTS], *dx = graph_tensor_like(g, "dx", n->in[0]);
  for (uint32_t i = 0; i < n->n_out; i++) dy[i] = grad_out(b, n, i);
  graph_node(g, &split_bwd_op, n->params, NODE_MAX_OUTPUTS * sizeof(uint32_t), n->n_out, dy, 1, &dx);
  grad_in(b, n, 0, dx);
}

static void split_record(recorder *r, const node *n) {
  for (uint32_t i = 0, at = 0; i < n->n_out; at += tensor_row_size(n->out[i++]))
    copy_columns(r, n->in[0], at, n->out[i], 0, tensor_row_size(n->out[i]));
}

const op_desc split_op = {.name = "split", .rows_in = 1, .rows_out = 15, .grad = split_grad, .record = split_record};

void op_split(graph *g, tensor *x, uint32_t n, const uint32_t *widths, tensor **parts) {
  uint32_t kept[NODE_MAX_OUTPUTS] = {0}, sum = 0;
  REQUIRE(n && n <= NODE_MAX_OUTPUTS, "%s in %u parts", x->name, n);
  for (uint32_t i = 0; i < n; i++) {
    parts[i] = graph_tensor(g, "part", DTYPE_F32, x->live, 2, (uint32_t[]){tensor_rows(x), widths[i]});
    sum += kept[i] = widths[i];
  }
  REQUIRE(sum == tensor_row_size(x), "%s with rows of %u in parts of %u", x->name, tensor_row_size(x), sum);
  graph_node(g, &split_op, kept, sizeof kept, 1, &x, n, parts);
}
