// Learning rates against transformers' get_cosine_, get_linear_ and get_constant_schedule_with_warmup, evaluated by hand.
#include "support/test.h"

#include <math.h>

#include "train/schedule.h"

// lr_lambda(step) for step 0 … 10 with num_warmup_steps 3 and num_training_steps 10.
static const double cosine[] = {
    0, 1.0 / 3, 2.0 / 3, 1, 0.950484433951, 0.811744900929, 0.611260466978, 0.388739533022, 0.188255099071, 0.049515566049, 0};
static const double linear[] = {0, 1.0 / 3, 2.0 / 3, 1, 6.0 / 7, 5.0 / 7, 4.0 / 7, 3.0 / 7, 2.0 / 7, 1.0 / 7, 0};
static const double constant[] = {0, 1.0 / 3, 2.0 / 3, 1, 1, 1, 1, 1, 1, 1, 1};

static void check(schedule_kind kind, uint64_t warmup, uint64_t total, const double *want, uint64_t n) {
  const schedule s = {kind, 2e-4, warmup, total};
  for (uint64_t i = 0; i < n; i++)
    if (!(fabs(schedule_rate(&s, i) - 2e-4 * want[i]) <= 1e-15))
      fail_msg("step %d: expected %.12g, found %.12g", (int)i, 2e-4 * want[i], schedule_rate(&s, i));
}

static void with_warm_up(void **state) {
  (void)state;
  check(SCHEDULE_COSINE, 3, 10, cosine, 11);
  check(SCHEDULE_LINEAR, 3, 10, linear, 11);
  check(SCHEDULE_CONSTANT, 3, 10, constant, 11);
}

static void without_warm_up(void **state) {
  (void)state;
  check(SCHEDULE_COSINE, 0, 4, (double[]){1, 0.853553390593, 0.5, 0.146446609407, 0}, 5);
  check(SCHEDULE_LINEAR, 0, 4, (double[]){1, 0.75, 0.5, 0.25, 0}, 5);
  check(SCHEDULE_CONSTANT, 0, 4, (double[]){1, 1, 1, 1, 1}, 5);
}

// A warm-up as long as the run or longer, and steps behind the end: never below 0, never a division by 0.
static void at_the_edges(void **state) {
  (void)state;
  for (schedule_kind kind = SCHEDULE_COSINE; kind <= SCHEDULE_CONSTANT; kind++) {
    check(kind, 4, 4, (double[]){0, 0.25, 0.5, 0.75}, 4);
    check(kind, 8, 4, (double[]){0, 0.125, 0.25, 0.375}, 4);
    check(kind, 1, 1, (double[]){0}, 1);
  }
  const schedule ended[] = {{SCHEDULE_COSINE, 1, 3, 10}, {SCHEDULE_LINEAR, 1, 3, 10}};
  for (int i = 0; i < 2; i++) assert_true(schedule_rate(&ended[i], 11) == 0 && schedule_rate(&ended[i], UINT64_MAX) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(with_warm_up),
      cmocka_unit_test(without_warm_up),
      cmocka_unit_test(at_the_edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
