#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  dtype storage;
  bool trained, residual; // residual: rmsnorm(x) + x
  uint32_t heads;         // of a row, each of dim elements; 0: one
} shape;

static const double eps = 1e-5;

static uint32_t heads(const shape *s) {
  return s->heads ? s->heads : 1;
}

static double rstd_of(const double *x, uint32_t dim) {
  double squares = 0;
  for (uint32_t i = 0; i < dim; i++) squares += x[i] * x[i];
  return 1 / sqrt(squares / dim + eps);
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t n = 0; n < s->rows * heads(s); n++) {
    const double *x = in[0] + n * s->dim, r = rstd_of(x, s->dim);
    for (uint32_t i = 0; i < s->dim; i++) out[n * s->dim + i] = x[i] * r * in[1][i] + (s->residual ? x[i] : 0);
  }
}

static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  const shape *s = context;
  for (uint32_t n = 0; n < s->rows * heads(s); n++) {
    const double *x = in[0] + n * s->dim, *dy = dout + n * s->dim, *w = in[1], r = rstd_of(x, s->dim);
    double mean = 0;
    for (uint32_t i = 0; i < s->dim; i++) mean += w[i] * dy[i] * x[i] / s->dim;
    for (uint32_t i = 0; i < s->dim; i++) {
      din[0][n * s->dim + i] += r * (w[i] * dy[i] - x[i] * r * r * mean) + (s->residual ? dy[i] : 0);
      din[1][i] += dy[i] * x[i] * r;
    }
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim * heads(s)};
  const uint64_t n = (uint64_t)s->rows * dims[1], live[] = {s->live * dims[1], 0};
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[] = {op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 2),
                   op_test_random(t, "w", s->storage, LIVE_ALL, 1, &s->dim, 1)};
  op_test_wants_gradient(&in[0]);
  if (s->trained) op_test_train(t, &in[1], 0.5);
  const op_reference r = {
      .n_in = 2, .in_size = {n, s->dim}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  tensor *x = s->trained ? in[0].t : op_test_passed(t, in[0].t); // whose memory dx takes
  tensor *y = op_rmsnorm(t->graph, x, in[1].t, (float)eps);
  if (s->residual) y = op_add(t->graph, in[0].t, y);
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * dims[1], 3e-6);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131, DTYPE_F32, true}},
    {.name = "a wide row", .backward = true, .run = run, .shape = &(shape){3, 2049, 3, DTYPE_F32, true}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){129, 31, 64, DTYPE_F32, true}},
    {.name = "a residual path", .backward = true, .run = run, .shape = &(shape){67, 43, 65, DTYPE_F32, true, true}},
    {.name = "frozen f16 weight, odd length",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){7, 33, 7, DTYPE_F16}},
    {.name = "heads of a row", .backward = true, .run = run, .shape = &(shape){67, 23, 67, DTYPE_F32, true, false, 5}},
    {.name = "heads of live rows", .backward = true, .run = run, .shape = &(shape){29, 64, 11, DTYPE_F32, true, true, 3}},
    {.name = "heads, frozen f16 weight",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){7, 33, 5, DTYPE_F16, .heads = 3}},
    {.name = "frozen bf16 weight", .backward = true, .storage = DTYPE_BF16, .run = run, .shape = &(shape){7, 64, 5, DTYPE_BF16}},
};
const op_suite rmsnorm_suite = {.name = "rmsnorm", .has_weight = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
