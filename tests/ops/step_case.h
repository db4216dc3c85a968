// What the tests of grad_norm and adamw share: one step's scalars as tensors.
#ifndef OPS_STEP_CASE_H
#define OPS_STEP_CASE_H

#include "support/op_test.h"

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

#endif
