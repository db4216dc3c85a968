#include "support/op_test.h"

typedef struct shape {
  uint32_t rows, dim, live;
} shape;

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) out[i] = in[0][i] + in[1][i];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const shape *s = context;
  (void)in;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) din[0][i] += dy[i], din[1][i] += dy[i];
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {s->live * s->dim, s->live * s->dim};
  if (s->live < s->rows) t->counts[LIVE_TOKENS] = s->live; // else the count that stands for all
  op_value in[] = {op_test_random(t, "a", DTYPE_F32, LIVE_TOKENS, 2, dims, 1),
                   op_test_random(t, "b", DTYPE_F32, LIVE_TOKENS, 2, dims, 1)};
  op_test_wants_gradient(&in[0]);
  op_test_wants_gradient(&in[1]);
  const op_reference r = {.n_in = 2, .in_size = {n, n}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  op_test_check(t, &r, op_add(t->graph, in[0].t, in[1].t), in, live, (uint64_t)s->live * s->dim, 1e-6);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){31, 67, 31}},
    {.name = "many rows", .backward = true, .run = run, .shape = &(shape){509, 67, 509}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){65, 33, 13}},
};
const op_suite add_suite = {.name = "add", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
