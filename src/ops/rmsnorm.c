// rmsnorm: y = x · rstd · w with rstd[n] = 1 / sqrt(mean_i(x[n][i]²) + eps). x, y [N, D], w [D], rstd [N] (saved). A weight
// shorter than the row, of H heads of w [D], normalises each head of x [N, H · D] by itself: rstd [N, H].
// Backward: dx = rstd · (w·dy − x · rstd² · mean_i(w·dy·x)); dw = Σ_n dy · x · rstd, summed in chunks of rows, then
// over the chunks, so that long rows keep many invocations busy and the order of the sum is fixed. Where x has a gradient
// from elsewhere already (a residual path), the same kernel adds it.
#include "rmsnorm.h"
#include "ops/op.h"

static struct rmsnorm_params params_of(const node *n, const tensor *x, uint32_t dim) {
  struct rmsnorm_params p = *(const struct rmsnorm_params *)n->params;
  p.rows = tensor_rows(x), p.heads = tensor_row_size(x) / dim, p.dim = dim, p.live = x->live;
  return p;
}

// One subgroup on software drivers, where a workgroup barrier is a switch between coroutines.
uint32_t rmsnorm_local_size(const recorder *r, uint32_t dim) {
  uint32_t size = record_plan(r)->is_cpu ? 8 : 32;
  while (!record_plan(r)->is_cpu && size < 256 && size * 4 < dim) size *= 2;
  return size;
}

// in: x, w, rstd, dy, residual or NULL; out: dx
static void rmsnorm_bwd_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *w = n->in[1];
  const struct rmsnorm_params p = params_of(n, x, (uint32_t)tensor_elements(w));
  const uint32_t spec[] = {rmsnorm_local_size(r, p.dim), w->type, n->in[4] != NULL};
  const bind binds[] = {BIND(x),        BIND(w), BIND(n->in[2]), BIND(n->in[3]), BIND(n->in[4]), BIND(record_counts(r)),
                        BIND(n->out[0])};
  record_rows(r, "rmsnorm_bwd", spec, 3, binds, 7, &p, sizeof p, x, p.heads, 1);
}

static const op_desc rmsnorm_bwd_op = {
    .name = "rmsnorm_bwd", .rows_in = 29, .rows_out = 1, .in_place = 1, .record = rmsnorm_bwd_record};

// in: x, rstd, dy, the weight's grad_sum (updated); out: partial [chunks, D]
static void rmsnorm_dw_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *partial = n->out[0];
  struct rmsnorm_params p = params_of(n, x, tensor_row_size(partial));
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  p.chunk = PARTIAL_SUM_ROWS;
  const bind parts[] = {BIND(x), BIND(n->in[1]), BIND(n->in[2]), BIND(record_counts(r)), BIND(partial)};
  record_dispatch(r, "rmsnorm_dw", spec, 1, parts, 5, &p, sizeof p, div_up(p.dim, ELEMENTS_LOCAL), tensor_rows(partial), 1);
  record_partial_sum(r, partial, n->in[3]);
}

static const op_desc rmsnorm_dw_op = {.name = "rmsnorm_dw", .updates = 1 << 3, .record = rmsnorm_dw_record};

tensor *rmsnorm_append_dx(graph *g, tensor *x, tensor *w, tensor *rstd, tensor *dy, tensor *residual) {
  tensor *dx = graph_tensor_like(g, "dx", x);
  const struct rmsnorm_params p = {0}; // eps is in rstd
  graph_node(g, &rmsnorm_bwd_op, &p, sizeof p, 5, (tensor *[]){x, w, rstd, dy, residual}, 1, &dx);
  return dx;
}

void rmsnorm_append_dw(graph *g, tensor *x, tensor *rstd, tensor *dy, tensor *grad_sum) {
  tensor *partial = partial_sum_tensor(g, "rmsnorm_dw", tensor_elements(x) / tensor_elements(grad_sum), grad_sum);
  const struct rmsnorm_params p = {0};
  graph_node(g, &rmsnorm_dw_op, &p, sizeof p, 4, (tensor *[]){x, rstd, dy, grad_sum}, 1, &partial);
}

static void rmsnorm_grad(struct backward *b, const node *n) {
  tensor *x = grad_saved_in(b, n, 0), *w = n->in[1], *rstd = grad_saved_out(b, n, 1), *dy = grad_out(b, n, 0);
  if (grad_wanted(b, n, 0)) grad_in(b, n, 0, rmsnorm_append_dx(grad_graph(b), x, w, rstd, dy, grad_take_in(b, n, 0)));
  if (grad_wanted(b, n, 1)) rmsnorm_append_dw(grad_graph(b), x, rstd, dy, w->grad_sum);
}

static void rmsnorm_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *w = n->in[1];
  const struct rmsnorm_params p = params_of(n, x, (uint32_t)tensor_elements(w));
  const uint32_t spec[] = {rmsnorm_local_size(r, p.dim), w->type};
  const bind binds[] = {BIND(x), BIND(w), BIND(record_counts(r)), BIND(n->out[0]), BIND(n->out[1])};
  record_rows(r, "rmsnorm_fwd", spec, 2, binds, 5, &p, sizeof p, x, p.heads, 1);
}

const op_desc rmsnorm_op = {.name = "rmsnorm", .rows_in = 1, .rows_out = 3, .grad = rmsnorm_grad, .record = rmsnorm_record};

void rmsnorm_append(graph *g, tensor *x, tensor *w, float eps, tensor *y, tensor *rstd) {
  const struct rmsnorm_params p = {.eps = eps};
  graph_node(g, &rmsnorm_op, &p, sizeof p, 2, (tensor *[]){x, w}, 2, (tensor *[]){y, rstd});
}

tensor *op_rmsnorm(graph *g, tensor *x, tensor *weight, float eps) {
  const uint32_t dim = (uint32_t)tensor_elements(weight), rstd[] = {tensor_rows(x), tensor_row_size(x) / dim};
  REQUIRE(tensor_row_size(x) % dim == 0, "rmsnorm of %s with %s", x->name, weight->name);
  tensor *y = graph_tensor_like(g, "rmsnorm", x);
  rmsnorm_append(g, x, weight, eps, y, graph_tensor(g, "rstd", DTYPE_F32, x->live, rstd[1] > 1 ? 2 : 1, rstd));
  return y;
}
