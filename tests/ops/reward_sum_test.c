#include "ops/step_case.h"

#include "ops/dead_rows.h"

static void run(op_test *t, const void *context) {
  const uint32_t rows = 131, live = *(const uint32_t *)context;
  t->counts[LIVE_PAIRS] = live;
  op_value rewards = op_test_random(t, "rewards", DTYPE_F32, LIVE_PAIRS, 2, (uint32_t[]){rows, 2}, 3);
  op_value weights = op_test_random(t, "weights", DTYPE_F32, LIVE_PAIRS, 1, &rows, 1);
  kill_rows(t, rewards.t, live);
  kill_rows(t, weights.t, live);
  const struct step_state start = {.loss_sum = 5, .chosen_sum = 1.5f, .rejected_sum = -2, .right_sum = 0.5f};
  tensor *state = step_tensor(t, "state", &start, sizeof start);
  op_reward_sum(t->graph, rewards.t, weights.t, state);
  op_test_run(t);
  double want[] = {1.5, -2, 0.5};
  for (uint32_t i = 0; i < live; i++) {
    want[0] += weights.v[i] * rewards.v[2 * i];
    want[1] += weights.v[i] * rewards.v[2 * i + 1];
    want[2] += rewards.v[2 * i] > rewards.v[2 * i + 1] ? weights.v[i] : 0;
  }
  const struct step_state s = read_state(t, state);
  const double got[] = {s.chosen_sum, s.rejected_sum, s.right_sum};
  op_test_close("sums", got, want, 3, 3e-6);
  assert_true(s.loss_sum == 5);
}

static const op_case cases[] = {
    {.name = "no pair", .run = run, .shape = &(uint32_t){0}},
    {.name = "one pair", .run = run, .shape = &(uint32_t){1}},
    {.name = "live below the capacity", .run = run, .shape = &(uint32_t){97}},
    {.name = "every pair", .run = run, .shape = &(uint32_t){131}},
};
const op_suite reward_sum_suite = {.name = "reward_sum", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
