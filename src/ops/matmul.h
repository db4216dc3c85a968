// Matrix products, recorded by operations: out[m][n] (+)= alpha · Σ_k a(m, k) · b(k, n).
//
//   product      a stored    b stored    in linear                       live count limits
//   MATMUL_NT    [m, k]      [n, k]      y = x Wᵀ                        m
//   MATMUL_NN    [m, k]      [k, n]      dx = dy W                       m
//   MATMUL_TN    [k, m]      [k, n]      dW = dyᵀ x, a sum over tokens   k
//
// a and out are F32; b is F32, F16 or BF16, or of a quantized type but in TN. A weight larger than one binding is given in windows of rows by the caller:
// windows of columns of out (NT), of the sum (NN, in order, accumulating), of rows of out (TN).
#ifndef OPS_MATMUL_H
#define OPS_MATMUL_H

#include "ops/ops.h"

typedef enum matmul_product { MATMUL_NT, MATMUL_NN, MATMUL_TN } matmul_product; // numbered as in matmul_tile.comp

typedef struct matmul {
  matmul_product product;
  bind a, b, out;
  bind scratch;                            // of TN: matmul_scratch_elements, flat: the depth may be split; t NULL: it may not
  uint32_t rows, cols, depth;              // m, n, k
  uint32_t a_offset;                       // elements before a's first one: a window of its columns
  uint32_t out_offset;                     // the same of out
  uint32_t a_stride, b_stride, out_stride; // elements from one stored row to the next; 0: rows lie side by side
  tensor_live live;
  float alpha;
  bool accumulate;           // adds to out
  const rotary_angles *turn; // of NT: the rows of out are turned, if the kernel can (matmul_turns); NULL: not
} matmul;

// A kernel with its constants. Each workgroup computes group_rows × group_cols of out.
typedef struct matmul_variant {
  const char *shader;
  uint32_t lanes, rows, cols; // workgroup size; rows and columns (or groups of four) of one invocation
  uint32_t group_rows, group_cols;
  uint32_t deep;    // tiles: slices of the depth in a step; 0 for the other families
  uint32_t more[3]; // tiles: how many slices without a loop; cooperative matrices: their m, n, k
  bool f16;         // the operands are rounded to f16 on their way
  uint32_t slices;  // of the depth, summed apart and then added up; 0: none
} matmul_variant;

// The families that a product can be computed with: those of a family that the device can run, its default first. They
// return how many.
enum { MATMUL_MAX_ROWS = 8, MATMUL_CPU_LANES = 8, MATMUL_GPU_LANES = 64 };
uint32_t matmul_rows_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_ROWS]); // registers only
enum { MATMUL_MAX_TILES = 14 };
uint32_t matmul_tile_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_TILES]); // in shared memory
// Elements of scratch memory with which the product's depth may be split on some device, by its shape alone, so that a plan
// knows it without one; 0: its depth is never split.
uint32_t matmul_scratch_elements(uint32_t rows, uint32_t cols, uint32_t depth);
uint32_t matmul_tuned_tokens(const matmul *m); // of which it is measured at most
// All that may be chosen for the product on the device, the default first.
enum { MATMUL_MAX_VARIANTS = MATMUL_MAX_ROWS + MATMUL_MAX_TILES };
uint32_t matmul_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_VARIANTS]);
// Whether all loads may take four elements at once.
bool matmul_has_quads(const matmul *m);
bool matmul_tile_quads(const matmul *m); // and all stores too
bool matmul_has_blocks(const matmul *m); // b is of a quantized type: the kernels of those are compiled with BLOCKS

// The words that a choice is kept under (gpu/gpu.h): "nt bf16 512x576x576" (tokens beyond matmul_tuned_tokens count as so
// many), and "matmul_rows_nt_addr 8 32x3" with what tells the family's variants apart. Written to `name`, which is returned.
enum { MATMUL_NAME_BYTES = 80 };
const char *matmul_problem_name(const matmul *m, char name[MATMUL_NAME_BYTES]);
const char *matmul_variant_name(const matmul_variant *v, char name[MATMUL_NAME_BYTES]);

// Returns whether it turns the rows of out. A kernel that does is preferred where the product is not what takes the time.
bool matmul_record(recorder *r, const matmul *m);
void matmul_record_variant(recorder *r, const matmul *m, const matmul_variant *v); // m->turn: as matmul_turns allows
bool matmul_turns(const matmul *m, const matmul_variant *v);

// --- a product by itself: for measuring (tune.c, bench), compiling and tests -----------------------------------------------

// One of the products of a linear layer of rows × in → out, without its tensors; all rows are live.
matmul matmul_of_linear(matmul_product product, uint32_t rows, uint32_t in, uint32_t out);
// How a and b are stored, as whole tensors; out is [rows, cols].
void matmul_operand_shapes(const matmul *m, uint32_t a[2], uint32_t b[2]);
// A node that computes m, whose a, b, out and scratch are whole tensors that it names, by that variant.
node *matmul_node(graph *g, const matmul *m, const matmul_variant *v);

#endif
