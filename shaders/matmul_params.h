// Parameters of the matrix products (shaders/matmul.glsl): out[m][n] (+)= alpha · Σ_k a(m, k) · b(k, n).
#include "lib/types.h"

struct matmul_params {
  uint rows, cols, depth;  // m, n, k
  uint a_offset, a_stride; // of a as it is stored: the first element, and from one row to the next
  uint b_stride;
  uint out_offset, out_stride;
  uint live;       // the live count of the tokens: rows of out, or the depth of a weight gradient
  uint accumulate; // 0: out is overwritten, 1: out is added to
  uint slices;     // of the depth, each summed apart (matmul_split_sum.comp adds them up); 1: none
  float alpha;
};
