// adamw (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019), as torch.optim.AdamW computes it:
//   g = grad · grad_scale                     (the mean over targets, clipped; grad_norm writes the factor)
//   w ← w − lr · wd · w                        (where decay applies: never to norms and biases)
//   m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
//   w ← w − lr / (1 − β₁ᵗ) · m / (sqrt(v / (1 − β₂ᵗ)) + ε)
// t counts applied steps on the device, so a step that was not finite leaves no trace. grad is set to 0 for the next
// step. weight, grad, m, v [blocks, 1024]; all of a region's tensors at once.
#include "adamw.h"
#include "lib/step.h"
#include "ops/op.h"

typedef struct adamw_options {
  uint32_t first_block, n_blocks;
  bool decay;
} adamw_options;

// in: hyper, state, weight, grad, m, v (the last four updated)
static void adamw_record(recorder *r, const node *n) {
  const adamw_options *o = n->params;
  const uint32_t window = record_window_rows(r, n->in[2]), end = o->first_block + o->n_blocks;
  for (uint32_t row = o->first_block; row < end; row += window) {
    const uint32_t rows = end - row < window ? end - row : window;
    const struct adamw_params p = {.n = rows * GRAD_BLOCK, .decay = o->decay};
    const uint32_t spec[] = {ELEMENTS_LOCAL};
    uint32_t groups[2];
    const bind binds[] = {BIND(n->in[0]),
                          BIND(n->in[1]),
                          BIND_ROWS(n->in[2], row, rows),
                          BIND_ROWS(n->in[3], row, rows),
                          BIND_ROWS(n->in[4], row, rows),
                          BIND_ROWS(n->in[5], row, rows)};
    record_grid(div_up(p.n, 4 * ELEMENTS_LOCAL), groups);
    record_dispatch(r, "adamw_step", spec, 1, binds, 6, &p, sizeof p, groups[0], groups[1], 1);
  }
}

const op_desc adamw_op = {.name = "adamw", .updates = 0x3c, .record = adamw_record};

void op_adamw(graph *g, tensor *weight, tensor *grad, tensor *m, tensor *v, uint32_t first_block, uint32_t n_blocks, bool decay,
              tensor *hyper, tensor *state) {
  const adamw_options options = {first_block, n_blocks, decay};
  REQUIRE(first_block + n_blocks <= tensor_rows(weight), "blocks of %s", weight->name);
  graph_node(g, &adamw_op, &options, sizeof options, 6, (tensor *[]){hyper, state, weight, grad, m, v}, 0, NULL);
}
