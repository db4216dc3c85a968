// The order of examples: permutations, batches, going on from a kept state.
#include "support/test.h"

#include <string.h>

#include "data/loader.h"

enum { MANY = 53 };

static dataset make_set(arena *a, uint32_t n) {
  dataset set = {.items = ARENA_ARRAY(a, example, n), .n = n};
  for (uint32_t i = 0; i < n; i++) set.items[i].index = i;
  return set;
}

static void epochs_are_different_permutations(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a, MANY);
  loader *l = loader_new(a, &set, &(loader_options){.batch_size = 8, .seed = 42});
  assert_int_equal(loader_epoch_steps(l), 7);
  uint32_t order[3][MANY];
  for (uint32_t e = 0; e < 3; e++) {
    uint32_t seen[MANY] = {0}, k = 0;
    for (uint32_t step = 0; step < 7; step++) {
      uint32_t n;
      uint64_t epoch;
      const example *const *batch = loader_next(l, &n, &epoch);
      assert_int_equal(n, step < 6 ? 8 : 5);
      assert_int_equal(epoch, e);
      for (uint32_t i = 0; i < n; i++) seen[batch[i]->index]++, order[e][k++] = batch[i]->index;
    }
    for (uint32_t i = 0; i < MANY; i++) assert_int_equal(seen[i], 1);
  }
  assert_memory_not_equal(order[0], order[1], sizeof order[0]);
  assert_memory_not_equal(order[1], order[2], sizeof order[0]);
  uint32_t fixed = 0;
  for (uint32_t i = 0; i < MANY; i++) fixed += order[0][i] == i;
  assert_true(fixed < 8); // 1 on average
  arena_free(a);
}

static void first_places_are_spread_evenly(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a, 5);
  uint32_t count[5][5] = {0}; // [place][example], over 2,000 seeds: 400 each, standard deviation 18
  for (uint64_t seed = 0; seed < 2000; seed++) {
    loader *l = loader_new(a, &set, &(loader_options){.batch_size = 5, .seed = seed});
    uint32_t n;
    uint64_t epoch;
    const example *const *batch = loader_next(l, &n, &epoch);
    for (uint32_t i = 0; i < n; i++) count[i][batch[i]->index]++;
  }
  for (int i = 0; i < 25; i++) assert_in_range(count[i / 5][i % 5], 310, 490);
  arena_free(a);
}

static void a_resumed_run_goes_on_exactly(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a, MANY);
  loader_options options = {.batch_size = 10, .seed = 7};
  for (int stop = 0; stop < 14; stop++) {
    loader *whole = loader_new(a, &set, &options), *resumed = loader_new(a, &set, &options);
    uint32_t n, m;
    uint64_t epoch, again;
    for (int i = 0; i < stop; i++) loader_next(whole, &n, &epoch);
    err e = {0};
    assert_true(loader_seek(resumed, whole->state, &e));
    for (int i = 0; i < 9; i++) {
      const example *const *x = loader_next(whole, &n, &epoch);
      const example *const *y = loader_next(resumed, &m, &again);
      assert_int_equal(n, m);
      assert_int_equal(epoch, again);
      assert_memory_equal(x, y, n * sizeof *x);
    }
  }
  arena_free(a);
}

static void a_state_that_does_not_fit_is_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a, MANY);
  loader *l = loader_new(a, &set, &(loader_options){.batch_size = 10});
  err e = {0};
  assert_false(loader_seek(l, (loader_state){0, MANY}, &e));
  assert_non_null(strstr(e.message, "found example 53 of epoch 0"));
  assert_false(loader_seek(l, (loader_state){UINT64_MAX, 0}, NULL));
  assert_int_equal(l->state.epoch, 0);
  arena_free(a);
}

static void the_datas_own_order_and_steps(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a, 20);
  loader *l = loader_new(a, &set, &(loader_options){.batch_size = 16, .no_shuffle = true});
  uint32_t n;
  uint64_t epoch;
  const example *const *batch = loader_next(l, &n, &epoch);
  for (uint32_t i = 0; i < n; i++) assert_int_equal(batch[i]->index, i);
  batch = loader_next(l, &n, &epoch);
  assert_int_equal(n, 4);
  assert_int_equal(batch[3]->index, 19);
  assert_int_equal(loader_total_steps(l, 3, 0), 6);
  assert_int_equal(loader_total_steps(l, 0.2, 0), 1);
  assert_int_equal(loader_total_steps(l, 3, 11), 11);
  loader *large = loader_new(a, &set, &(loader_options){.batch_size = 4000000000u});
  loader_next(large, &n, &epoch);
  assert_int_equal(n, 20);
  assert_int_equal(loader_epoch_steps(large), 1);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(epochs_are_different_permutations), cmocka_unit_test(first_places_are_spread_evenly),
      cmocka_unit_test(a_resumed_run_goes_on_exactly),     cmocka_unit_test(a_state_that_does_not_fit_is_refused),
      cmocka_unit_test(the_datas_own_order_and_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
