#include "support/op_test.h"

#include "lib/step.h"

static void run(op_test *t, const void *context) {
  const uint32_t rows = 337, live = *(const uint32_t *)context;
  t->counts[LIVE_TARGETS] = live;
  op_value loss = op_test_random(t, "loss", DTYPE_F32, LIVE_TARGETS, 1, &rows, 3);
  op_value weights = op_test_random(t, "weights", DTYPE_F32, LIVE_TARGETS, 1, &rows, 1);
  double state[16] = {1.5}, want = 1.5;
  op_value s = op_test_values(t, "state", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){16}, state);
  op_loss_sum(t->graph, loss.t, weights.t, s.t);
  op_test_run(t);
  for (uint32_t i = 0; i < live; i++) want += loss.v[i] * weights.v[i];
  op_test_close("loss_sum", op_test_read(t, s.t), &want, 1, 3e-6);
}

static const op_case cases[] = {
    {.name = "no target", .run = run, .shape = &(uint32_t){0}},
    {.name = "one target", .run = run, .shape = &(uint32_t){1}},
    {.name = "every row", .run = run, .shape = &(uint32_t){337}},
};
const op_suite loss_sum_suite = {.name = "loss_sum", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
