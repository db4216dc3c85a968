// dora: y[n][i] = z[n][i] · m[i] / norm[i], with z = x Wᵀ + s · u Bᵀ and norm[i] the length of row i of W + s B A, which counts
// as a constant (Liu et al. 2024, section 4.3). z, y [N, M], m, norm [M].
// Backward: dz = dy · m / norm, the same map; dm[i] = Σ_n dy[n][i] · z[n][i] / norm[i] = Σ_n dy[n][i] · y[n][i] / m[i], so that
// y is what is kept, which mostly is kept for others too, and z is not. It is summed in chunks of rows, then over the chunks.
// A magnitude of exactly 0 gets no gradient (the other form would have one), nor does a row without length.
#include "dora.h"
#include "ops/op.h"

enum { DM_CHUNK_ROWS = 64 };

static struct dora_params params_of(const tensor *y) {
  return (struct dora_params){.rows = tensor_rows(y), .row_size = tensor_row_size(y), .live = y->live, .chunk = DM_CHUNK_ROWS};
}

// in: z (or dy), m, norm; out: y (or dz)
static void scale_record(recorder *r, const node *n) {
  const tensor *y = n->out[0];
  const struct dora_params p = params_of(y);
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2]), BIND(record_counts(r)), BIND(y)};
  const uint32_t spec[] = {ELEMENTS_LOCAL, p.row_size};
  record_features(r, "dora_fwd", spec, 2, binds, 5, &p, sizeof p, y, p.row_size);
}

static const op_desc dora_dz_op = {.name = "dora_dz", .rows_in = 1, .rows_out = 1, .in_place = 1, .record = scale_record};

// in: y, dy, m, its grad_sum (updated); out: partial [chunks, M]
static void dm_record(recorder *r, const node *n) {
  const tensor *y = n->in[0], *partial = n->out[0];
  struct dora_params p = params_of(y);
  const uint32_t spec[] = {ELEMENTS_LOCAL}, groups = div_up(p.row_size, ELEMENTS_LOCAL), chunks = div_up(p.rows, DM_CHUNK_ROWS);
  const bind parts[] = {BIND(y), BIND(n->in[1]), BIND(record_counts(r)), BIND(partial)};
  record_dispatch(r, "dora_dm", spec, 1, parts, 4, &p, sizeof p, groups, chunks, 1);
  p.rows = chunks;
  const bind sum[] = {BIND(partial), BIND(n->in[2]), BIND(n->in[3])};
  record_dispatch(r, "dora_dm_sum", spec, 1, sum, 3, &p, sizeof p, groups, 1, 1);
}

static const op_desc dora_dm_op = {.name = "dora_dm", .rows_in = 3, .updates = 1 << 3, .record = dm_record};

static void dora_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  tensor *y = grad_saved_out(b, n, 0), *dy = grad_out(b, n, 0), *m = n->in[1];
  if (grad_wanted(b, n, 1)) {
    const uint32_t shape[] = {div_up(tensor_rows(y), DM_CHUNK_ROWS), tensor_row_size(y)};
    tensor *partial = graph_tensor(g, "dora_dm", DTYPE_F32, LIVE_ALL, 2, shape);
    graph_node(g, &dora_dm_op, NULL, 0, 4, (tensor *[]){y, dy, m, m->grad_sum}, 1, &partial);
  }
  if (!grad_wanted(b, n, 0)) return;
  tensor *dz = graph_tensor_like(g, "dz", y);
  graph_node(g, &dora_dz_op, NULL, 0, 3, (tensor *[]){dy, m, n->in[2]}, 1, &dz);
  grad_in(b, n, 0, dz);
}

const op_desc dora_op = {.name = "dora", .rows_in = 1, .rows_out = 1, .in_place = 1, .grad = dora_grad, .record = scale_record};

tensor *op_dora(graph *g, tensor *z, tensor *magnitude, tensor *norms) {
  REQUIRE(tensor_elements(magnitude) == tensor_row_size(z) && tensor_elements(norms) == tensor_row_size(z), "magnitude of %s",
          z->name);
  tensor *y = graph_tensor_like(g, "dora", z);
  graph_node(g, &dora_op, NULL, 0, 3, (tensor *[]){z, magnitude, norms}, 1, &y);
  return y;
}
