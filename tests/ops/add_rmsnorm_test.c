#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  dtype storage;
  bool trained, sum_used; // sum_used: the result is y + sum, else y alone
} shape;

enum { A, B, W };
static const double eps = 1e-5;

// sum of row n, and its rstd.
static double add_row(const shape *s, double *const *in, uint32_t n, double *sum) {
  double squares = 0;
  for (uint32_t i = 0; i < s->dim; i++) {
    sum[i] = in[A][n * s->dim + i] + in[B][n * s->dim + i];
    squares += sum[i] * sum[i];
  }
  return 1 / sqrt(squares / s->dim + eps);
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  double sum[4096];
  for (uint32_t n = 0; n < s->rows; n++) {
    const double r = add_row(s, in, n, sum);
    for (uint32_t i = 0; i < s->dim; i++) out[n * s->dim + i] = sum[i] * r * in[W][i] + (s->sum_used ? sum[i] : 0);
  }
}

static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  const shape *s = context;
  double sum[4096];
  for (uint32_t n = 0; n < s->rows; n++) {
    const double r = add_row(s, in, n, sum), *dy = dout + n * s->dim, *w = in[W];
    double mean = 0;
    for (uint32_t i = 0; i < s->dim; i++) mean += w[i] * dy[i] * sum[i] / s->dim;
    for (uint32_t i = 0; i < s->dim; i++) {
      const double d = r * (w[i] * dy[i] - sum[i] * r * r * mean) + (s->sum_used ? dy[i] : 0);
      din[A][n * s->dim + i] += d;
      din[B][n * s->dim + i] += d;
      din[W][i] += dy[i] * sum[i] * r;
    }
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, rows = (uint64_t)s->live * s->dim, live[] = {rows, rows, 0};
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[] = {op_test_random(t, "a", DTYPE_F32, LIVE_TOKENS, 2, dims, 2),
                   op_test_random(t, "b", DTYPE_F32, LIVE_TOKENS, 2, dims, 1),
                   op_test_random(t, "w", s->storage, LIVE_ALL, 1, &dims[1], 1)};
  op_test_wants_gradient(&in[A]);
  op_test_wants_gradient(&in[B]);
  if (s->trained) op_test_train(t, &in[W], 0.5);
  tensor *a = in[A].t, *b = in[B].t, *sum;
  if (!s->trained) a = op_test_passed(t, a), b = op_test_passed(t, b); // whose memory y and the sum take
  tensor *y = op_add_rmsnorm(t->graph, a, b, in[W].t, (float)eps, &sum);
  if (s->sum_used) y = op_add(t->graph, y, sum);
  const op_reference r = {
      .n_in = 3, .in_size = {n, n, s->dim}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  op_test_check(t, &r, y, in, live, rows, 3e-6);
}

#define CASE(name_, type, ...)                                                        \
  {                                                                                   \
    .name = name_, .backward = true, .storage = type, .run = run, .shape = &(shape) { \
      __VA_ARGS__                                                                     \
    }                                                                                 \
  }
static const op_case cases[] = {
    CASE("one element", DTYPE_F32, 1, 1, 1, DTYPE_F32, true, true),
    CASE("prime sizes", DTYPE_F32, 131, 67, 131, DTYPE_F32, true, true),
    CASE("a wide row", DTYPE_F32, 3, 2049, 3, DTYPE_F32, true, true),
    CASE("live rows below the capacity", DTYPE_F32, 129, 31, 64, DTYPE_F32, true, true),
    CASE("only the norm is used", DTYPE_F32, 41, 37, 40, DTYPE_F32, true, false),
    CASE("frozen f16 weight, odd length", DTYPE_F16, 7, 33, 7, DTYPE_F16, false, true),
    CASE("frozen bf16 weight", DTYPE_BF16, 7, 64, 5, DTYPE_BF16, false, true),
};
const op_suite add_rmsnorm_suite = {
    .name = "add_rmsnorm", .has_weight = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
