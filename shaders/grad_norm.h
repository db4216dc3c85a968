#include "lib/types.h"

struct grad_norm_params {
  uint first_block; // grad_norm_blocks: where in `squares` the bound gradient's first block goes
  uint n_blocks;    // blocks of the bound gradient; grad_norm_total: of all gradients
};
