// Rows beyond the live ones hold NaN on the device, as reused memory does: a kernel that reads them shows it.
#ifndef OPS_DEAD_ROWS_H
#define OPS_DEAD_ROWS_H

#include <math.h>

#include "support/op_test.h"

static inline void kill_rows(op_test *t, const tensor *x, uint32_t live) {
  const uint64_t row = tensor_row_size(x), n = (tensor_rows(x) - live) * row;
  if (!n) return;
  float *dead = ARENA_ARRAY(t->memory, float, n);
  for (uint64_t i = 0; i < n; i++) dead[i] = NAN;
  err e = {0};
  if (!gpu_upload(t->device, gpu_sub(x->memory, live * row * sizeof *dead, n * sizeof *dead), dead, n * sizeof *dead, &e))
    fail_msg("%s", e.message);
}

#endif
