#include "ops/step_case.h"

typedef struct shape {
  uint32_t blocks, first, n, applied; // blocks of the region; those that the step takes
  bool decay, finite;
} shape;

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const step_case c = step_case_make(t, s->blocks, s->applied, s->finite);
  const op_value w = c.weight, g = c.grad;
  const uint32_t dims[] = {s->blocks, GRAD_BLOCK};
  op_value m = op_test_random(t, "m", DTYPE_F32, LIVE_ALL, 2, dims, 0.5),
           v = op_test_random(t, "v", DTYPE_F32, LIVE_ALL, 2, dims, 1);
  for (uint64_t i = 0; i < c.n; i++) v.v[i] *= v.v[i]; // second moments are not negative
  v = op_test_values(t, "v", DTYPE_F32, LIVE_ALL, 2, dims, v.v);
  op_adamw(t->graph, w.t, g.t, m.t, v.t, s->first, s->n, s->decay, c.hyper, c.state);
  op_test_run(t);

  for (uint64_t i = (uint64_t)s->first * GRAD_BLOCK; i < (uint64_t)(s->first + s->n) * GRAD_BLOCK; i++) {
    double grad = g.v[i] * 0.25;
    g.v[i] = 0;
    if (!s->finite) continue;
    m.v[i] = 0.9 * m.v[i] + 0.1 * grad;
    v.v[i] = 0.999 * v.v[i] + 0.001 * grad * grad;
    w.v[i] = step_case_weight(s->applied, s->decay, w.v[i], m.v[i], v.v[i]);
  }
  op_test_close("m", op_test_read(t, m.t), m.v, c.n, 1e-6);
  op_test_close("v", op_test_read(t, v.t), v.v, c.n, 1e-6);
  op_test_close("weight", op_test_read(t, w.t), w.v, c.n, 1e-6);
  op_test_close("grad", op_test_read(t, g.t), g.v, c.n, 0);
}

static const op_case cases[] = {
    {.name = "the first step", .run = run, .shape = &(shape){1, 0, 1, 1, true, true}},
    {.name = "part of a region, no decay", .run = run, .shape = &(shape){41, 3, 37, 2, false, true}},
    {.name = "step 1000", .run = run, .shape = &(shape){3, 0, 3, 1000, true, true}},
    {.name = "not finite: only the gradients are cleared", .run = run, .shape = &(shape){5, 0, 5, 3, true, false}},
};
const op_suite adamw_suite = {.name = "adamw", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
