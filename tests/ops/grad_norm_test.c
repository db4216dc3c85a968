#include "ops/step_case.h"

#include <math.h>

typedef struct shape {
  uint32_t blocks[2];
  float max_norm;
  double poison; // put into the last gradient; 0: nothing
} shape;

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const struct step_hyper hyper = {.max_grad_norm = s->max_norm, .inverse_targets = 0.125f};
  const struct step_state start = {.loss_sum = 24, .applied = 6, .chosen_sum = 4, .rejected_sum = -8, .right_sum = 6};
  tensor *h = step_tensor(t, "hyper", &hyper, sizeof hyper), *state = step_tensor(t, "state", &start, sizeof start), *grads[2];
  uint32_t n_blocks = s->blocks[0] + s->blocks[1], n = s->blocks[1] ? 2 : 1;
  double *zeros = ARENA_ARRAY(t->memory, double, n_blocks), *want = ARENA_ARRAY(t->memory, double, n_blocks), total = 0;
  tensor *squares = op_test_values(t, "squares", DTYPE_F32, LIVE_ALL, 1, &n_blocks, zeros).t;
  for (uint32_t i = 0, b = 0; i < n; i++) {
    const uint32_t dims[] = {s->blocks[i], GRAD_BLOCK};
    op_value g = op_test_random(t, "grad", DTYPE_F32, LIVE_ALL, 2, dims, 1 + i);
    const uint64_t elements = tensor_elements(g.t);
    if (i == n - 1 && s->poison != 0) {
      g.v[elements - 1] = s->poison;
      g = op_test_values(t, "grad", DTYPE_F32, LIVE_ALL, 2, dims, g.v);
    }
    for (uint64_t k = 0; k < elements; k++) want[b + k / GRAD_BLOCK] += g.v[k] * g.v[k];
    b += s->blocks[i];
    grads[i] = g.t;
  }
  for (uint32_t b = 0; b < n_blocks; b++) total += want[b];
  op_grad_norm(t->graph, grads, n, squares, h, state);
  op_test_run(t);

  const struct step_state got = read_state(t, state);
  const bool finite = isfinite(s->poison);
  assert_int_equal(got.finite, finite);
  assert_int_equal(got.applied, finite ? 7 : 6);
  const double loss_sum = got.loss_sum, loss = got.loss, norm = got.grad_norm, scale = got.grad_scale, zero = 0, three = 3;
  op_test_close("loss_sum", &loss_sum, &zero, 1, 0);
  op_test_close("loss", &loss, &three, 1, 1e-6);
  assert_true(got.chosen == 0.5f && got.rejected == -1 && got.accuracy == 0.75f);
  assert_true(got.chosen_sum == 0 && got.rejected_sum == 0 && got.right_sum == 0);
  if (!finite) return;
  const double want_norm = sqrt(total) / 8, clip = s->max_norm > 0 ? fmin(1, s->max_norm / (want_norm + 1e-6)) : 1,
               want_scale = clip / 8;
  op_test_close("squares", op_test_read(t, squares), want, n_blocks, 3e-6);
  op_test_close("norm", &norm, &want_norm, 1, 3e-6);
  op_test_close("scale", &scale, &want_scale, 1, 3e-6);
}

static const op_case cases[] = {
    {.name = "one block, clipped", .run = run, .shape = &(shape){{1}, 1.0f, 0}},
    {.name = "two regions, not clipped", .run = run, .shape = &(shape){{67, 31}, 1e6f, 0}},
    {.name = "clipping off", .run = run, .shape = &(shape){{3, 1}, 0, 0}},
    {.name = "a NaN is found", .run = run, .shape = &(shape){{2, 5}, 1.0f, NAN}},
    {.name = "an infinity is found", .run = run, .shape = &(shape){{2, 5}, 1.0f, -INFINITY}},
};
const op_suite grad_norm_suite = {.name = "grad_norm", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
