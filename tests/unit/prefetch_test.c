// Batches made ahead are those of the loader, in its order, packed as without it, with the state that belongs to each.
#include "support/test.h"

#include <string.h>

#include "data/prefetch.h"
#include "support/tiny_model.h"

enum { N = 37 };

static dataset make_set(arena *a) {
  uint32_t lengths[N];
  for (uint32_t i = 0; i < N; i++) lengths[i] = 2 + i * 5 % 23;
  return tiny_data(a, lengths, N, 1);
}

static const loader_options OPTIONS = {.batch_size = 8, .seed = 7};
static const pack_limits LIMITS = {.tokens = 40};

static void check_batch(const ready_batch *b, loader *plain) {
  uint32_t n, n_rows, in_rows = 0;
  uint64_t epoch;
  const example *const *wanted = loader_next(plain, &n, &epoch);
  assert_int_equal(b->n, n);
  assert_int_equal(b->epoch, epoch);
  assert_int_equal(b->next.epoch, plain->state.epoch);
  assert_int_equal(b->next.next, plain->state.next);
  for (uint32_t i = 0; i < n; i++) {
    assert_int_equal(b->examples[i]->index, wanted[i]->index);
    assert_memory_equal(b->examples[i]->ids, wanted[i]->ids, wanted[i]->n * sizeof *wanted[i]->ids);
    assert_memory_equal(b->examples[i]->target, wanted[i]->target, wanted[i]->n);
  }
  arena *a = arena_new("rows");
  pack_row *rows;
  pack_examples(a, wanted, n, &LIMITS, true, &rows, &n_rows);
  assert_int_equal(b->n_rows, n_rows);
  for (uint32_t r = 0; r < n_rows; r++) {
    assert_int_equal(b->rows[r].n, rows[r].n);
    for (uint32_t i = 0; i < rows[r].n; i++, in_rows++)
      assert_int_equal(b->rows[r].examples[i]->index, rows[r].examples[i]->index);
  }
  assert_int_equal(in_rows, n);
  arena_free(a);
}

static void batches_are_the_loaders(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a);
  loader *ahead = loader_new(a, &set, &OPTIONS), *plain = loader_new(a, &set, &OPTIONS);
  prefetch *p;
  err e = {0};
  assert_true(prefetch_new(ahead, &LIMITS, true, 23, &p, &e)); // into the fifth epoch
  for (int i = 0; i < 23; i++) check_batch(prefetch_next(p), plain);
  prefetch_free(p);
  arena_free(a);
}

// A run that is stopped keeps the state of the last batch that it used; what was made beyond is lost and made again.
static void a_resumed_run_gets_the_next_batch(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset set = make_set(a);
  loader *plain = loader_new(a, &set, &OPTIONS);
  loader_state kept = {0};
  err e = {0};
  for (int run = 0; run < 6; run++) {
    loader *ahead = loader_new(a, &set, &OPTIONS);
    assert_true(loader_seek(ahead, kept, &e));
    prefetch *p;
    assert_true(prefetch_new(ahead, &LIMITS, true, 100, &p, &e));
    for (int i = 0; i < run; i++) {
      const ready_batch *b = prefetch_next(p);
      check_batch(b, plain);
      kept = b->next;
    }
    prefetch_free(p);
  }
  prefetch_free(NULL);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_are_the_loaders),
      cmocka_unit_test(a_resumed_run_gets_the_next_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
