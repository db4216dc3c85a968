// The choice of a kernel for a matrix product, and its dispatch. The families: shaders/matmul_rows_*.comp keep all in
// registers (CPU devices, and a few rows anywhere), shaders/matmul_tile.comp stages tiles in shared memory (GPUs).
#include "ops/matmul.h"

#include "matmul_params.h"

enum { CPU_LANES = 8, GPU_LANES = 64, FEW_ROWS = 8 };

// Whether all loads may take four elements at once.
static bool has_quads(const matmul *m, const struct matmul_params *p) {
  const uint32_t a_width = m->product == MATMUL_TN ? m->rows : m->depth;
  const uint32_t b_width = m->product == MATMUL_NT ? m->depth : m->cols;
  return (a_width | b_width | p->a_offset | p->a_stride | p->b_stride) % 4 == 0;
}

static struct matmul_params params_of(const matmul *m) {
  const uint32_t a_width = m->product == MATMUL_TN ? m->rows : m->depth;
  const uint32_t b_width = m->product == MATMUL_NT ? m->depth : m->cols;
  return (struct matmul_params){
      .rows = m->rows,
      .cols = m->cols,
      .depth = m->depth,
      .a_offset = m->a_offset,
      .a_stride = m->a_stride ? m->a_stride : a_width,
      .b_stride = m->b_stride ? m->b_stride : b_width,
      .out_offset = m->out_offset,
      .out_stride = m->out_stride ? m->out_stride : m->cols,
      .live = m->live,
      .accumulate = m->accumulate,
      .alpha = m->alpha,
  };
}

static uint32_t power_of_two_for(uint32_t n, uint32_t most) {
  uint32_t p = 1;
  while (p < n && p < most) p *= 2;
  return p;
}

// 48 to 64 sums an invocation: on lavapipe 25.0 more run up to a fifth faster, but its compiler then takes five seconds a
// kernel instead of two. Loads of single elements make long code, so kernels with them hold fewer sums.
matmul_variant matmul_rows_variant(const matmul *m, uint32_t lanes) {
  static const char *const shaders[] = {"matmul_rows_nt", "matmul_rows_nn", "matmul_rows_tn"};
  const struct matmul_params p = params_of(m);
  const bool quads = has_quads(m, &p), nt = m->product == MATMUL_NT, tn = m->product == MATMUL_TN;
  const uint32_t col_width = nt ? 1 : 4; // a lane of NN and TN holds groups of four columns
  matmul_variant v = {.shader = shaders[m->product], .lanes = lanes};
  if (quads && m->rows > 4) v.rows = tn ? 8 : 6;
  else v.rows = tn ? 4 : power_of_two_for(m->rows, 4);
  v.cols = power_of_two_for(div_up(m->cols, col_width * lanes), (nt ? 4u : 1u) * (quads ? 2u : 1u));
  v.group_rows = v.rows;
  v.group_cols = v.cols * col_width * lanes;
  return v;
}

matmul_variant matmul_choose(const gpu_plan *plan, const matmul *m) {
  if (plan->is_cpu) return matmul_rows_variant(m, CPU_LANES);
  // Decoding reads the whole weight for a few rows: a tile would be almost empty.
  if (m->product == MATMUL_NT && m->rows <= FEW_ROWS) return matmul_rows_variant(m, GPU_LANES);
  matmul_variant tiles[MATMUL_MAX_TILES];
  REQUIRE(matmul_tile_variants(plan, m, tiles), "no tile fits %u invocations and %u bytes of shared memory",
          plan->max_invocations, plan->max_shared_bytes);
  return tiles[0];
}

void matmul_record_variant(recorder *r, const matmul *m, const matmul_variant *v) {
  const struct matmul_params p = params_of(m);
  REQUIRE(m->a.t->type == DTYPE_F32 && m->out.t->type == DTYPE_F32 && m->b.t->type <= DTYPE_BF16, "product of %s and %s",
          m->a.t->name, m->b.t->name);
  // Tiles store quads too.
  const bool quads = has_quads(m, &p) && (!v->deep || (m->cols | p.out_offset | p.out_stride) % 4 == 0);
  const uint32_t spec[] = {v->lanes,   v->rows,       v->cols,       m->b.t->type, quads,
                           m->product, v->group_rows, v->group_cols, v->deep,      v->unrolled};
  const bind binds[] = {BIND(record_counts(r)), m->a, m->b, m->out};
  record_dispatch(r, v->shader, spec, sizeof spec / sizeof *spec, binds, 4, &p, sizeof p, div_up(m->cols, v->group_cols),
                  div_up(m->rows, v->group_rows), 1);
}

void matmul_record(recorder *r, const matmul *m) {
  const matmul_variant v = matmul_choose(record_plan(r), m);
  matmul_record_variant(r, m, &v);
}
