// The choice of a kernel for a matrix product, and its dispatch. The families: matmul_rows.c, all in registers (CPU
// devices, and a few rows anywhere); matmul_tile.c, tiles in shared memory (GPUs).
#include "ops/matmul.h"

#include <stdio.h>
#include <string.h>

#include "matmul_params.h"
#include "ops/op.h"
#include "ops/tune.h"

enum { FEW_ROWS = 8, SMALL_DEPTH = 64 };

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
      .slices = 1,
      .alpha = m->alpha,
  };
}

bool matmul_has_quads(const matmul *m) {
  const struct matmul_params p = params_of(m);
  const uint32_t a_width = m->product == MATMUL_TN ? m->rows : m->depth;
  const uint32_t b_width = m->product == MATMUL_NT ? m->depth : m->cols;
  return (a_width | b_width | p.a_offset | p.a_stride | p.b_stride) % 4 == 0;
}

uint32_t matmul_variants(const gpu_plan *plan, const matmul *m, matmul_variant out[MATMUL_MAX_VARIANTS]) {
  // Decoding reads the whole weight for a few rows: a tile would be almost empty.
  if (plan->is_cpu || (m->product == MATMUL_NT && m->rows <= FEW_ROWS)) return matmul_rows_variants(plan, m, out);
  const uint32_t n = matmul_tile_variants(plan, m, out);
  REQUIRE(n, "no tile fits %u invocations and %u bytes of shared memory", plan->max_invocations, plan->max_shared_bytes);
  return n;
}

// out (+)= the sum of the slices in the scratch memory.
static void record_split_sum(recorder *r, const matmul *m, uint32_t slices) {
  struct matmul_params p = params_of(m);
  p.slices = slices;
  const uint32_t spec[] = {ELEMENTS_LOCAL, (m->cols | p.out_offset | p.out_stride) % 4 == 0};
  const bind binds[] = {BIND_ROWS(m->scratch.t, 0, slices * m->rows * m->cols), m->out};
  uint32_t groups[2];
  record_grid(((uint64_t)m->rows * div_up(m->cols, 4) + ELEMENTS_LOCAL - 1) / ELEMENTS_LOCAL, groups);
  record_dispatch(r, "matmul_split_sum", spec, 2, binds, 2, &p, sizeof p, groups[0], groups[1], 1);
}

bool matmul_has_blocks(const matmul *m) {
  return m->b.t && dtype_is_quantized(m->b.t->type);
}

// With which rows of out are turned as they are stored: the same kernels, compiled with TURNED.
static const struct {
  const char *shader, *turned;
} turned_shaders[] = {{"matmul_tile", "matmul_tile_turned"},
                      {"matmul_rows_nt", "matmul_rows_nt_turned"},
                      {"matmul_rows_nt_addr", "matmul_rows_nt_turned_addr"}};

static const char *turned_shader(const char *shader) {
  for (size_t i = 0; i < sizeof turned_shaders / sizeof *turned_shaders; i++)
    if (!strcmp(turned_shaders[i].shader, shader)) return turned_shaders[i].turned;
  return NULL;
}

// An invocation of tiles holds two quads of columns, one of each half of a head, and a tile whole heads; an invocation of rows
// holds pairs of columns.
bool matmul_turns(const matmul *m, const matmul_variant *v) {
  const rotary_angles *t = m->turn;
  if (m->product != MATMUL_NT || !turned_shader(v->shader) || m->out_offset) return false;
  if (2 * tensor_row_size(t->cos) != t->head_dim || m->cols % t->head_dim) return false;
  if (!v->deep) return v->cols % 2 == 0;
  return v->cols == 8 && v->group_cols % t->head_dim == 0 && t->head_dim % 8 == 0 && matmul_tile_quads(m);
}

void matmul_record_variant(recorder *r, const matmul *m, const matmul_variant *v) {
  struct matmul_params p = params_of(m);
  bind out = m->out;
  if (v->slices) {
    out = BIND_ROWS(m->scratch.t, 0, v->slices * m->rows * m->cols);
    p.slices = v->slices;
    p.out_offset = p.accumulate = 0;
    p.out_stride = m->cols;
  }
  REQUIRE(m->a.t->type == DTYPE_F32 && m->out.t->type == DTYPE_F32 && m->b.t->type != DTYPE_I32, "product of %s and %s",
          m->a.t->name, m->b.t->name);
  REQUIRE(m->product != MATMUL_TN || m->b.t->type == DTYPE_F32, "%s takes a gradient", m->b.t->name);
  const bool quads = v->deep ? matmul_tile_quads(m) : matmul_has_quads(m);
  uint32_t spec[] = {v->lanes,      v->rows,       v->cols, m->b.t->type, quads,      m->product,
                     v->group_rows, v->group_cols, v->deep, v->more[0],   v->more[1], v->more[2]};
  bind binds[7] = {BIND(record_counts(r)), m->a, m->b, out};
  uint32_t n_binds = 4;
  const char *shader = v->shader;
  if (m->turn) {
    shader = turned_shader(shader);
    spec[11] = m->turn->head_dim;
    binds[n_binds++] = BIND(m->turn->positions), binds[n_binds++] = BIND(m->turn->cos), binds[n_binds++] = BIND(m->turn->sin);
  }
  const uint32_t down = div_up(m->rows, v->group_rows), across = div_up(m->cols, v->group_cols);
  // In registers (matmul_rows.c): down first, so that what b has for a group's columns stays in a core's cache.
  const bool down_first = !v->deep;
  const row_groups groups = {.groups = {down_first ? down : across, down_first ? across : down, p.slices},
                             .along = down_first ? 0 : 1,
                             .live = m->product == MATMUL_TN ? LIVE_ALL : m->live, // TN: they limit its depth
                             .rows = m->rows,
                             .per_row = 1,
                             .per_group = v->group_rows};
  record_dispatch_rows(r, shader, spec, sizeof spec / sizeof *spec, binds, n_binds, &p, sizeof p, &groups);
  if (v->slices) record_split_sum(r, m, v->slices);
}

uint32_t matmul_tuned_tokens(const matmul *m) {
  const bool tn = m->product == MATMUL_TN;
  const uint32_t tokens = tn ? m->depth : m->rows, most = tn && m->scratch.t ? TUNE_SPLIT_TOKENS : TUNE_ROWS;
  return tokens < most ? tokens : most;
}

const char *matmul_problem_name(const matmul *m, char name[MATMUL_NAME_BYTES]) {
  static const char *const products[] = {"nt", "nn", "tn"};
  const bool tn = m->product == MATMUL_TN;
  const uint32_t rows = tn ? m->rows : matmul_tuned_tokens(m), depth = tn ? matmul_tuned_tokens(m) : m->depth;
  snprintf(name, MATMUL_NAME_BYTES, "%s %s %ux%ux%u%s", products[m->product], dtype_get(m->b.t->type)->name, rows, m->cols, depth,
           matmul_has_quads(m) ? "" : " by elements");
  return name;
}

const char *matmul_variant_name(const matmul_variant *v, char name[MATMUL_NAME_BYTES]) {
  const int n = snprintf(name, MATMUL_NAME_BYTES, "%s %u %ux%u %ux%u %u %ux%ux%u", v->shader, v->lanes, v->rows, v->cols,
                         v->group_rows, v->group_cols, v->deep, v->more[0], v->more[1], v->more[2]);
  if (v->slices) snprintf(name + n, MATMUL_NAME_BYTES - (size_t)n, " by %u", v->slices);
  return name;
}

// Of those that turn rows the first with a workgroup for each core, or else the smallest; n: none does.
static uint32_t turning_variant(const gpu_plan *plan, const matmul *m, const matmul_variant *v, uint32_t n) {
  uint32_t smallest = n;
  for (uint32_t i = 0; i < n; i++) {
    if (!matmul_turns(m, &v[i])) continue;
    if ((uint64_t)div_up(m->rows, v[i].group_rows) * div_up(m->cols, v[i].group_cols) >= plan->cores) return i;
    if (smallest == n || v[i].group_rows * v[i].group_cols < v[smallest].group_rows * v[smallest].group_cols) smallest = i;
  }
  return smallest;
}

// The one that was measured to be the fastest, if the device still can run it; else the default.
bool matmul_record(recorder *r, const matmul *m) {
  matmul_variant v[MATMUL_MAX_VARIANTS];
  const uint32_t n = matmul_variants(record_plan(r), m, v);
  char problem[MATMUL_NAME_BYTES], name[MATMUL_NAME_BYTES];
  matmul plain = *m;
  plain.turn = NULL;
  const char *chosen = record_ask(r, matmul_problem_name(m, problem), &plain, sizeof plain);
  uint32_t i = 0;
  while (chosen && i < n && strcmp(matmul_variant_name(&v[i], name), chosen)) i++;
  if (!chosen || i == n) i = 0;
  if (m->turn) {
    uint32_t turning = matmul_turns(m, &v[i]) ? i : n;
    // Where the depth is so small that reading and writing out takes the time, another one.
    if (turning == n && m->depth <= SMALL_DEPTH) turning = turning_variant(record_plan(r), m, v, n);
    if (turning < n) {
      matmul_record_variant(r, m, &v[turning]);
      return true;
    }
  }
  matmul_record_variant(r, &plain, &v[i]);
  return false;
}

// --- a product by itself -------------------------------------------------------------------------------------------------

matmul matmul_of_linear(matmul_product product, uint32_t rows, uint32_t in, uint32_t out) {
  matmul m = {.product = product, .rows = rows, .cols = in, .depth = out, .live = LIVE_ALL, .alpha = 1}; // NN
  if (product == MATMUL_NT) m.cols = out, m.depth = in;
  if (product == MATMUL_TN) m.rows = out, m.depth = rows;
  return m;
}

void matmul_operand_shapes(const matmul *m, uint32_t a[2], uint32_t b[2]) {
  const bool nt = m->product == MATMUL_NT, tn = m->product == MATMUL_TN;
  a[0] = tn ? m->depth : m->rows, a[1] = tn ? m->rows : m->depth;
  b[0] = nt ? m->cols : m->depth, b[1] = nt ? m->depth : m->cols;
}

typedef struct node_params {
  matmul m;
  matmul_variant variant;
  rotary_angles angles;
} node_params;

// in: a, b, out, scratch or NULL (both updated) (, positions, cos, sin)
static void product_record(recorder *r, const node *n) {
  const node_params *p = n->params;
  matmul m = p->m;
  m.a = BIND(n->in[0]), m.b = BIND(n->in[1]), m.out = BIND(n->in[2]), m.scratch = BIND(n->in[3]);
  if (m.turn) m.turn = &p->angles;
  matmul_record_variant(r, &m, &p->variant);
}

static const op_desc product_op = {.name = "product", .updates = 1 << 2 | 1 << 3, .record = product_record};

node *matmul_node(graph *g, const matmul *m, const matmul_variant *v) {
  // The graph's nodes name tensors that may change; matmul only reads a and b.
  tensor *in[7] = {(tensor *)m->a.t, (tensor *)m->b.t, (tensor *)m->out.t, (tensor *)m->scratch.t};
  node_params p = {.m = *m, .variant = *v};
  if (m->turn) p.angles = *m->turn, in[4] = p.angles.positions, in[5] = p.angles.cos, in[6] = p.angles.sin;
  return graph_node(g, &product_op, &p, sizeof p, m->turn ? 7 : 4, in, 0, NULL);
}
