// dora_norm: norms[i] = ‖w_i + s b_i A‖ = √(squares[i] + s Σ_k b[i][k] · (2 aw[k][i] + s baa[i][k])), the lengths of the rows of
// W + s B A, from squares[i] = ‖w_i‖² [M], aw = A Wᵀ [r, M], baa = B A Aᵀ [M, r] and B [M, r]. norms [M] is written in place:
// it outlives the graph. No gradient passes.
#include "dora_norm.h"
#include "ops/op.h"

// in: squares, aw, baa, B, norms (updated)
static void dora_norm_record(recorder *r, const node *n) {
  struct dora_norm_params p = *(const struct dora_norm_params *)n->params;
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2]), BIND(n->in[3]), BIND(n->in[4])};
  record_dispatch(r, "dora_norm_rows", spec, 1, binds, 5, &p, sizeof p, div_up(p.rows, ELEMENTS_LOCAL), 1, 1);
}

const op_desc dora_norm_op = {.name = "dora_norm", .updates = 1 << 4, .record = dora_norm_record};

void op_dora_norm(graph *g, tensor *norms, tensor *squares, tensor *aw, tensor *baa, tensor *b, float scale) {
  const struct dora_norm_params p = {.rows = tensor_rows(b), .rank = tensor_row_size(b), .scale = scale};
  REQUIRE(tensor_elements(norms) == p.rows && tensor_elements(squares) == p.rows && tensor_rows(aw) == p.rank &&
              tensor_row_size(aw) == p.rows && tensor_rows(baa) == p.rows && tensor_row_size(baa) == p.rank,
          "norms of %u rows", p.rows);
  graph_node(g, &dora_norm_op, &p, sizeof p, 5, (tensor *[]){squares, aw, baa, b, norms}, 0, NULL);
}
