// Slices of an invented device: how long they last when all is well, when it slows down, and when it recovers.
#include "support/test.h"

#include <string.h>

#include "gpu/internal.h"

enum { PARTS = 60, MOST_SLICES = 2 * PARTS };
static const double LIMIT = 0.1;

typedef struct device {
  recording_part parts[PARTS];
  double costs[PARTS]; // seconds that they take, times `slowness`
  double slowness;
  recording_part *room[PARTS];
  run_slice slice;
  uint64_t number;
  // of the last run
  double lasted[MOST_SLICES];
  uint32_t n_slices, n_ran;
} device;

static int setup(void **state) {
  static device d;
  memset(&d, 0, sizeof d);
  d.slowness = 1;
  d.slice.parts = d.room;
  for (uint32_t i = 0; i < PARTS; i++) {
    d.parts[i].seconds = -1;
    d.costs[i] = 0.001 + 0.0001 * ((i * 37) % 50); // 1 to 6 ms
  }
  *state = &d;
  return 0;
}

static void flush(device *d) {
  double seconds = 0;
  if (!d->slice.n) return;
  for (uint32_t i = 0; i < d->slice.n; i++) {
    assert_ptr_equal(d->room[i], &d->parts[d->n_ran % PARTS]); // each once, in order
    seconds += d->slowness * d->costs[d->n_ran++ % PARTS];
  }
  d->lasted[d->n_slices++] = seconds;
  slice_ran(&d->slice, seconds, LIMIT, ++d->number);
}

// The device may slow down when `n_before` parts were submitted.
static void run(device *d, uint32_t n_before, double slowness) {
  d->n_slices = d->n_ran = 0;
  slice_begin_run(&d->slice, ++d->number);
  for (uint32_t i = 0; i < PARTS; i++) {
    if (!slice_takes(&d->slice, &d->parts[i], LIMIT)) flush(d);
    if (d->n_ran >= n_before) d->slowness = slowness;
    slice_add(&d->slice, &d->parts[i]);
  }
  flush(d);
  assert_int_equal(d->n_ran, PARTS);
}

static uint32_t too_long(const device *d) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->n_slices; i++) n += d->lasted[i] > LIMIT * 1.0001;
  return n;
}

static void test_steady(void **state) {
  device *d = *state;
  run(d, 0, 1);
  assert_int_equal(d->n_slices, PARTS); // none was known
  for (int i = 0; i < 5; i++) {
    run(d, 0, 1);
    assert_int_equal(too_long(d), 0);
    for (uint32_t k = 0; k + 1 < d->n_slices; k++) assert_true(d->lasted[k] > LIMIT - 0.0071);
  }
}

static void test_slows_down(void **state) {
  device *d = *state;
  for (int i = 0; i < 3; i++) run(d, 0, 1);
  run(d, 1, 5);                     // after the first slice
  assert_int_equal(too_long(d), 1); // the slice that finds out
  assert_true(d->lasted[1] > 4 * LIMIT);
  run(d, 0, 5); // the first slice was measured before
  assert_int_equal(too_long(d), 1);
  assert_true(d->lasted[0] > 4 * LIMIT);
  for (int i = 0; i < 5; i++) {
    run(d, 0, 5);
    assert_int_equal(too_long(d), 0);
  }
}

static void test_recovers(void **state) {
  device *d = *state;
  for (int i = 0; i < 3; i++) run(d, 0, 1);
  const uint32_t n = d->n_slices;
  for (int i = 0; i < 3; i++) run(d, 0, 8);
  assert_true(d->n_slices > 4 * n);
  for (int i = 0; i < 20; i++) {
    run(d, 0, 1);
    assert_int_equal(too_long(d), 0);
  }
  assert_true(d->n_slices <= n + 1);
}

// One slice that another program delayed does not cut the rest of the run to pieces.
static void test_outlier(void **state) {
  device *d = *state;
  for (int i = 0; i < 3; i++) run(d, 0, 1);
  const uint32_t n = d->n_slices;
  slice_begin_run(&d->slice, ++d->number);
  slice_add(&d->slice, &d->parts[0]);
  slice_add(&d->slice, &d->parts[1]);
  slice_ran(&d->slice, 0.09, LIMIT, ++d->number); // many times what was expected, and yet no longer than a slice may last
  run(d, 0, 1);
  assert_int_equal(too_long(d), 0);
  assert_true(d->n_slices <= n + 2);
}

// A recording given twice: its part cannot be in one submission twice.
static void test_twice(void **state) {
  device *d = *state;
  d->parts[0].seconds = d->parts[1].seconds = 0.001;
  slice_begin_run(&d->slice, ++d->number);
  slice_add(&d->slice, &d->parts[0]);
  assert_true(slice_takes(&d->slice, &d->parts[1], LIMIT));
  assert_false(slice_takes(&d->slice, &d->parts[0], LIMIT));
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup(test, setup)
  const struct CMUnitTest tests[] = {CASE(test_steady), CASE(test_slows_down), CASE(test_recovers), CASE(test_outlier),
                                     CASE(test_twice)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
