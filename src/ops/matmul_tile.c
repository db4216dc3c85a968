// Tiles in shared memory: which of them a device can run, and which suits a product (shaders/matmul_tile.comp).
//
// A large tile reads each operand less often, a small one leaves no core without work: the largest of which there are
// enough. 8 × 8 sums an invocation keep the arithmetic ahead of what shared memory delivers; 128 × 128 then needs 256
// invocations and 32 KiB, 64 × 64 with 8 × 4 runs on any device.
#include "ops/matmul.h"

typedef struct tile {
  uint32_t rows, cols, deep;     // of a workgroup
  uint32_t each_rows, each_cols; // of an invocation
} tile;

static const tile tiles[] = {
    {128, 128, 32, 8, 8}, {64, 128, 32, 8, 8}, {64, 64, 32, 8, 4}, {64, 32, 32, 8, 4}, {32, 64, 32, 4, 8}, {32, 32, 32, 4, 4},
};
enum { N_TILES = sizeof tiles / sizeof *tiles, NARROW = 32 };

static uint32_t invocations(const tile *t) {
  return t->rows / t->each_rows * (t->cols / t->each_cols);
}

static bool fits(const gpu_plan *plan, const tile *t) {
  return invocations(t) <= plan->max_invocations && (t->rows + t->cols) * t->deep * sizeof(float) <= plan->max_shared_bytes;
}

static uint64_t groups(const matmul *m, const tile *t) {
  return (uint64_t)div_up(m->rows, t->rows) * div_up(m->cols, t->cols);
}

// How badly a tile suits, 0 best: it should not be mostly empty, and there should be a few for each core.
static bool suits(const gpu_plan *plan, const matmul *m, const tile *t) {
  if (t->rows > NARROW && m->rows <= t->rows / 2) return false;
  if (t->cols > NARROW && m->cols <= t->cols / 2) return false;
  return groups(m, t) >= plan->cores;
}

uint32_t matmul_tile_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_TILES]) {
  uint32_t n = 0, best = 0;
  bool found = false;
  for (uint32_t i = 0; i < N_TILES; i++) {
    const tile *t = &tiles[i];
    if (!fits(plan, t)) continue;
    if (!found) best = n; // where none suits: the smallest that fits
    found |= suits(plan, m, t);
    out[n++] = (matmul_variant){.shader = "matmul_tile",
                                .lanes = invocations(t),
                                .rows = t->each_rows,
                                .cols = t->each_cols,
                                .group_rows = t->rows,
                                .group_cols = t->cols,
                                .deep = t->deep,
                                .unrolled = plan->software ? 1 : t->deep};
  }
  if (!n) return 0;
  const matmul_variant first = out[best];
  for (uint32_t i = best; i > 0; i--) out[i] = out[i - 1];
  out[0] = first;
  return n;
}
