#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  double scale;
  bool in_place, frozen; // x and dy are results of the graph; nothing wants a gradient
} shape;

static double tanh_part(double z) {
  return tanh(sqrt(2 / acos(-1)) * (z + 0.044715 * z * z * z));
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) out[i] = in[0][i] / 2 * (1 + tanh_part(in[0][i]));
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const shape *s = context;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) {
    const double z = in[0][i], t = tanh_part(z), du = sqrt(2 / acos(-1)) * (1 + 3 * 0.044715 * z * z);
    din[0][i] += dy[i] * ((1 + t) / 2 + z / 2 * (1 - t * t) * du);
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {s->live * s->dim};
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[] = {op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, s->scale)};
  if (!s->frozen) op_test_wants_gradient(&in[0]);
  const op_reference r = {.n_in = 1, .in_size = {n}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  tensor *x = s->in_place ? op_test_passed(t, in[0].t) : in[0].t, *y = op_gelu(t->graph, x);
  if (s->in_place) y = op_test_handed_on(t, y);
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * s->dim, 2e-6);
  if (s->in_place) op_test_in_place(t, s->frozen ? "gelu" : "gelu_bwd", 1);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 1, false, false}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){31, 67, 31, 1, false, false}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){65, 33, 13, 1, false, false}},
    {.name = "large values", .backward = true, .run = run, .shape = &(shape){17, 19, 17, 40, false, false}},
    {.name = "small values", .backward = true, .run = run, .shape = &(shape){17, 19, 17, 1e-3, false, false}},
    {.name = "its gradient in place", .backward = true, .run = run, .shape = &(shape){61, 67, 59, 1, true, false}},
    {.name = "in place", .run = run, .shape = &(shape){61, 67, 59, 1, true, true}},
};
const op_suite gelu_suite = {.name = "gelu", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
