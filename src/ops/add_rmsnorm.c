// add_rmsnorm: sum = a + b and y = sum · rstd · w in one pass, rstd[n] = 1 / sqrt(mean_i(sum[n][i]²) + eps): the residual path
// and the norm that follows it. a, b, sum, y [N, D], w [D], rstd [N] (saved).
// Backward: da = db = dsum + rmsnorm's dx, in one pass (rmsnorm.c); dw as rmsnorm's. Where backward computes a segment again
// that begins with it, y and rstd are the rmsnorm of the sum, which alone is kept.
#include "add_rmsnorm.h"
#include "ops/op.h"

static void add_rmsnorm_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  tensor *w = n->in[2], *sum = grad_saved_out(b, n, 1), *rstd = grad_saved_out(b, n, 2);
  tensor *dy = grad_out(b, n, 0), *dsum = grad_out(b, n, 1), *dx = dsum;
  if (dy && (grad_wanted(b, n, 0) || grad_wanted(b, n, 1))) dx = rmsnorm_append_dx(g, sum, w, rstd, dy, dsum);
  for (uint32_t i = 0; i < 2; i++)
    if (dx && grad_wanted(b, n, i)) grad_in(b, n, i, dx);
  if (dy && grad_wanted(b, n, 2)) rmsnorm_append_dw(g, sum, rstd, dy, w->grad_sum);
}

static void add_rmsnorm_resume(graph *g, const node *n, tensor *sum, tensor *const *out) {
  rmsnorm_append(g, sum, n->in[2], ((const struct add_rmsnorm_params *)n->params)->eps, out[0], out[2]);
}

// in: a, b, w; out: y, sum, rstd
static void add_rmsnorm_record(recorder *r, const node *n) {
  const tensor *a = n->in[0], *w = n->in[2];
  struct add_rmsnorm_params p = *(const struct add_rmsnorm_params *)n->params;
  p.rows = tensor_rows(a), p.dim = tensor_row_size(a), p.live = a->live;
  const uint32_t spec[] = {rmsnorm_local_size(r, p.dim), w->type};
  const bind binds[] = {BIND(a),         BIND(n->in[1]),  BIND(w),        BIND(record_counts(r)),
                        BIND(n->out[0]), BIND(n->out[1]), BIND(n->out[2])};
  record_rows(r, "add_rmsnorm_fwd", spec, 2, binds, 7, &p, sizeof p, a, 1, 1);
}

const op_desc add_rmsnorm_op = {.name = "add_rmsnorm",
                                .rows_in = 3,
                                .rows_out = 7,
                                .in_place = 3,
                                .grad = add_rmsnorm_grad,
                                .record = add_rmsnorm_record,
                                .resume = add_rmsnorm_resume,
                                .kept = 1};

tensor *op_add_rmsnorm(graph *g, tensor *a, tensor *b, tensor *weight, float eps, tensor **sum) {
  REQUIRE(tensor_elements(a) == tensor_elements(b) && a->live == b->live, "%s + %s", a->name, b->name);
  REQUIRE(tensor_row_size(a) == tensor_elements(weight), "rmsnorm of %s with %s", a->name, weight->name);
  const struct add_rmsnorm_params p = {.eps = eps};
  const uint32_t rows = tensor_rows(a);
  tensor *out[] = {graph_tensor_like(g, "rmsnorm", a), graph_tensor_like(g, "add", a),
                   graph_tensor(g, "rstd", DTYPE_F32, a->live, 1, &rows)};
  graph_node(g, &add_rmsnorm_op, &p, sizeof p, 3, (tensor *[]){a, b, weight}, 3, out);
  *sum = out[1];
  return out[0];
}
