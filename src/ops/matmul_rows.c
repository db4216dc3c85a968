// Products in registers alone (shaders/matmul_rows_*.comp): which of them a device can run, and which suits a product.
//
// An invocation holds rows × cols sums, far more than there are registers: each load then serves many of them, and the
// sums move to and from the nearest cache once for four steps of the depth. With buffer addresses (X_addr) a load costs a
// third, and long kernels compile in a tenth of the time.
//
// Workgroups go down a block of columns first: what b has for these columns stays in a core's cache. The other way round
// 512 × 576 × 1536 took twice as long (NN; b in steps of a row's length, which no prefetcher follows).
//
// GFLOP/s of one core with lavapipe 26.1 and 25.0 (LLVM 19 and 15), 512 × 576 × 576, f32; OpenBLAS does 105:
//
//            by addresses                                               by bindings
//   NT    32 × 3: 36, 11   16 × 4: 29, 12   6 × 8: 17, 12            6 × 8: 17, 8
//   NN    32 × 1: 34       24 × 1: 30, 11   6 × 2: 16, 11            6 × 2: 14, 7
//   TN    48 × 1: 46       32 × 1: 38       24 × 1: 35, 12           8 × 2: 14, 9
#include "ops/matmul.h"

typedef struct shape {
  uint32_t rows, cols; // of an invocation; cols in groups of four for NN and TN
} shape;

enum { N_SHAPES = 5 };

// The default first. By bindings nothing larger: lavapipe 25.0 takes five seconds and more to compile it.
static const shape by_address[3][N_SHAPES] = {
    [MATMUL_NT] = {{32, 3}, {16, 4}, {48, 3}, {24, 1}, {6, 8}},
    [MATMUL_NN] = {{32, 1}, {24, 1}, {48, 1}, {16, 1}, {6, 2}},
    [MATMUL_TN] = {{32, 1}, {48, 1}, {24, 1}, {16, 1}, {8, 2}},
};
static const shape by_binding[3][N_SHAPES] = {
    [MATMUL_NT] = {{6, 8}, {16, 2}},
    [MATMUL_NN] = {{6, 2}, {12, 1}},
    [MATMUL_TN] = {{8, 2}, {12, 1}},
};

// Loads of single elements make long code, so kernels with them hold fewer sums.
static const shape by_element[3] = {[MATMUL_NT] = {4, 4}, [MATMUL_NN] = {4, 1}, [MATMUL_TN] = {4, 1}};

static uint32_t power_of_two_for(uint32_t n, uint32_t most) {
  uint32_t p = 1;
  while (p < n && p < most) p *= 2;
  return p < most ? p : most;
}

// No larger than the product. TN takes rows by fours.
static matmul_variant variant_of(const matmul *m, shape s, uint32_t lanes, bool address) {
  static const char *const shaders[2][2][3] = {
      {{"matmul_rows_nt", "matmul_rows_nn", "matmul_rows_tn"}, {"matmul_rows_nt_blocks", "matmul_rows_nn_blocks"}},
      {{"matmul_rows_nt_addr", "matmul_rows_nn_addr", "matmul_rows_tn_addr"},
       {"matmul_rows_nt_blocks_addr", "matmul_rows_nn_blocks_addr"}}};
  const uint32_t col_width = m->product == MATMUL_NT ? 1 : 4;
  const uint32_t needed = div_up(m->cols, col_width * lanes);
  matmul_variant v = {.shader = shaders[address][matmul_has_blocks(m)][m->product], .lanes = lanes, .rows = s.rows};
  v.cols = needed < s.cols ? power_of_two_for(needed, s.cols) : s.cols;
  if (m->rows < s.rows) v.rows = m->product == MATMUL_TN ? div_up(m->rows, 4) * 4 : power_of_two_for(m->rows, s.rows);
  v.group_rows = v.rows;
  v.group_cols = v.cols * col_width * lanes;
  return v;
}

static bool is_same(const matmul_variant *a, const matmul_variant *b) {
  return a->shader == b->shader && a->lanes == b->lanes && a->rows == b->rows && a->cols == b->cols;
}

static uint32_t add(const matmul *m, const shape *shapes, uint32_t n_shapes, uint32_t lanes, bool address, matmul_variant *out,
                    uint32_t n) {
  for (uint32_t i = 0; i < n_shapes && shapes[i].rows; i++) {
    out[n] = variant_of(m, shapes[i], lanes, address);
    bool known = false;
    for (uint32_t k = 0; k < n; k++) known |= is_same(&out[k], &out[n]);
    if (!known) n++;
  }
  return n;
}

uint32_t matmul_rows_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_ROWS]) {
  const uint32_t lanes = plan->is_cpu ? MATMUL_CPU_LANES : MATMUL_GPU_LANES;
  if (!matmul_has_quads(m)) return add(m, &by_element[m->product], 1, lanes, false, out, 0);
  uint32_t n = 0;
  if (plan->is_cpu && plan->on[GPU_FEATURE_BUFFER_ADDRESS]) n = add(m, by_address[m->product], N_SHAPES, lanes, true, out, n);
  // A GPU has few rows for these kernels; one way is enough.
  return add(m, by_binding[m->product], plan->is_cpu ? N_SHAPES : 1, lanes, false, out, n);
}
