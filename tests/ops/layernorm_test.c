#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  dtype storage;
  bool trained, residual; // residual: layernorm(x) + x
} shape;

static const double eps = 1e-5;

static void statistics(const double *x, uint32_t dim, double *mean, double *rstd) {
  double squares = 0;
  *mean = 0;
  for (uint32_t i = 0; i < dim; i++) *mean += x[i] / dim;
  for (uint32_t i = 0; i < dim; i++) squares += (x[i] - *mean) * (x[i] - *mean);
  *rstd = 1 / sqrt(squares / dim + eps);
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t n = 0; n < s->rows; n++) {
    const double *x = in[0] + n * s->dim;
    double mean, rstd;
    statistics(x, s->dim, &mean, &rstd);
    for (uint32_t i = 0; i < s->dim; i++)
      out[n * s->dim + i] = (x[i] - mean) * rstd * in[1][i] + in[2][i] + (s->residual ? x[i] : 0);
  }
}

static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  const shape *s = context;
  for (uint32_t n = 0; n < s->rows; n++) {
    const double *x = in[0] + n * s->dim, *dy = dout + n * s->dim, *w = in[1];
    double mean, rstd, sum = 0, dot = 0;
    statistics(x, s->dim, &mean, &rstd);
    for (uint32_t i = 0; i < s->dim; i++) sum += w[i] * dy[i] / s->dim, dot += w[i] * dy[i] * (x[i] - mean) * rstd / s->dim;
    for (uint32_t i = 0; i < s->dim; i++) {
      const double z = (x[i] - mean) * rstd;
      din[0][n * s->dim + i] += rstd * (w[i] * dy[i] - sum - z * dot) + (s->residual ? dy[i] : 0);
      din[1][i] += dy[i] * z;
      din[2][i] += dy[i];
    }
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {s->live * s->dim, 0, 0};
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[] = {op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 2),
                   op_test_random(t, "w", s->storage, LIVE_ALL, 1, &dims[1], 1),
                   op_test_random(t, "b", DTYPE_F32, LIVE_ALL, 1, &dims[1], 1)};
  op_test_wants_gradient(&in[0]);
  for (int i = 1; i < 3 && s->trained; i++) op_test_train(t, &in[i], 0.5);
  const op_reference r = {
      .n_in = 3, .in_size = {n, s->dim, s->dim}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  tensor *x = s->trained ? in[0].t : op_test_passed(t, in[0].t); // whose memory dx takes
  tensor *y = op_layernorm(t->graph, x, in[1].t, in[2].t, (float)eps);
  if (s->residual) y = op_add(t->graph, in[0].t, y);
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * s->dim, 3e-6);
}

static const op_case cases[] = {
    {.name = "two elements", .backward = true, .run = run, .shape = &(shape){1, 2, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131, DTYPE_F32, true}},
    {.name = "a wide row", .backward = true, .run = run, .shape = &(shape){3, 2049, 3, DTYPE_F32, true}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){129, 31, 64, DTYPE_F32, true}},
    {.name = "a residual path", .backward = true, .run = run, .shape = &(shape){67, 43, 65, DTYPE_F32, true, true}},
    {.name = "frozen f16 weight, odd length",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){7, 33, 7, DTYPE_F16}},
    {.name = "frozen bf16 weight", .backward = true, .storage = DTYPE_BF16, .run = run, .shape = &(shape){7, 64, 5, DTYPE_BF16}},
};
const op_suite layernorm_suite = {
    .name = "layernorm", .has_weight = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
