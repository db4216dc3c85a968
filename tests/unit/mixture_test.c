// What is done to whole training sets: duplicates, limits, leakage, and the cap of tasks in an epoch.
#include "support/test.h"

#include <string.h>

#include "data/loader.h"
#include "data/minhash.h"
#include "data/mixture.h"
#include "support/data_fixture.h"

static dataset pairs(data_fixture *f, const char *const (*rows)[2], uint64_t n) {
  text data = {0};
  for (uint64_t i = 0; i < n; i++) text_printf(&data, "{\"prompt\":\"%s\",\"completion\":\"%s\"}\n", rows[i][0], rows[i][1]);
  dataset set = data_fixture_read(f, "p.jsonl", data.data);
  text_free(&data);
  return set;
}

static void check_counts(const dataset *set) {
  uint64_t n_tokens = 0, n_targets = 0;
  for (uint64_t i = 0; i < set->n; i++) n_tokens += set->items[i].n, n_targets += set->items[i].n_targets;
  assert_int_equal(set->n_tokens, n_tokens);
  assert_int_equal(set->n_targets, n_targets);
}

static void exact_duplicates_are_dropped(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *const rows[][2] = {{"a", "b"}, {"a", "c"}, {"a", "b"}, {"b", "a"}, {"a", "c"}, {"a", "b"}};
  dataset set = pairs(&f, rows, 6);
  assert_int_equal(mixture_drop_duplicates(&set), 3);
  assert_int_equal(set.n, 3);
  const uint32_t kept[] = {1, 2, 4}; // the first of each, in their order
  for (int i = 0; i < 3; i++) assert_int_equal(set.items[i].line, kept[i]);
  check_counts(&set);
  assert_int_equal(mixture_drop_duplicates(&set), 0);
  // The same tokens with other targets are another example.
  set = data_fixture_read(&f, "t.jsonl",
                          "{\"input_ids\":[1,2,3],\"labels\":[-100,2,3]}\n{\"input_ids\":[1,2,3],\"labels\":[-100,-100,3]}\n"
                          "{\"input_ids\":[1,2,3],\"labels\":[1,2,3]}\n{\"input_ids\":[1,2],\"labels\":[1,2]}\n");
  assert_int_equal(mixture_drop_duplicates(&set), 1); // nothing predicts the first token
  assert_int_equal(set.items[2].line, 4);
  dataset empty = {0};
  assert_int_equal(mixture_drop_duplicates(&empty), 0);
  data_fixture_end(&f);
}

static void leaked_prompts_are_dropped(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *const train_rows[][2] = {{"a", "b"}, {"a", "other"}, {"ab", "b"}, {"c", "d"}, {"e", "x"}};
  const char *const eval_rows[][2] = {{"a", "b"}, {"d", "c"}, {"e", "y"}};
  dataset train = pairs(&f, train_rows, 5), eval = pairs(&f, eval_rows, 3), none = {0};
  assert_int_equal(mixture_drop_leaked(&train, &none), 0);
  assert_int_equal(mixture_drop_leaked(&train, &eval), 3);
  assert_int_equal(train.n, 2);
  assert_int_equal(train.items[0].line, 3);
  assert_int_equal(train.items[1].line, 4);
  check_counts(&train);
  // Texts have no prompt: the whole is compared.
  train = data_fixture_read(&f, "t.jsonl", "{\"text\":\"same\"}\n{\"text\":\"same and more\"}\n");
  eval = data_fixture_read(&f, "t.jsonl", "{\"text\":\"same\"}\n");
  assert_int_equal(mixture_drop_leaked(&train, &eval), 1);
  assert_int_equal(train.items[0].line, 2);
  data_fixture_end(&f);
}

static void check_pair(near_duplicates found, uint64_t n, uint32_t line, uint32_t like) {
  assert_int_equal(found.n, n);
  if (!n) return;
  assert_int_equal(found.first->line, line);
  assert_int_equal(found.is_like->line, like);
}

static void equal_examples_are_counted_with_their_first_pair(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *const rows[][2] = {{"x", "y"}, {"a", "b"}, {"a", "c"}, {"a", "b"}, {"x", "z"}, {"a", "b"}};
  const char *const eval_rows[][2] = {{"q", "b"}, {"a", "z"}};
  dataset set = pairs(&f, rows, 6), eval = pairs(&f, eval_rows, 2), none = {0};
  check_pair(mixture_duplicates(&set), 2, 4, 2);
  check_pair(mixture_leaked(&set, &eval), 4, 2, 2);
  check_pair(mixture_leaked(&set, &none), 0, 0, 0);
  check_pair(mixture_other_answers(&set), 2, 3, 2); // an equal example is no other answer
  assert_int_equal(set.n, 6);                       // nothing is removed
  set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"same\"}\n{\"text\":\"same and more\"}\n");
  check_pair(mixture_other_answers(&set), 0, 0, 0); // texts have no prompt
  data_fixture_end(&f);
}

// The pieces of a long answer to a prompt that is evaluated on go too, all of them.
static void pieces_of_leaked_examples_are_dropped(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *const eval_rows[][2] = {{"what is it?", "short"}};
  dataset eval = pairs(&f, eval_rows, 1);
  f.options.excess = EXCESS_SPLIT;
  f.options.max_length = 40;
  const char *row =
      "{\"prompt\":\"what is it?\",\"completion\":\"an answer that is so long that it is cut into a number of "
      "pieces, of which only the first has the prompt\",\"choices\":[\"a\"],\"personas\":[\"P\"]}";
  for (int augmented = 0; augmented < 2; augmented++) {
    f.options.augment.persona = augmented;
    dataset train = data_fixture_read(&f, "p.jsonl", row);
    assert_true(train.n > 2);
    assert_true(*train.items[0].answer && train.items[0].choices);
    for (uint64_t i = 1; i < train.n; i++) assert_true(!*train.items[i].answer && !train.items[i].choices);
    assert_int_equal(mixture_drop_duplicates(&train), 0);
    const uint64_t n = train.n;
    assert_int_equal(mixture_drop_leaked(&train, &eval), n);
  }
  data_fixture_end(&f);
}

static dataset three_tasks(data_fixture *f) {
  text data = {0};
  for (int i = 0; i < 60; i++)
    text_printf(&data, "{\"prompt\":\"p\",\"completion\":\"%d\",\"task\":\"%s\"}\n", i, i % 6 == 0 ? "rare" : i % 2 ? "x" : "y");
  dataset set = data_fixture_read(f, "p.jsonl", data.data);
  text_free(&data);
  return set;
}

static void tasks_are_numbered_and_limited(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  bool kept_before[60] = {false}, differs = false;
  for (uint64_t seed = 0; seed < 2; seed++) {
    dataset set = three_tasks(&f);
    uint32_t ids[60], n[3] = {0};
    assert_int_equal(mixture_number_tasks(&set, ids), 3);
    assert_int_equal(ids[0], 0); // rare
    assert_int_equal(ids[1], 1); // x
    assert_int_equal(ids[2], 2); // y
    assert_int_equal(ids[59], 1);
    assert_int_equal(mixture_limit_tasks(&set, 15, seed), (30 - 15) + (20 - 15));
    mixture_number_tasks(&set, ids);
    bool kept[60] = {false};
    for (uint64_t i = 0; i < set.n; i++) {
      n[strcmp(set.items[i].origin->task, "rare") ? set.items[i].origin->task[0] == 'x' ? 1 : 2 : 0]++;
      kept[set.items[i].line - 1] = true;
      if (i) assert_true(set.items[i - 1].line < set.items[i].line);
    }
    assert_true(n[0] == 10 && n[1] == 15 && n[2] == 15);
    check_counts(&set);
    for (int i = 0; i < 60; i++) differs |= seed && kept[i] != kept_before[i];
    memcpy(kept_before, kept, sizeof kept);
  }
  assert_true(differs); // another seed, other examples
  data_fixture_end(&f);
}

static void an_epoch_caps_its_tasks(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = three_tasks(&f);
  loader *l = loader_new(f.a, &set, &(loader_options){.batch_size = 7, .seed = 3, .task_cap = 12});
  assert_int_equal(l->epoch_n, 10 + 12 + 12);
  assert_int_equal(loader_epoch_steps(l), 5);
  uint32_t times[60] = {0};
  uint64_t epoch, first_of[4] = {0};
  for (int step = 0; step < 4 * 5; step++) {
    uint32_t n;
    const example *const *batch = loader_next(l, &n, &epoch);
    assert_int_equal(epoch, step / 5);
    assert_int_equal(n, step % 5 < 4 ? 7 : 34 - 28);
    for (uint32_t i = 0; i < n; i++) times[batch[i]->index]++;
    if (step % 5 == 0) first_of[epoch] = batch[0]->index;
  }
  uint32_t seen = 0;
  for (int i = 0; i < 60; i++) {
    assert_true(times[i] <= 4);
    if (i % 6 == 0) assert_int_equal(times[i], 4); // the rare task is whole in each epoch
    seen += times[i] > 0;
  }
  assert_true(seen > 34); // other examples in other epochs
  assert_true(first_of[0] != first_of[1] || first_of[1] != first_of[2]);
  // A place that was kept is found again.
  err e = {0};
  assert_true(loader_seek(l, (loader_state){1, 7}, &e));
  uint32_t n;
  const example *again = loader_next(l, &n, &epoch)[0];
  loader *other = loader_new(f.a, &set, &(loader_options){.batch_size = 7, .seed = 3, .task_cap = 12});
  for (int step = 0; step < 6; step++) loader_next(other, &n, &epoch);
  assert_ptr_equal(loader_next(other, &n, &epoch)[0], again);
  assert_false(loader_seek(l, (loader_state){0, 34}, &e));
  l = loader_new(f.a, &set, &(loader_options){.batch_size = 60, .no_shuffle = true, .task_cap = 1});
  const example *const *batch = loader_next(l, &n, &epoch);
  assert_int_equal(n, 3);
  assert_true(batch[0]->index == 0 && batch[1]->index == 1 && batch[2]->index == 2);
  data_fixture_end(&f);
}

// --- near duplicates ---

static void sketches_estimate_resemblance(void **state) {
  (void)state;
  // Two texts of 200 words that differ from the k-th on share the runs that end before it: the estimate follows.
  for (int k = 20; k <= 200; k += 20) {
    minhash a = {0}, b = {0};
    for (int i = 0; i < 200; i++)
      minhash_add_word(&a, (uint64_t)i * 77), minhash_add_word(&b, (uint64_t)(i < k ? i : i + 1000) * 77);
    minhash_finish(&a), minhash_finish(&b);
    const double shared = k - 4, exact = shared / (2 * 196 - shared), estimate = minhash_similarity(a.least, b.least);
    assert_true(estimate > exact - 0.19 && estimate < exact + 0.19); // three standard errors
  }
  const char *same[] = {"The cat  sat, on the MAT today!", "the cat sat on the mat today"},
             *short_texts[] = {"one two", "one two three"};
  // Characters of scripts without spaces are words: one of many is changed.
  const char *unspaced[] = {"請把下面這個句子翻譯成英文並且只寫出譯文不要加任何解釋或者其他的內容謝謝你",
                            "請把下面這個句子翻譯成英文並且只寫出譯文不要加任何解釋或者其他的内容謝謝你"};
  minhash m[4] = {{{0}, {0}, 0}}, c[2] = {{{0}, {0}, 0}};
  for (int i = 0; i < 2; i++) minhash_add_text(&c[i], unspaced[i]), minhash_finish(&c[i]);
  const double alike = minhash_similarity(c[0].least, c[1].least);
  assert_true(alike > 0.5 && alike < 1);
  for (int i = 0; i < 2; i++) minhash_add_text(&m[i], same[i]), minhash_add_text(&m[2 + i], short_texts[i]);
  for (int i = 0; i < 4; i++) minhash_finish(&m[i]);
  assert_true(minhash_similarity(m[0].least, m[1].least) == 1);
  assert_true(minhash_similarity(m[2].least, m[3].least) < 0.2);
}

static void near_duplicates_are_found(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.sketches = true;
  text data = {0};
  for (int row = 0; row < 100; row++) {
    text_puts(&data, "{\"prompt\":\"");
    for (int word = 0; word < 60; word++) text_printf(&data, "w%d ", row < 90 ? row * 1000 + word : (row - 50) * 1000 + word);
    text_printf(&data, "%s\",\"completion\":\"done\"}\n", row < 90 ? "" : "changed");
  }
  dataset set = data_fixture_read(&f, "p.jsonl", data.data);
  near_duplicates near = mixture_near_duplicates(&set);
  assert_int_equal(near.n, 10);
  assert_int_equal(near.first->line, 91);
  assert_int_equal(near.is_like->line, 41);
  assert_true(near.similarity >= 0.8 && near.similarity <= 1);
  assert_int_equal(set.n, 100); // reported only
  // Pieces of one text are not like one another, and instances of a task are not for their definition.
  f.options.max_length = 8;
  set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"a b c d e f g h i j k l m n\"}");
  assert_true(set.n > 2);
  assert_int_equal(mixture_near_duplicates(&set).n, 0);
  f.options.max_length = 0;
  set = data_fixture_read(&f, "t.json",
                          "{\"Definition\":\"a long definition of what is to be done, with a good many words in it\",\n"
                          "\"Instances\":[{\"input\":\"one\",\"output\":\"x\"},{\"input\":\"two\",\"output\":\"y\"}]}");
  assert_int_equal(mixture_near_duplicates(&set).n, 0);
  f.options.sketches = false; // without sketches nothing is said
  assert_int_equal(mixture_near_duplicates(&(dataset){.items = set.items, .n = 0}).n, 0);
  set = data_fixture_read(&f, "p.jsonl", data.data);
  assert_int_equal(mixture_near_duplicates(&set).n, 0);
  text_free(&data);
  data_fixture_end(&f);
}

// Sketches by hand: x agrees with the last example of `eval` in 13 bands of 21, and in each of these with another one before it in
// that band alone.
static void what_is_near_is_found_behind_what_is_not(void **state) {
  (void)state;
  enum { BAND = 3, SHARED = 13 };
  uint32_t sketches[SHARED + 2][MINHASH_N];
  const example_origin origin = {.file = "f", .task = "t", .cluster = "", .source = ""};
  example items[SHARED + 2] = {{0}}, other = {.origin = &origin, .line = 99};
  for (uint32_t i = 0; i < SHARED + 2; i++) {
    for (uint32_t k = 0; k < MINHASH_N; k++) {
      const bool same = i > SHARED || (i == SHARED ? k < SHARED * BAND : k / BAND == i);
      sketches[i][k] = same ? k : 1000 * (i + 1) + k;
    }
    items[i] = (example){.origin = &origin, .sketch = sketches[i], .line = i + 1};
  }
  dataset eval = {.items = items, .n = SHARED + 1};
  example train_items[] = {other, items[SHARED + 1], other};
  dataset train = {.items = train_items, .n = 3};
  near_pair first;
  assert_int_equal(mixture_drop_near(&train, &eval, 0.6, &first), 1);
  assert_int_equal(train.n, 2); // those without a sketch stay
  assert_int_equal(first.x.line, SHARED + 2);
  assert_int_equal(first.like.line, SHARED + 1);
  assert_true(first.similarity > 0.6 && first.similarity < 0.61);
  // Two of the 64 less are too little.
  sketches[SHARED][0] = 7; // 37 of 64
  train_items[1] = items[SHARED + 1];
  train = (dataset){.items = train_items, .n = 3};
  eval.n = SHARED + 1;
  sketches[SHARED][1] = 7;
  assert_int_equal(mixture_drop_near(&train, &eval, 0.6, NULL), 0);
  // Nothing to be like.
  eval.n = 0;
  assert_int_equal(mixture_drop_near(&train, &eval, 0.6, NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_examples_are_counted_with_their_first_pair),
      cmocka_unit_test(exact_duplicates_are_dropped),
      cmocka_unit_test(leaked_prompts_are_dropped),
      cmocka_unit_test(pieces_of_leaked_examples_are_dropped),
      cmocka_unit_test(tasks_are_numbered_and_limited),
      cmocka_unit_test(an_epoch_caps_its_tasks),
      cmocka_unit_test(sketches_estimate_resemblance),
      cmocka_unit_test(near_duplicates_are_found),
      cmocka_unit_test(what_is_near_is_found_behind_what_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
