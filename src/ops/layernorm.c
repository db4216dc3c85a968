// layernorm: y = z · w + b, z = (x − mean) · rstd, mean[n] = mean_i(x[n][i]), rstd[n] = 1 / sqrt(mean_i((x − mean)²) + eps).
// x, y [N, D], w [D] any type, b [D], stats [N, 2] (mean and rstd, saved).
// Backward: dx = rstd · (w·dy − mean_i(w·dy) − z · mean_i(w·dy·z)); dw = Σ_n dy · z and db = Σ_n dy, summed in chunks of rows,
// then over the chunks. Where x has a gradient from elsewhere already (a residual path), the same kernel adds it.
#include "layernorm.h"
#include "ops/op.h"

static struct layernorm_params params_of(const tensor *x) {
  return (struct layernorm_params){.rows = tensor_rows(x), .dim = tensor_row_size(x), .live = x->live, .chunk = PARTIAL_SUM_ROWS};
}

// in: x, w, stats, dy, residual or NULL; out: dx
static void layernorm_bwd_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *w = n->in[1];
  const struct layernorm_params p = params_of(x);
  const uint32_t spec[] = {rmsnorm_local_size(r, p.dim), w->type, n->in[4] != NULL};
  const bind binds[] = {BIND(x),        BIND(w), BIND(n->in[2]), BIND(n->in[3]), BIND(n->in[4]), BIND(record_counts(r)),
                        BIND(n->out[0])};
  record_rows(r, "layernorm_bwd", spec, 3, binds, 7, &p, sizeof p, x, 1, 1);
}

static const op_desc layernorm_bwd_op = {
    .name = "layernorm_bwd", .rows_in = 29, .rows_out = 1, .in_place = 1, .record = layernorm_bwd_record};

// in: x, stats, dy, the weight's grad_sum (updated); out: partial [chunks, D]
static void layernorm_dw_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *partial = n->out[0];
  const struct layernorm_params p = params_of(x);
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  const bind binds[] = {BIND(x), BIND(n->in[1]), BIND(n->in[2]), BIND(record_counts(r)), BIND(partial)};
  record_dispatch(r, "layernorm_dw", spec, 1, binds, 5, &p, sizeof p, div_up(p.dim, ELEMENTS_LOCAL), tensor_rows(partial), 1);
  record_partial_sum(r, partial, n->in[3]);
}

static const op_desc layernorm_dw_op = {.name = "layernorm_dw", .updates = 1 << 3, .record = layernorm_dw_record};

static void layernorm_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  tensor *x = grad_saved_in(b, n, 0), *w = n->in[1], *stats = grad_saved_out(b, n, 1), *dy = grad_out(b, n, 0);
  if (grad_wanted(b, n, 0)) {
    tensor *dx = graph_tensor_like(g, "dx", x);
    graph_node(g, &layernorm_bwd_op, NULL, 0, 5, (tensor *[]){x, w, stats, dy, grad_take_in(b, n, 0)}, 1, &dx);
    grad_in(b, n, 0, dx);
  }
  if (grad_wanted(b, n, 1)) {
    tensor *partial = partial_sum_tensor(g, "layernorm_dw", tensor_rows(x), w->grad_sum);
    graph_node(g, &layernorm_dw_op, NULL, 0, 4, (tensor *[]){x, stats, dy, w->grad_sum}, 1, &partial);
  }
  if (grad_wanted(b, n, 2)) bias_append_db(g, dy, n->in[2]->grad_sum);
}

static void layernorm_record(recorder *r, const node *n) {
  const tensor *x = n->in[0], *w = n->in[1];
  struct layernorm_params p = params_of(x);
  p.eps = *(const float *)n->params;
  const uint32_t spec[] = {rmsnorm_local_size(r, p.dim), w->type};
  const bind binds[] = {BIND(x), BIND(w), BIND(n->in[2]), BIND(record_counts(r)), BIND(n->out[0]), BIND(n->out[1])};
  record_rows(r, "layernorm_fwd", spec, 2, binds, 6, &p, sizeof p, x, 1, 1);
}

const op_desc layernorm_op = {
    .name = "layernorm", .rows_in = 1, .rows_out = 3, .grad = layernorm_grad, .record = layernorm_record};

tensor *op_layernorm(graph *g, tensor *x, tensor *weight, tensor *bias, float eps) {
  const uint32_t dim = tensor_row_size(x), stats[] = {tensor_rows(x), 2};
  REQUIRE(dim == tensor_elements(weight) && dim == tensor_elements(bias), "layernorm of %s with %s and %s", x->name, weight->name,
          bias->name);
  REQUIRE(bias->type == DTYPE_F32, "%s is %s", bias->name, dtype_get(bias->type)->name);
  tensor *out[] = {graph_tensor_like(g, "layernorm", x), graph_tensor(g, "stats", DTYPE_F32, x->live, 2, stats)};
  graph_node(g, &layernorm_op, &eps, sizeof eps, 3, (tensor *[]){x, weight, bias}, 2, out);
  return out[0];
}
