// Tiles in shared memory: which of them a device can run, and which suits a product (shaders/matmul_tile.comp, and with
// cooperative matrices shaders/matmul_tile_coopmat.comp).
//
// A large tile reads each operand less often, a small one leaves no core without work: the largest of which there are
// enough. 8 × 8 sums an invocation keep the arithmetic ahead of what shared memory delivers; 128 × 128 then needs 256
// invocations and 32 KiB, 64 × 64 with 8 × 4 runs on any device.
//
// Where even small tiles leave cores without work and the depth is long, as in the gradients of LoRA's matrices, the depth is
// split: each slice sums its part into scratch memory, and a second kernel adds the slices up in their order. How many there
// are depends on the shape and on the number of cores alone, so the same run gives the same bits.
//
// Cooperative matrices are of f16: they round the activation (or its gradient) to 11 bits. So they are for 16-bit and quantized
// weights only, which a model only has where they are frozen (params_add), and not for the gradients of weights.
#include "gpu/gpu.h"
#include "ops/matmul.h"

typedef struct tile {
  uint32_t rows, cols, deep;     // of a workgroup
  uint32_t each_rows, each_cols; // of an invocation
} tile;

static const tile tiles[] = {
    {128, 128, 32, 8, 8}, {64, 128, 32, 8, 8}, {64, 64, 32, 8, 4}, {64, 32, 32, 8, 4}, {32, 64, 32, 4, 8}, {32, 32, 32, 4, 4},
};
enum { N_TILES = sizeof tiles / sizeof *tiles, NARROW = 32, ODD_SUMS = 32 };
// What may be split, and what is where nothing was measured; 128 of the smallest tiles are two thirds of the largest card.
enum { SPLIT_LEAST_DEPTH = 512, SPLIT_DEFAULT_DEPTH = 2048, MAX_SLICES = 8, SPLIT_MAX_TILES = 128 };

static uint32_t invocations(const tile *t) {
  return t->rows / t->each_rows * (t->cols / t->each_cols);
}

static bool fits(const gpu_plan *plan, const tile *t) {
  if (plan->waves_of_64 && t->rows == 64 && t->cols == 128) return false; // 136 registers; 128 x 128 takes 128
  return t->each_rows * t->each_cols <= plan->max_sums && invocations(t) <= plan->max_invocations &&
         (t->rows + t->cols) * t->deep * sizeof(float) <= plan->max_shared_bytes;
}

static uint64_t n_tiles(uint32_t rows, uint32_t cols, uint32_t tile_rows, uint32_t tile_cols) {
  return (uint64_t)div_up(rows, tile_rows) * div_up(cols, tile_cols);
}

// Whether a tile is not mostly empty, and there are as many as wanted.
static bool suits(const matmul *m, uint32_t rows, uint32_t cols, uint32_t wanted) {
  if (rows > NARROW && m->rows <= rows / 2) return false;
  if (cols > NARROW && m->cols <= cols / 2) return false;
  return n_tiles(m->rows, m->cols, rows, cols) >= wanted;
}

// --- the depth in slices ---------------------------------------------------------------------------------------------

uint32_t matmul_scratch_elements(uint32_t rows, uint32_t cols, uint32_t depth) {
  if (depth < SPLIT_LEAST_DEPTH || n_tiles(rows, cols, NARROW, NARROW) > SPLIT_MAX_TILES) return 0;
  return MAX_SLICES * rows * cols;
}

// Slices for tiles of which there are too few: as many as give each core one. 0: it is not split.
static uint32_t slices_of(const gpu_plan *plan, const matmul *m, const tile *t) {
  const uint64_t n = n_tiles(m->rows, m->cols, t->rows, t->cols), wanted = (plan->cores + n - 1) / n;
  REQUIRE(!m->scratch.t || m->product == MATMUL_TN, "the depth of a product %d in slices", m->product);
  if (!m->scratch.t || m->depth < SPLIT_LEAST_DEPTH || 3 * n > 2 * (uint64_t)plan->cores) return 0;
  const uint32_t slices = wanted < MAX_SLICES ? (uint32_t)wanted : MAX_SLICES;
  const uint64_t elements = (uint64_t)slices * m->rows * m->cols;
  const bool fits = elements <= tensor_elements(m->scratch.t) && elements * sizeof(float) <= plan->max_binding_bytes;
  return fits ? slices : 0;
}

bool matmul_tile_quads(const matmul *m) {
  return matmul_has_quads(m) && (m->cols | m->out_offset | m->out_stride) % 4 == 0;
}

static matmul_variant variant_of(const gpu_plan *plan, const matmul *m, const tile *t, uint32_t slices) {
  return (matmul_variant){.shader = matmul_has_blocks(m) ? "matmul_tile_blocks" : "matmul_tile",
                          .lanes = invocations(t),
                          .rows = t->each_rows,
                          .cols = t->each_cols,
                          .group_rows = t->rows,
                          .group_cols = t->cols,
                          .deep = t->deep,
                          .more = {plan->software ? 1 : t->deep},
                          .slices = slices};
}

static void put_first(matmul_variant *list, uint32_t i) {
  const matmul_variant first = list[i];
  for (; i > 0; i--) list[i] = list[i - 1];
  list[0] = first;
}

// The first that suits comes first; where none does, the last, which is the smallest, or a long depth is split. Rows that
// are no multiples of four are read element by element: long code, for which large tiles are not worth it.
static uint32_t scalar_variants(const gpu_plan *plan, const matmul *m, matmul_variant *out) {
  const bool quads = matmul_tile_quads(m);
  const tile *taken[N_TILES];
  uint32_t n_taken = 0, n = 0, best = 0, best_split = 0;
  bool found = false, found_split = false;
  for (uint32_t i = 0; i < N_TILES; i++)
    if (fits(plan, &tiles[i]) && (quads || tiles[i].each_rows * tiles[i].each_cols <= ODD_SUMS)) taken[n_taken++] = &tiles[i];
  for (uint32_t i = 0; i < n_taken; i++) {
    const tile *t = taken[i];
    if (!found) best = n;
    found = found || suits(m, t->rows, t->cols, plan->cores);
    out[n++] = variant_of(plan, m, t, 0);
  }
  for (uint32_t i = 0; i < n_taken; i++) {
    const tile *t = taken[i];
    const uint32_t slices = suits(m, t->rows, t->cols, 0) ? slices_of(plan, m, t) : 0;
    if (!slices) continue;
    if (!found_split) best_split = n;
    found_split = found_split || suits(m, t->rows, t->cols, div_up(plan->cores, slices));
    out[n++] = variant_of(plan, m, t, slices);
  }
  if (!n) return 0;
  put_first(out, !found && best_split && m->depth >= SPLIT_DEFAULT_DEPTH ? best_split : best);
  return n;
}

// --- cooperative matrices --------------------------------------------------------------------------------------------

typedef struct coopmat_tile {
  uint32_t side, lanes; // square
} coopmat_tile;

static const coopmat_tile coopmat_tiles[] = {{128, 256}, {64, 128}};

// False: the tile does not fit the device and its matrices.
static bool coopmat_variant(const gpu_plan *plan, const matmul *m, const coopmat_tile *t, uint32_t deep, matmul_variant *v) {
  const gpu_coopmat *c = &plan->coopmat;
  uint32_t rows = t->side, cols = t->side, subgroups = t->lanes / plan->subgroup_size;
  if (!subgroups || t->lanes > plan->max_invocations || !choose_takes_subgroups(plan, t->lanes)) return false;
  for (uint32_t n = 1; n < subgroups; n *= 2) {
    if (cols >= rows) cols /= 2;
    else rows /= 2;
  }
  const uint32_t line_bytes = 2 * deep + 16; // of f16, and what spreads lines over banks
  const uint32_t shared = 2 * t->side * line_bytes + subgroups * (c->m * c->n + 2) * (uint32_t)sizeof(float);
  if (rows % c->m || cols % c->n || deep % c->k || shared > plan->max_shared_bytes) return false;
  *v = (matmul_variant){.shader = matmul_has_blocks(m) ? "matmul_tile_coopmat_blocks" : "matmul_tile_coopmat",
                        .lanes = t->lanes,
                        .rows = rows,
                        .cols = cols,
                        .group_rows = t->side,
                        .group_cols = t->side,
                        .deep = deep,
                        .more = {c->m, c->n, c->k},
                        .f16 = true};
  return true;
}

// At most two, the one that suits first: for small ones the way into shared memory is long beside the arithmetic, so that
// half of the cores may wait. A deep step scales less often, where it fits.
static uint32_t coopmat_variants(const gpu_plan *plan, const matmul *m, matmul_variant *out) {
  const bool frozen = matmul_has_blocks(m) || (m->b.t && (m->b.t->type == DTYPE_F16 || m->b.t->type == DTYPE_BF16));
  if (!plan->on[GPU_FEATURE_COOPMAT] || !frozen || m->product == MATMUL_TN || !matmul_tile_quads(m)) return 0;
  if (m->rows <= NARROW || m->cols <= NARROW || !kernel_exists("matmul_tile_coopmat")) return 0;
  uint32_t n = 0;
  for (uint32_t i = 0; i < sizeof coopmat_tiles / sizeof *coopmat_tiles; i++)
    for (uint32_t deep = plan->software ? 32 : 64; deep >= 32; deep /= 2) // a CPU's compiler takes long over 64
      if (m->depth % deep == 0 && coopmat_variant(plan, m, &coopmat_tiles[i], deep, &out[n])) {
        n++;
        break;
      }
  if (n == 2 && !suits(m, out[0].group_rows, out[0].group_cols, plan->cores / 2)) {
    const matmul_variant large = out[0];
    out[0] = out[1];
    out[1] = large;
  }
  return n;
}

uint32_t matmul_tile_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_TILES]) {
  if (plan->coopmat_first) {
    const uint32_t n = coopmat_variants(plan, m, out);
    return n + scalar_variants(plan, m, out + n);
  }
  const uint32_t n = scalar_variants(plan, m, out);
  return n + coopmat_variants(plan, m, out + n);
}
