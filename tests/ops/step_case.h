// What the tests of grad_norm and the two adamw share: one step's scalars as tensors, and the step that both adamw take.
#ifndef OPS_STEP_CASE_H
#define OPS_STEP_CASE_H

#include "support/op_test.h"

#include <math.h>
#include <string.h>

#include "lib/step.h"

static inline tensor *step_tensor(op_test *t, const char *name, const void *data, uint32_t bytes) {
  int32_t words[16] = {0};
  memcpy(words, data, bytes);
  return op_test_ints(t, name, LIVE_ALL, 1, (uint32_t[]){16}, words);
}

static inline struct step_state read_state(op_test *t, const tensor *state) {
  int32_t words[16];
  struct step_state s;
  err e = {0};
  assert_true(gpu_download(t->device, state->memory, words, sizeof words, &e));
  memcpy(&s, words, sizeof s);
  return s;
}

// Some blocks of a region, weights and gradients, and the step number `applied` on them: rate 0.01, betas 0.9 and 0.999, decay
// 0.1, gradients scaled by 0.25.
typedef struct step_case {
  tensor *hyper, *state;
  op_value weight, grad;
  uint64_t n;
} step_case;

static inline step_case step_case_make(op_test *t, uint32_t blocks, uint32_t applied, bool finite) {
  const struct step_hyper hyper = {.learning_rate = 0.01f,
                                   .beta1 = 0.9f,
                                   .beta2 = 0.999f,
                                   .ln_beta1 = (float)log(0.9),
                                   .ln_beta2 = (float)log(0.999),
                                   .epsilon = 1e-8f,
                                   .weight_decay = 0.1f};
  const struct step_state start = {.grad_scale = 0.25f, .finite = finite, .applied = applied};
  const uint32_t dims[] = {blocks, GRAD_BLOCK};
  step_case c = {.hyper = step_tensor(t, "hyper", &hyper, sizeof hyper),
                 .state = step_tensor(t, "state", &start, sizeof start),
                 .weight = op_test_random(t, "weight", DTYPE_F32, LIVE_ALL, 2, dims, 1),
                 .grad = op_test_random(t, "grad", DTYPE_F32, LIVE_ALL, 2, dims, 4)};
  c.n = tensor_elements(c.weight.t);
  return c;
}

// The weight after the step, from what it was and its new moments.
static inline double step_case_weight(uint32_t applied, bool decay, double w, double m, double v) {
  if (decay) w -= 0.01 * 0.1 * w;
  return w - 0.01 / (1 - pow(0.9, applied)) * m / (sqrt(v / (1 - pow(0.999, applied))) + 1e-8);
}

#endif
