// Tokenised examples as bytes: what is written is read back, and nothing else is believed.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "data/minhash.h"
#include "data/tokenised.h"

enum { VOCAB = 100 };
static const tokenised_key KEY = {1, 2};
static const char *const FILES[] = {"some/a.jsonl", "b.v2.jsonl"};
static const tokenised_counts COUNTS = {1, 2, 3, 4, {5, 6, 7, 8}, 9, 10};

static packed_strings *two_words(arena *a) {
  static const char *const items[] = {"yes", ""};
  return packed_strings_of(a, (strings){items, 2});
}

// Examples of different sizes, with and without what is optional.
static example make(arena *a, uint32_t i) {
  static const example_origin origins[] = {{.task = "t", .cluster = "c", .source = "s"}, {0}};
  example x = {.n = 1 + i, .origin = &origins[i % 2], .answer = i % 3 ? "an answer" : "", .line = 10 + i, .weight = 1.5f};
  int32_t *ids = ARENA_ARRAY(a, int32_t, x.n);
  uint8_t *target = ARENA_ARRAY(a, uint8_t, x.n);
  for (uint32_t k = 0; k < x.n; k++) ids[k] = (int32_t)((i * 7 + k) % VOCAB), target[k] = k && k % 2, x.n_targets += target[k];
  x.ids = ids;
  x.target = target;
  x.prompt_n = x.n / 2;
  if (i % 2) x.choices = two_words(a);
  if (i % 4 == 0) x.references = two_words(a);
  if (i % 3 == 0) {
    uint32_t *sketch = ARENA_ARRAY(a, uint32_t, MINHASH_N);
    for (uint32_t k = 0; k < MINHASH_N; k++) sketch[k] = i + k;
    x.sketch = sketch;
  }
  if (i % 5 == 0) {
    example_plain *plain = ARENA_NEW(a, example_plain);
    *plain = (example_plain){i, i + 1};
    x.plain = plain;
  }
  if (i % 7 == 4) { // a pair
    x.second = x.n / 2;
    x.n_targets -= target[x.second];
    target[x.second] = 0;
  }
  x.hash = dataset_hash_example(&x);
  return x;
}

static text write(arena *a, uint32_t n) {
  tokenised_writer w;
  err e = {0};
  assert_true(tokenised_begin(NULL, KEY, &w, &e));
  for (uint32_t i = 0; i < n; i++) {
    const example x = make(a, i);
    assert_true(tokenised_put(&w, &x, i % 2, &e));
  }
  assert_true(tokenised_end(&w, &COUNTS, &e));
  return w.image;
}

static bool open_bytes(arena *a, const void *bytes, uint64_t size, dataset *set) {
  tokenised_counts counts;
  return tokenised_open(a, bytes, size, NULL, KEY, VOCAB, FILES, 2, set, &counts);
}

static void check_list(const packed_strings *list, bool there) {
  assert_true((list != NULL) == there);
  if (!there) return;
  assert_int_equal(list->n, 2);
  assert_string_equal(list->data, "yes");
  assert_string_equal(packed_next(list->data), "");
}

static void check_example(const example *x, const example *wanted, uint32_t i) {
  assert_int_equal(x->n, wanted->n);
  assert_int_equal(x->n_targets, wanted->n_targets);
  assert_memory_equal(x->ids, wanted->ids, x->n * sizeof *x->ids);
  assert_memory_equal(x->target, wanted->target, x->n);
  assert_int_equal(x->prompt_n, wanted->prompt_n);
  assert_int_equal(x->second, wanted->second);
  assert_int_equal(x->line, wanted->line);
  assert_true(x->weight == wanted->weight && x->hash == wanted->hash);
  assert_string_equal(x->answer, wanted->answer);
  assert_string_equal(x->origin->file, FILES[i % 2]);
  assert_string_equal(x->origin->task, i % 2 ? "b.v2" : "t"); // the file's stem where the row has none
  assert_string_equal(x->origin->cluster, i % 2 ? "" : "c");
  assert_string_equal(x->origin->source, i % 2 ? "" : "s");
  check_list(x->choices, wanted->choices);
  check_list(x->references, wanted->references);
  assert_true(!x->plain == !wanted->plain);
  if (x->plain) assert_memory_equal(x->plain, wanted->plain, sizeof *x->plain);
  assert_true(!x->sketch == !wanted->sketch);
  if (x->sketch) assert_memory_equal(x->sketch, wanted->sketch, MINHASH_N * sizeof *x->sketch);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text image = write(a, 150);
  dataset set = {0};
  tokenised_counts counts;
  for (uint32_t times = 1; times <= 2; times++) { // the second time it is appended
    assert_true(tokenised_open(a, image.data, image.length, NULL, KEY, VOCAB, FILES, 2, &set, &counts));
    assert_memory_equal(&counts, &COUNTS, sizeof counts);
    assert_int_equal(set.n, 150 * times);
  }
  uint64_t n_tokens = 0, n_targets = 0;
  for (uint32_t i = 0; i < 300; i++) {
    const example wanted = make(a, i % 150);
    check_example(&set.items[i], &wanted, i % 150);
    assert_int_equal(set.items[i].index, i);
    n_tokens += wanted.n, n_targets += wanted.n_targets;
  }
  assert_ptr_equal(set.items[0].origin, set.items[2].origin); // one for all that agree
  assert_int_equal(set.n_tokens, n_tokens);
  assert_int_equal(set.n_targets, n_targets);
  text_free(&image);
  arena_free(a);
}

static void many_origins_are_told_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  tokenised_writer w;
  err e = {0};
  assert_true(tokenised_begin(NULL, KEY, &w, &e));
  for (uint32_t i = 0; i < 1000; i++) {
    const example_origin origin = {.task = arena_printf(a, "task %u", i % 500)};
    example x = make(a, 3);
    x.origin = &origin;
    assert_true(tokenised_put(&w, &x, 0, &e));
  }
  assert_true(tokenised_end(&w, &COUNTS, &e));
  dataset set = {0};
  assert_true(open_bytes(a, w.image.data, w.image.length, &set));
  for (uint32_t i = 0; i < 1000; i++) {
    assert_string_equal(set.items[i].origin->task, arena_printf(a, "task %u", i % 500));
    assert_ptr_equal(set.items[i].origin, set.items[i % 500].origin);
  }
  text_free(&w.image);
  arena_free(a);
}

// A copy of its own, so that the address sanitizer sees a read that goes too far.
static bool opens(const text *image, size_t length, size_t flipped, bool hash_again) {
  arena *a = arena_new("test");
  char *copy = malloc(length ? length : 1);
  assert_non_null(copy);
  memcpy(copy, image->data, length);
  if (flipped < length) copy[flipped] = (char)(copy[flipped] ^ 1 << flipped % 8);
  if (hash_again) {
    const uint64_t hash = XXH3_64bits(copy, length - sizeof hash);
    memcpy(copy + length - sizeof hash, &hash, sizeof hash);
  }
  dataset set = {0};
  const bool ok = open_bytes(a, copy, length, &set);
  for (uint64_t i = 0; i < set.n; i++) { // whatever was taken can be used
    const example *x = &set.items[i];
    for (uint32_t k = 0; k < x->n; k++) assert_true(x->ids[k] >= 0 && x->ids[k] < VOCAB && x->target[k] <= 1);
    assert_true(strlen(x->answer) + strlen(x->origin->task) < length && x->prompt_n <= x->n && x->weight > 0);
    assert_true(!x->second || (x->second < x->n && !x->target[x->second]));
    const char *choice = x->choices ? x->choices->data : NULL;
    for (uint32_t k = 0; choice && k < x->choices->n; k++) choice = packed_next(choice);
  }
  if (!ok) assert_int_equal(set.n, 0);
  free(copy);
  arena_free(a);
  return ok;
}

static void damaged_bytes_are_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text image = write(a, 9);
  assert_true(opens(&image, image.length, SIZE_MAX, false));
  for (size_t n = 0; n < image.length; n++) assert_false(opens(&image, n, SIZE_MAX, false));
  for (size_t at = 0; at < image.length; at++) assert_false(opens(&image, image.length, at, false));
  // With a hash that fits: what remains is what every length, id and string is checked for.
  int refused = 0;
  for (size_t at = 0; at < image.length - 8; at++) refused += !opens(&image, image.length, at, true);
  assert_true(refused > 300);
  text_free(&image);
  arena_free(a);
}

static void what_is_of_something_else_is_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text image = write(a, 40);
  dataset set = {0};
  tokenised_counts counts;
  assert_false(tokenised_open(a, image.data, image.length, NULL, (tokenised_key){1, 3}, VOCAB, FILES, 2, &set, &counts));
  assert_false(tokenised_open(a, image.data, image.length, NULL, KEY, VOCAB - 1, FILES, 2, &set, &counts)); // an id is too large
  assert_false(tokenised_open(a, image.data, image.length, NULL, KEY, VOCAB, FILES, 1, &set, &counts));     // there is no file 1
  assert_int_equal(set.n, 0);
  text_free(&image);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(many_origins_are_told_apart),
      cmocka_unit_test(damaged_bytes_are_refused),
      cmocka_unit_test(what_is_of_something_else_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
