#include "ops/step_case.h"

#include <math.h>

typedef struct shape {
  uint32_t blocks, first, n, applied; // blocks of the region; those that the step takes
  bool decay, finite;
} shape;

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const struct step_hyper hyper = {.learning_rate = 0.01f,
                                   .beta1 = 0.9f,
                                   .beta2 = 0.999f,
                                   .ln_beta1 = (float)log(0.9),
                                   .ln_beta2 = (float)log(0.999),
                                   .epsilon = 1e-8f,
                                   .weight_decay = 0.1f};
  const struct step_state start = {.grad_scale = 0.25f, .finite = s->finite, .applied = s->applied};
  tensor *h = step_tensor(t, "hyper", &hyper, sizeof hyper), *state = step_tensor(t, "state", &start, sizeof start);
  const uint32_t dims[] = {s->blocks, GRAD_BLOCK};
  op_value w = op_test_random(t, "weight", DTYPE_F32, LIVE_ALL, 2, dims, 1),
           g = op_test_random(t, "grad", DTYPE_F32, LIVE_ALL, 2, dims, 4);
  op_value m = op_test_random(t, "m", DTYPE_F32, LIVE_ALL, 2, dims, 0.5),
           v = op_test_random(t, "v", DTYPE_F32, LIVE_ALL, 2, dims, 1);
  const uint64_t n = tensor_elements(w.t);
  for (uint64_t i = 0; i < n; i++) v.v[i] *= v.v[i]; // second moments are not negative
  v = op_test_values(t, "v", DTYPE_F32, LIVE_ALL, 2, dims, v.v);
  op_adamw(t->graph, w.t, g.t, m.t, v.t, s->first, s->n, s->decay, h, state);
  op_test_run(t);

  for (uint64_t i = (uint64_t)s->first * GRAD_BLOCK; i < (uint64_t)(s->first + s->n) * GRAD_BLOCK; i++) {
    double grad = g.v[i] * 0.25;
    g.v[i] = 0;
    if (!s->finite) continue;
    if (s->decay) w.v[i] -= 0.01 * 0.1 * w.v[i];
    m.v[i] = 0.9 * m.v[i] + 0.1 * grad;
    v.v[i] = 0.999 * v.v[i] + 0.001 * grad * grad;
    w.v[i] -= 0.01 / (1 - pow(0.9, s->applied)) * m.v[i] / (sqrt(v.v[i] / (1 - pow(0.999, s->applied))) + 1e-8);
  }
  op_test_close("m", op_test_read(t, m.t), m.v, n, 1e-6);
  op_test_close("v", op_test_read(t, v.t), v.v, n, 1e-6);
  op_test_close("weight", op_test_read(t, w.t), w.v, n, 1e-6);
  op_test_close("grad", op_test_read(t, g.t), g.v, n, 0);
}

static const op_case cases[] = {
    {.name = "the first step", .run = run, .shape = &(shape){1, 0, 1, 1, true, true}},
    {.name = "part of a region, no decay", .run = run, .shape = &(shape){41, 3, 37, 2, false, true}},
    {.name = "step 1000", .run = run, .shape = &(shape){3, 0, 3, 1000, true, true}},
    {.name = "not finite: only the gradients are cleared", .run = run, .shape = &(shape){5, 0, 5, 3, true, false}},
};
const op_suite adamw_suite = {.name = "adamw", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
