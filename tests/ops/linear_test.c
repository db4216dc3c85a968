#include "support/op_test.h"

#include "ops/dead_rows.h"
#include "ops/matmul.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum lora { NO_LORA, LORA_OF_X, LORA_OF_ANOTHER } lora;

typedef struct shape {
  uint32_t rows, depth, cols, live; // N, K, M
  dtype storage;
  bool trained;
  lora lora;
  uint32_t rank;
  uint32_t head_dim, rotary_dim; // y is turned by the rotary embedding; 0: it is not
} shape;

static const double scale = 1.75;

// --- the rotary embedding of y ---------------------------------------------------------------------------------------

enum { POSITIONS = 23 }; // those of rows begin again

static double angle_of(uint32_t position, uint32_t j, uint32_t rotary_dim) {
  return position * pow(100, -2.0 * j / rotary_dim);
}

// y [rows, cols] in its place, by sign times the angles, of which the device has cos and sin in f32.
static void turn(double *y, uint32_t rows, uint32_t cols, uint32_t head_dim, uint32_t rotary_dim, double sign) {
  for (uint32_t n = 0; head_dim && n < rows; n++)
    for (uint32_t head = 0; head < cols / head_dim; head++)
      for (uint32_t j = 0; j < rotary_dim / 2; j++) {
        const double angle = angle_of(n % POSITIONS, j, rotary_dim), c = (float)cos(angle), s = sign * (double)(float)sin(angle);
        double *a = y + n * cols + head * head_dim + j, *b = a + rotary_dim / 2, x = *a;
        *a = x * c - *b * s;
        *b = *b * c + x * s;
      }
}

static rotary_angles angles_of(op_test *t, uint32_t rows, uint32_t head_dim, uint32_t rotary_dim) {
  const uint32_t half = rotary_dim / 2, table[] = {POSITIONS, half};
  double *c = ARENA_ARRAY(t->memory, double, POSITIONS *half), *s = ARENA_ARRAY(t->memory, double, POSITIONS *half);
  for (uint32_t i = 0; i < POSITIONS * half; i++) {
    const double angle = angle_of(i / half, i % half, rotary_dim);
    c[i] = cos(angle), s[i] = sin(angle);
  }
  int32_t *positions = ARENA_ARRAY(t->memory, int32_t, rows);
  for (uint32_t i = 0; i < rows; i++) positions[i] = (int32_t)(i % POSITIONS);
  return (rotary_angles){op_test_ints(t, "positions", LIVE_TOKENS, 1, &rows, positions),
                         op_test_values(t, "cos", DTYPE_F32, LIVE_ALL, 2, table, c).t,
                         op_test_values(t, "sin", DTYPE_F32, LIVE_ALL, 2, table, s).t, head_dim};
}

// --- the operation -------------------------------------------------------------------------------------------------------

// inputs: x, W (, A, B (, the low-rank term's own x))
static const double *lora_x(const shape *s, double *const *in) {
  return s->lora == LORA_OF_ANOTHER ? in[4] : in[0];
}

// out[n][m] += factor · Σ_k a[n][k] · b[m][k]
static void add_nt(const double *a, const double *b, double *out, uint32_t n, uint32_t m, uint32_t depth, double factor) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < m; j++) {
      double sum = 0;
      for (uint32_t k = 0; k < depth; k++) sum += a[i * depth + k] * b[j * depth + k];
      out[i * m + j] += factor * sum;
    }
}

// Its gradients: da += factor · dout b, db += factor · doutᵀ a. Either may be NULL.
static void add_nt_bwd(const double *a, const double *b, const double *dout, double *da, double *db, uint32_t n, uint32_t m,
                       uint32_t depth, double factor) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < m; j++)
      for (uint32_t k = 0; k < depth; k++) {
        if (da) da[i * depth + k] += factor * dout[i * m + j] * b[j * depth + k];
        if (db) db[j * depth + k] += factor * dout[i * m + j] * a[i * depth + k];
      }
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t i = 0; i < s->rows * s->cols; i++) out[i] = 0;
  add_nt(in[0], in[1], out, s->rows, s->cols, s->depth, 1);
  if (s->lora != NO_LORA) {
    double *u = calloc((size_t)s->rows * s->rank, sizeof *u);
    add_nt(lora_x(s, in), in[2], u, s->rows, s->rank, s->depth, 1);
    add_nt(u, in[3], out, s->rows, s->cols, s->rank, scale);
    free(u);
  }
  turn(out, s->rows, s->cols, s->head_dim, s->rotary_dim, 1);
}

static void backward_of_sum(const shape *s, double *const *in, const double *dy, double *const *din) {
  add_nt_bwd(in[0], in[1], dy, din[0], din[1], s->rows, s->cols, s->depth, 1);
  if (s->lora == NO_LORA) return;
  double *u = calloc((size_t)s->rows * s->rank, sizeof *u), *du = calloc((size_t)s->rows * s->rank, sizeof *du);
  add_nt(lora_x(s, in), in[2], u, s->rows, s->rank, s->depth, 1);
  add_nt_bwd(u, in[3], dy, du, din[3], s->rows, s->cols, s->rank, scale);
  add_nt_bwd(lora_x(s, in), in[2], du, s->lora == LORA_OF_ANOTHER ? din[4] : din[0], din[2], s->rows, s->rank, s->depth, 1);
  free(u);
  free(du);
}

static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  const shape *s = context;
  const size_t n = (size_t)s->rows * s->cols;
  double *dy = calloc(n, sizeof *dy);
  assert_non_null(dy);
  memcpy(dy, dout, n * sizeof *dy);
  turn(dy, s->rows, s->cols, s->head_dim, s->rotary_dim, -1);
  backward_of_sum(s, in, dy, din);
  free(dy);
}

// Weights of the size that training sees keep y near 1, so that the tolerance means something.
static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t x_dims[] = {s->rows, s->depth}, w_dims[] = {s->cols, s->depth}, a_dims[] = {s->rank, s->depth};
  const uint32_t b_dims[] = {s->cols, s->rank};
  const double w_scale = 1 / sqrt(s->depth);
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[5] = {op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, x_dims, 1),
                    op_test_random(t, "w", s->storage, LIVE_ALL, 2, w_dims, w_scale)};
  op_test_wants_gradient(&in[0]);
  if (s->trained) op_test_train(t, &in[1], 0.5);
  lora_term term = {.scale = (float)scale};
  uint32_t n_in = 2;
  if (s->lora != NO_LORA) {
    in[2] = op_test_random(t, "a", DTYPE_F32, LIVE_ALL, 2, a_dims, w_scale);
    in[3] = op_test_random(t, "b", DTYPE_F32, LIVE_ALL, 2, b_dims, 1);
    op_test_train(t, &in[2], 0.5);
    op_test_train(t, &in[3], 0.5);
    n_in = 4;
    if (s->lora == LORA_OF_ANOTHER) {
      in[4] = op_test_random(t, "lora_x", DTYPE_F32, LIVE_TOKENS, 2, x_dims, 1);
      op_test_wants_gradient(&in[4]);
      n_in = 5;
    }
    term.x = in[s->lora == LORA_OF_ANOTHER ? 4 : 0].t, term.a = in[2].t, term.b = in[3].t;
  }
  kill_rows(t, in[0].t, s->live);
  if (s->lora == LORA_OF_ANOTHER) kill_rows(t, in[4].t, s->live);
  const lora_term *low_rank = s->lora == NO_LORA ? NULL : &term;
  const rotary_angles angles = s->head_dim ? angles_of(t, s->rows, s->head_dim, s->rotary_dim) : (rotary_angles){0};
  tensor *y = s->head_dim ? op_linear_rotary(t->graph, in[0].t, in[1].t, low_rank, &angles)
                          : op_linear(t->graph, in[0].t, in[1].t, low_rank);
  const uint64_t n_x = (uint64_t)s->rows * s->depth, live_x = (uint64_t)s->live * s->depth, live[] = {live_x, 0, 0, 0, live_x};
  const op_reference r = {
      .n_in = n_in,
      .in_size = {n_x, (uint64_t)s->cols * s->depth, (uint64_t)s->rank * s->depth, (uint64_t)s->cols * s->rank, n_x},
      .out_size = (uint64_t)s->rows * s->cols,
      .context = s,
      .forward = forward,
      .backward = backward};
  // Cooperative matrices round gradients to f16's 11 bits where weights are frozen in 16; sums of them come closer than one.
  const gpu_plan *plan = device_plan(t->device);
  const bool rounds = plan->on[GPU_FEATURE_COOPMAT] && plan->coopmat_first && s->storage != DTYPE_F32 && !s->trained;
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * s->cols, rounds ? 2e-4 : 2e-6);
}

// --- every family of kernels, on whatever device runs the tests --------------------------------------------------------

typedef struct product {
  matmul_product product;
  uint32_t rows, cols, depth;
  bool tile;
  dtype storage;
  bool nothing_live;
  bool spoiled;      // a has a row with an infinity and one with a NaN, which must stay theirs
  bool wide;         // a holds numbers from 2^-24 to 2^24, growing along the depth; out is overwritten
  uint32_t cores;    // the kernels are those that split the depth for so many; 0: those that do not
  uint32_t head_dim; // rows of out are turned; 0: they are not
} product;

enum { WIDE = 128, N_ATTEMPTS = 14, FEW = 4 }; // at least the variants of each family; first and last ones of them

static matmul product_of(const product *p, const tensor *a, const tensor *b, const tensor *out, const rotary_angles *turn) {
  return (matmul){.product = p->product,
                  .a = BIND(a),
                  .b = BIND(b),
                  .out = BIND(out),
                  .rows = p->rows,
                  .cols = p->cols,
                  .depth = p->depth,
                  .live = LIVE_TOKENS,
                  .alpha = -0.5f,
                  .accumulate = !p->wide,
                  .turn = turn};
}

// The floor, and devices of few registers, have no tile as wide as a large head.
static bool lacks_wide_tiles(const gpu_plan *plan) {
  return plan->max_shared_bytes < 24 << 10 || plan->max_sums < 64 || plan->max_invocations < 128;
}

// Those of the case: of all families, or of those that split the depth, which a device with more cores would take.
static uint32_t variants_of(const op_test *t, const product *p, const matmul *m, matmul_variant *list) {
  gpu_plan plan = *device_plan(t->device);
  if (p->cores) plan.cores = p->cores;
  const uint32_t n = (p->tile ? matmul_tile_variants : matmul_rows_variants)(&plan, m, list);
  uint32_t kept = 0;
  assert_in_range(n, 1, N_ATTEMPTS);
  for (uint32_t i = 0; i < n; i++)
    if (!p->cores == !list[i].slices && (!m->turn || matmul_turns(m, &list[i]))) list[kept++] = list[i];
  assert_in_range(kept, lacks_wide_tiles(&plan) && p->tile && p->head_dim == WIDE ? 0 : 1, N_ATTEMPTS);
  return kept;
}

// It starts as NaN, so that a slice that is not written is seen.
static op_value scratch_of(op_test *t, const product *p) {
  const uint32_t elements = matmul_scratch_elements(p->rows, p->cols, p->depth);
  double *v = ARENA_ARRAY(t->memory, double, elements);
  for (uint32_t i = 0; i < elements; i++) v[i] = NAN;
  return op_test_values(t, "scratch", DTYPE_F32, LIVE_ALL, 1, &elements, v);
}

// One node for each variant, so that each is forced in turn.
static void run_product(op_test *t, const void *context) {
  const product *p = context;
  const bool nt = p->product == MATMUL_NT, tn = p->product == MATMUL_TN;
  const uint32_t n = p->rows, m = p->cols, depth = p->depth;
  const double w_scale = 1 / sqrt(depth);
  op_value a = op_test_random(t, "a", DTYPE_F32, LIVE_TOKENS, 2, tn ? (uint32_t[]){depth, n} : (uint32_t[]){n, depth}, 1);
  op_value b = op_test_random(t, "b", p->storage, LIVE_ALL, 2, nt ? (uint32_t[]){m, depth} : (uint32_t[]){depth, m}, w_scale);
  if (p->wide) {
    for (uint32_t i = 0; i < n * depth; i++) a.v[i] = ldexp(a.v[i], (int)(48 * (i % depth) / depth) - 24);
    a = op_test_values(t, "a", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){n, depth}, a.v);
  }
  if (p->spoiled) {
    a.v[3] = INFINITY, a.v[depth + 5] = NAN;
    a = op_test_values(t, "a", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){n, depth}, a.v);
  }
  op_value out[N_ATTEMPTS];
  matmul_variant variants[MATMUL_MAX_VARIANTS];
  const rotary_angles angles = p->head_dim ? angles_of(t, n, p->head_dim, p->head_dim) : (rotary_angles){0};
  const rotary_angles *turned = p->head_dim ? &angles : NULL;
  matmul any = product_of(p, a.t, b.t, NULL, turned);
  if (p->cores) any.scratch = BIND(scratch_of(t, p).t);
  uint32_t n_variants = variants_of(t, p, &any, variants);
  if (!n_variants) {
    print_message("no kernel of this device holds heads of %u\n", p->head_dim);
    return;
  }
  // Software drivers take seconds to compile one. Of quantized types the first and the last are kept.
  const uint32_t few = !p->tile || p->storage == DTYPE_F16 || p->storage == DTYPE_BF16 ? n_variants
                       : dtype_is_quantized(p->storage)                                ? 2
                                                                                       : FEW;
  if (n_variants > few) {
    memmove(variants + few / 2, variants + n_variants - few / 2, few / 2 * sizeof *variants);
    n_variants = few;
  }
  const uint32_t live = p->nothing_live ? 0 : (tn ? depth : n) * 3 / 4 + 1;
  t->counts[LIVE_TOKENS] = live;
  kill_rows(t, a.t, live);
  if (tn) kill_rows(t, b.t, live);
  for (uint32_t v = 0; v < n_variants; v++) {
    out[v] = op_test_random(t, "out", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){n, m}, 1);
    matmul one = product_of(p, a.t, b.t, out[v].t, turned);
    one.scratch = any.scratch;
    matmul_node(t->graph, &one, &variants[v]);
  }
  op_test_run(t);
  for (uint32_t i = 0; i < (tn ? n : live); i++) // rows beyond the live ones stay as they were
    for (uint32_t j = 0; j < m; j++) {
      double sum = 0;
      for (uint32_t k = 0; k < (tn ? live : depth); k++)
        sum += a.v[tn ? k * n + i : i * depth + k] * b.v[nt ? j * depth + k : k * m + j];
      for (uint32_t v = 0; v < n_variants; v++) out[v].v[i * m + j] = (p->wide ? 0 : out[v].v[i * m + j]) - 0.5 * sum;
    }
  for (uint32_t v = 0; v < n_variants; v++) turn(out[v].v, tn ? n : live, m, p->head_dim, p->head_dim, 1);
  for (uint32_t v = 0; v < n_variants; v++) {
    char what[32];
    snprintf(what, sizeof what, "product, variant %u", v);
    double *found = op_test_read(t, out[v].t);
    for (uint32_t i = 0; p->spoiled && i < 2 * m; i++) {
      if (isfinite(found[i])) fail_msg("%s: element %u is %g", what, i, found[i]);
      found[i] = out[v].v[i] = 0;
    }
    op_test_close(what, found, out[v].v, (uint64_t)n * m, variants[v].f16 ? 5e-4 : 2e-6);
  }
}

// in: a, b, out (updated), positions, cos, sin. What an operation records that asks for turned rows.
typedef struct recorded {
  const product *p;
  rotary_angles angles;
  bool *turned;
} recorded;

static void recorded_record(recorder *r, const node *n) {
  const recorded *s = n->params;
  const matmul m = product_of(s->p, n->in[0], n->in[1], n->in[2], &s->angles);
  *s->turned = matmul_record(r, &m);
}

static const op_desc recorded_op = {.name = "recorded product", .updates = 1 << 2, .record = recorded_record};

// The last product of LoRA's term, whose depth is small: a kernel that turns is taken on every device.
static void run_recorded(op_test *t, const void *context) {
  const product *p = context;
  bool turned = false;
  op_value a = op_test_random(t, "a", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){p->rows, p->depth}, 1);
  op_value b = op_test_random(t, "b", p->storage, LIVE_ALL, 2, (uint32_t[]){p->cols, p->depth}, 1);
  op_value out = op_test_random(t, "out", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){p->rows, p->cols}, 1);
  const rotary_angles angles = angles_of(t, p->rows, p->head_dim, p->head_dim);
  tensor *in[] = {a.t, b.t, out.t, angles.positions, angles.cos, angles.sin};
  graph_node(t->graph, &recorded_op, &(recorded){p, angles, &turned}, sizeof(recorded), 6, in, 0, NULL);
  op_test_run(t);
  assert_true(turned);
  add_nt(a.v, b.v, out.v, p->rows, p->cols, p->depth, -0.5);
  turn(out.v, p->rows, p->cols, p->head_dim, p->head_dim, 1);
  op_test_close("product", op_test_read(t, out.t), out.v, (uint64_t)p->rows * p->cols, 2e-6);
}

// Of a quantized type whose blocks have so many elements: whole, and tiles. Decoding is tested to the bit by the embedding.
#define BLOCKS(type, name_, block)                                                                                      \
  {.name = "frozen " name_, .backward = true, .storage = type, .run = run, .shape = &(shape){31, block, 67, 30, type}}, \
      {.name = "tiles, y with " name_,                                                                                  \
       .storage = type,                                                                                                 \
       .run = run_product,                                                                                              \
       .shape = &(product){MATMUL_NT, 65, 132, block, true, type}},                                                     \
  {                                                                                                                     \
    .name = "tiles, dx with " name_, .storage = type, .run = run_product, .shape = &(product) {                         \
      MATMUL_NN, 66, block, 96, true, type                                                                              \
    }                                                                                                                   \
  }
// And all that their kernels do.
#define MORE_BLOCKS(type, name_, block)                                                                                     \
  {.name = "low rank, turned, frozen " name_,                                                                               \
   .backward = true,                                                                                                        \
   .storage = type,                                                                                                         \
   .run = run,                                                                                                              \
   .shape = &(shape){67, 3 * (block), 64, 61, type, false, LORA_OF_X, 8, 32, 32}},                                          \
      {.name = "one row, " name_, .backward = true, .storage = type, .run = run, .shape = &(shape){1, block, 61, 1, type}}, \
      {.name = "several windows of " name_,                                                                                 \
       .backward = true,                                                                                                    \
       .storage = type,                                                                                                     \
       .run = run,                                                                                                          \
       .shape = &(shape){13, 3 * (block), 700, 11, type}},                                                                  \
      {.name = "tiles, y of odd size with " name_,                                                                          \
       .storage = type,                                                                                                     \
       .run = run_product,                                                                                                  \
       .shape = &(product){MATMUL_NT, 65, 131, block, true, type}},                                                         \
      {.name = "tiles, dx of odd depth with " name_,                                                                        \
       .storage = type,                                                                                                     \
       .run = run_product,                                                                                                  \
       .shape = &(product){MATMUL_NN, 65, block, 37, true, type}},                                                          \
      {.name = "registers, y with " name_,                                                                                  \
       .storage = type,                                                                                                     \
       .run = run_product,                                                                                                  \
       .shape = &(product){MATMUL_NT, 61, 67, block, false, type}},                                                         \
      {.name = "registers, dx with " name_,                                                                                 \
       .storage = type,                                                                                                     \
       .run = run_product,                                                                                                  \
       .shape = &(product){MATMUL_NN, 34, 3 * (block), 36, false, type}},                                                   \
  {                                                                                                                         \
    .name = "registers, dx of odd depth with " name_, .storage = type, .run = run_product, .shape = &(product) {            \
      MATMUL_NN, 34, block, 37, false, type                                                                                 \
    }                                                                                                                       \
  }

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 37, 67, 131, DTYPE_F32, true}},
    {.name = "multiples of four, one more than tiles",
     .backward = true,
     .run = run,
     .shape = &(shape){65, 68, 132, 65, DTYPE_F32, true}},
    {.name = "odd depth, even columns", .backward = true, .run = run, .shape = &(shape){13, 33, 64, 11, DTYPE_F32, true}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){67, 36, 40, 29, DTYPE_F32, true}},
    {.name = "frozen f16, odd rows",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){31, 35, 67, 30, DTYPE_F16}},
    {.name = "frozen f16", .backward = true, .storage = DTYPE_F16, .run = run, .shape = &(shape){31, 36, 68, 31, DTYPE_F16}},
    {.name = "frozen bf16, odd rows",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){31, 33, 61, 30, DTYPE_BF16}},
    {.name = "trained after bf16",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){31, 36, 68, 31, DTYPE_BF16, true}},
    {.name = "one row, bf16", .storage = DTYPE_BF16, .backward = true, .run = run, .shape = &(shape){1, 64, 96, 1, DTYPE_BF16}},
    {.name = "two rows, bf16", .storage = DTYPE_BF16, .backward = true, .run = run, .shape = &(shape){2, 64, 96, 2, DTYPE_BF16}},
    {.name = "three rows, bf16",
     .storage = DTYPE_BF16,
     .backward = true,
     .run = run,
     .shape = &(shape){3, 64, 96, 3, DTYPE_BF16}},
    {.name = "low rank, frozen bf16",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){29, 36, 68, 23, DTYPE_BF16, false, LORA_OF_X, 8}},
    {.name = "low rank of odd size, trained",
     .backward = true,
     .run = run,
     .shape = &(shape){29, 37, 67, 29, DTYPE_F32, true, LORA_OF_X, 3}},
    {.name = "low rank of another input",
     .backward = true,
     .run = run,
     .shape = &(shape){29, 36, 68, 23, DTYPE_F32, false, LORA_OF_ANOTHER, 4}},
    {.name = "many tokens of a few features", .backward = true, .run = run, .shape = &(shape){2083, 4, 7, 2051, DTYPE_F32, true}},
    {.name = "several windows", .backward = true, .run = run, .shape = &(shape){13, 64, 700, 11, DTYPE_F32, true, LORA_OF_X, 8}},
    {.name = "several windows of odd f16 rows",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){13, 67, 701, 13, DTYPE_F16, true}},
    {.name = "turned", .backward = true, .run = run, .shape = &(shape){29, 36, 96, 23, DTYPE_F32, true, NO_LORA, 0, 32, 32}},
    {.name = "turned, low rank, frozen bf16",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){67, 36, 128, 61, DTYPE_BF16, false, LORA_OF_X, 8, 64, 64}},
    {.name = "turned, low rank of another input, one row",
     .backward = true,
     .run = run,
     .shape = &(shape){1, 36, 48, 1, DTYPE_F32, false, LORA_OF_ANOTHER, 4, 16, 16}},
    {.name = "a third of each head turned, low rank of odd size",
     .backward = true,
     .run = run,
     .shape = &(shape){29, 37, 60, 29, DTYPE_F32, true, LORA_OF_X, 3, 12, 4}},
    {.name = "turned, several windows",
     .backward = true,
     .run = run,
     .shape = &(shape){13, 64, 704, 11, DTYPE_F32, true, LORA_OF_X, 8, 64, 64}},
    {.name = "tiles, turned", .run = run_product, .shape = &(product){MATMUL_NT, 83, 192, 36, true, DTYPE_F32, .head_dim = 64}},
    {.name = "tiles, turned, heads of a tile",
     .run = run_product,
     .shape = &(product){MATMUL_NT, 41, 384, 16, true, DTYPE_F32, .head_dim = 128}},
    {.name = "tiles, turned, small heads of bf16",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 35, 120, 68, true, DTYPE_BF16, .head_dim = 8}},
    {.name = "recorded as LoRA's last product, turned",
     .run = run_recorded,
     .shape = &(product){MATMUL_NT, 67, 192, 16, .storage = DTYPE_F32, .head_dim = 64}},
    {.name = "registers, turned",
     .run = run_product,
     .shape = &(product){MATMUL_NT, 67, 192, 36, false, DTYPE_F32, .head_dim = 64}},
    {.name = "registers, turned, small heads of f16",
     .storage = DTYPE_F16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 61, 66, 16, false, DTYPE_F16, .head_dim = 6}},
    {.name = "tiles, y", .run = run_product, .shape = &(product){MATMUL_NT, 131, 67, 37, true, DTYPE_F32}},
    {.name = "tiles, y with bf16",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 65, 132, 36, true, DTYPE_BF16}},
    {.name = "tiles, y beside an infinity and a NaN",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 66, 64, 64, true, DTYPE_BF16, .spoiled = true}},
    {.name = "registers, y beside an infinity and a NaN",
     .run = run_product,
     .shape = &(product){MATMUL_NT, 36, 64, 64, false, DTYPE_F32, .spoiled = true}},
    {.name = "tiles, y of large and small numbers",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 65, 132, 96, true, DTYPE_BF16, .wide = true}},
    {.name = "tiles, dx of large and small numbers, f16",
     .storage = DTYPE_F16,
     .run = run_product,
     .shape = &(product){MATMUL_NN, 130, 68, 96, true, DTYPE_F16, .wide = true}},
    {.name = "tiles, y with odd f16 rows",
     .storage = DTYPE_F16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 3, 61, 35, true, DTYPE_F16}},
    {.name = "tiles, dx", .run = run_product, .shape = &(product){MATMUL_NN, 131, 67, 37, true, DTYPE_F32}},
    {.name = "tiles, dx with bf16",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NN, 65, 132, 36, true, DTYPE_BF16}},
    {.name = "tiles, dw", .run = run_product, .shape = &(product){MATMUL_TN, 131, 67, 37, true, DTYPE_F32}},
    {.name = "tiles, dw by fours", .run = run_product, .shape = &(product){MATMUL_TN, 64, 132, 33, true, DTYPE_F32}},
    {.name = "slices of dw", .run = run_product, .shape = &(product){MATMUL_TN, 16, 20, 769, true, DTYPE_F32, .cores = 60}},
    {.name = "slices of dw of odd size",
     .run = run_product,
     .shape = &(product){MATMUL_TN, 29, 17, 513, true, DTYPE_F32, .cores = 3}},
    {.name = "slices of dw without live tokens",
     .run = run_product,
     .shape = &(product){MATMUL_TN, 12, 28, 512, true, DTYPE_F32, true, .cores = 30}},
    {.name = "registers, y", .run = run_product, .shape = &(product){MATMUL_NT, 131, 67, 36, false, DTYPE_F32}},
    {.name = "registers, y of a few rows with bf16",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 5, 67, 36, false, DTYPE_BF16}},
    {.name = "registers, y with f16",
     .storage = DTYPE_F16,
     .run = run_product,
     .shape = &(product){MATMUL_NT, 61, 132, 4, false, DTYPE_F16}},
    {.name = "registers, y of odd depth", .run = run_product, .shape = &(product){MATMUL_NT, 61, 35, 37, false, DTYPE_F32}},
    {.name = "registers, dx", .run = run_product, .shape = &(product){MATMUL_NN, 67, 132, 36, false, DTYPE_F32}},
    {.name = "registers, dx of one row with bf16",
     .storage = DTYPE_BF16,
     .run = run_product,
     .shape = &(product){MATMUL_NN, 1, 68, 4, false, DTYPE_BF16}},
    {.name = "registers, dx of odd columns with f16",
     .storage = DTYPE_F16,
     .run = run_product,
     .shape = &(product){MATMUL_NN, 34, 67, 36, false, DTYPE_F16}},
    {.name = "registers, dw", .run = run_product, .shape = &(product){MATMUL_TN, 68, 132, 33, false, DTYPE_F32}},
    {.name = "registers, dw of one token", .run = run_product, .shape = &(product){MATMUL_TN, 16, 36, 1, false, DTYPE_F32}},
    {.name = "registers, dw of odd rows", .run = run_product, .shape = &(product){MATMUL_TN, 33, 61, 34, false, DTYPE_F32}},
    {.name = "registers, nothing live, y",
     .run = run_product,
     .shape = &(product){MATMUL_NT, 36, 68, 36, false, DTYPE_F32, true}},
    {.name = "registers, nothing live, dw",
     .run = run_product,
     .shape = &(product){MATMUL_TN, 36, 68, 36, false, DTYPE_F32, true}},
    OP_TEST_BLOCK_TYPES(BLOCKS),
    BLOCKS(DTYPE_NF4_DOUBLE, "nf4_double", 320),
    MORE_BLOCKS(DTYPE_Q8_0, "q8_0", 32),
};
const op_suite linear_suite = {
    .name = "linear", .has_weight = true, .has_matrix = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
