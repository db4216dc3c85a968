// grad_norm: norm = sqrt(Σ g²) / targets over all gradients, clip = min(1, max_grad_norm / (norm + 1e-6)) as torch has
// it, and whether loss and norm are finite. Gradients are sums over tokens, in regions of blocks of 1,024 elements
// (models/params.h); a tensor's blocks are its own, so that its norm can be had from `squares` too.
//   grads[i] [blocks_i, 1024], squares [Σ blocks_i], hyper: struct step_hyper, state: struct step_state
// Sums have a fixed order: a tree within each block, then a tree over the blocks.
#include "grad_norm.h"
#include "lib/step.h"
#include "ops/op.h"

// in: grad, squares (updated)
static void blocks_record(recorder *r, const node *n) {
  const tensor *grad = n->in[0];
  const struct grad_norm_params base = *(const struct grad_norm_params *)n->params;
  const uint32_t window = record_window_rows(r, grad), spec[] = {record_sum_local(r, 64), GRAD_BLOCK};
  for (uint32_t row = 0; row < tensor_rows(grad); row += window) {
    struct grad_norm_params p = {.first_block = base.first_block + row};
    p.n_blocks = tensor_rows(grad) - row < window ? tensor_rows(grad) - row : window;
    const bind binds[] = {BIND_ROWS(grad, row, p.n_blocks), BIND(n->in[1])};
    uint32_t groups[2];
    record_grid(p.n_blocks, groups);
    record_dispatch(r, "grad_norm_blocks", spec, 2, binds, 2, &p, sizeof p, groups[0], groups[1], 1);
  }
}

static const op_desc grad_norm_blocks_op = {.name = "grad_norm_blocks", .updates = 1 << 1, .record = blocks_record};

// in: squares, hyper, state (updated)
static void total_record(recorder *r, const node *n) {
  const struct grad_norm_params p = {.n_blocks = (uint32_t)tensor_elements(n->in[0])};
  const uint32_t spec[] = {record_sum_local(r, 256)};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2])};
  record_dispatch(r, "grad_norm_total", spec, 1, binds, 3, &p, sizeof p, 1, 1, 1);
}

const op_desc grad_norm_op = {.name = "grad_norm", .updates = 1 << 2, .record = total_record};

void op_grad_norm(graph *g, tensor *const *grads, uint32_t n, tensor *squares, tensor *hyper, tensor *state) {
  struct grad_norm_params p = {0};
  for (uint32_t i = 0; i < n; i++) {
    REQUIRE(tensor_row_size(grads[i]) == GRAD_BLOCK, "%s is not in blocks of %d", grads[i]->name, GRAD_BLOCK);
    graph_node(g, &grad_norm_blocks_op, &p, sizeof p, 2, (tensor *[]){grads[i], squares}, 0, NULL);
    p.first_block += tensor_rows(grads[i]);
  }
  REQUIRE(p.first_block == tensor_elements(squares), "%u blocks, %s has another number", p.first_block, squares->name);
  REQUIRE(tensor_bytes(hyper) >= sizeof(struct step_hyper) && tensor_bytes(state) >= sizeof(struct step_state), "%s",
          state->name);
  graph_node(g, &grad_norm_op, NULL, 0, 3, (tensor *[]){squares, hyper, state}, 0, NULL);
}
