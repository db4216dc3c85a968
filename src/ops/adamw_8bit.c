// adamw_8bit: adamw with both moments in 8 bits (Dettmers et al., "8-bit optimizers via block-wise quantization", 2022).
// Each part of 256 elements has the largest |m| and the largest v as f32; an element is the code, a byte, of the nearest
// value of a map times that. The step itself is in f32 and takes the moments before they are encoded again.
//
// By the dynamic map (base/blocks.h) small moments keep their order of magnitude and large ones 1 % of precision.
//
// Unlike bitsandbytes', no v that is not 0 becomes 0: else m / sqrt(v), in a step in which such an element has a small
// gradient, would be as large as 1 / epsilon.
//
// weight, grad [blocks, 1024]; m, v i32 [blocks, 256], four codes a word; scales [blocks, 8]: 4 of m, 4 of v a block.
#include "adamw_8bit.h"

#include "base/blocks.h"
#include "lib/step.h"
#include "ops/op.h"

enum { PARTS = 4, SCALE_ROWS = 8 }; // parts of a block; rows of scales that begin at aligned offsets

typedef struct adamw_8bit_options {
  uint32_t first_block, n_blocks;
  bool decay;
} adamw_8bit_options;

void adamw_8bit_codes(float codes[ADAMW_8BIT_CODES]) {
  blocks_dynamic_map(true, codes);
  blocks_dynamic_map(false, codes + DYNAMIC_MAP);
}

static uint32_t round_down(uint32_t rows) {
  return rows / SCALE_ROWS * SCALE_ROWS;
}

// in: hyper, state, codes, weight, grad, m, v, scales (the last five updated)
static void adamw_8bit_record(recorder *r, const node *n) {
  const adamw_8bit_options *o = n->params;
  const tensor *scales = n->in[7];
  uint32_t window = record_window_rows(r, n->in[3]);
  if (window < tensor_rows(n->in[3])) window = round_down(window);
  const uint32_t end = o->first_block + o->n_blocks;
  for (uint32_t row = o->first_block; row < end; row += window) {
    const uint32_t rows = end - row < window ? end - row : window, first = round_down(row);
    const struct adamw_8bit_params p = {.n = rows * PARTS, .decay = o->decay, .first_part = (row - first) * PARTS};
    const bind binds[] = {BIND(n->in[0]),
                          BIND(n->in[1]),
                          BIND(n->in[2]),
                          BIND_ROWS(n->in[3], row, rows),
                          BIND_ROWS(n->in[4], row, rows),
                          BIND_ROWS(n->in[5], row, rows),
                          BIND_ROWS(n->in[6], row, rows),
                          BIND_ROWS(scales, first, row - first + rows)};
    uint32_t groups[2];
    record_grid(p.n, groups);
    record_dispatch(r, "adamw_8bit_step", NULL, 0, binds, 8, &p, sizeof p, groups[0], groups[1], 1);
  }
}

const op_desc adamw_8bit_op = {.name = "adamw_8bit", .updates = 0xf8, .record = adamw_8bit_record};

void op_adamw_8bit(graph *g, tensor *weight, tensor *grad, tensor *m, tensor *v, tensor *scales, tensor *codes,
                   uint32_t first_block, uint32_t n_blocks, bool decay, tensor *hyper, tensor *state) {
  const adamw_8bit_options options = {first_block, n_blocks, decay};
  REQUIRE(first_block + n_blocks <= tensor_rows(weight) && tensor_elements(codes) == ADAMW_8BIT_CODES, "blocks of %s",
          weight->name);
  graph_node(g, &adamw_8bit_op, &options, sizeof options, 8, (tensor *[]){hyper, state, codes, weight, grad, m, v, scales}, 0,
             NULL);
}
