// The control of a crossval: answers shuffled within each task.
#include "support/test.h"

#include <string.h>

#include "crossval/shuffle.h"
#include "support/data_fixture.h"

enum { N_A = 7, N_B = 2, N = N_A + N_B + 1 };

// Tasks a (7 examples), b (2) and c (1), in turn; the answer of the k-th example of task t is "<t><k>".
static dataset make(data_fixture *f) {
  text data = {0};
  for (int k = 0; k < N_A; k++) {
    text_printf(&data, "{\"prompt\":\"qa%d\",\"completion\":\"a%d\",\"task\":\"a\"}\n", k, k);
    if (k < N_B) text_printf(&data, "{\"prompt\":\"qb%d\",\"completion\":\"b%d\",\"task\":\"b\"}\n", k, k);
    if (!k) text_printf(&data, "{\"prompt\":\"qc\",\"completion\":\"c0\",\"task\":\"c\"}\n");
  }
  dataset set = data_fixture_read(f, "p.jsonl", data.data);
  text_free(&data);
  assert_int_equal(set.n, N);
  return set;
}

static void check_example(const example *own, const example *x) {
  assert_true(x->n > own->prompt_n && x->prompt_n == own->prompt_n);
  assert_memory_equal(x->ids, own->ids, own->prompt_n * sizeof *x->ids);
  assert_int_equal(x->answer[0], own->origin->task[0]); // an answer of its own task
  assert_int_equal(x->hash, dataset_hash_example(x));
  uint32_t targets = 0;
  for (uint32_t i = 0; i < x->n; i++) targets += x->target[i];
  assert_true(targets == x->n_targets && targets);
}

static void each_has_the_answer_of_another(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset own = make(&f);
  dataset set = make(&f), again = make(&f), other = make(&f);
  arena *a = arena_new("shuffled");
  assert_int_equal(shuffle_answers(a, &set, 1000, 42), N_A + N_B);
  shuffle_answers(a, &again, 1000, 42);
  shuffle_answers(a, &other, 1000, 43);
  int times[3][10] = {{0}};
  bool differs = false;
  for (uint64_t i = 0; i < N; i++) {
    const example *x = &set.items[i];
    check_example(&own.items[i], x);
    const bool is_alone = own.items[i].origin->task[0] == 'c';
    assert_int_equal(!strcmp(x->answer, own.items[i].answer), is_alone);
    times[x->answer[0] - 'a'][x->answer[1] - '0']++;
    assert_int_equal(x->hash, again.items[i].hash);
    differs = differs || x->hash != other.items[i].hash;
  }
  for (int k = 0; k < N_A; k++) assert_int_equal(times[0][k], 1); // all of them stay, each once
  for (int k = 0; k < N_B; k++) assert_int_equal(times[1][k], 1);
  assert_true(differs);
  // The tokens of an answer are those that it has in its own example.
  for (uint64_t i = 0; i < N; i++)
    for (uint64_t k = 0; k < N; k++)
      if (!strcmp(set.items[i].answer, own.items[k].answer)) {
        const example *x = &set.items[i], *y = &own.items[k];
        assert_int_equal(x->n - x->prompt_n, y->n - y->prompt_n);
        assert_memory_equal(x->ids + x->prompt_n, y->ids + y->prompt_n, (x->n - x->prompt_n) * sizeof *x->ids);
        assert_memory_equal(x->target + x->prompt_n, y->target + y->prompt_n, x->n - x->prompt_n);
      }
  arena_free(a);
  data_fixture_end(&f);
}

static void keeps_within_max_length(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = data_fixture_read(&f, "p.jsonl",
                                  "{\"prompt\":\"a long question\",\"completion\":\"b\"}\n"
                                  "{\"prompt\":\"a\",\"completion\":\"a long answer\"}\n");
  const uint32_t longest = set.items[0].n > set.items[1].n ? set.items[0].n : set.items[1].n;
  arena *a = arena_new("shuffled");
  assert_int_equal(shuffle_answers(a, &set, longest, 1), 2);
  assert_string_equal(set.items[0].answer, "a long answer");
  assert_int_equal(set.items[0].n, longest);
  uint64_t targets = 0;
  for (int i = 0; i < 2; i++) targets += set.items[i].n_targets;
  assert_int_equal(set.n_targets, targets);
  arena_free(a);
  data_fixture_end(&f);
}

// The answers of earlier turns would teach what they say.
static void earlier_turns_carry_no_loss(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text data = {0};
  for (int k = 0; k < 3; k++)
    text_printf(&data,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"first %d\"},"
                "{\"role\":\"user\",\"content\":\"r\"},{\"role\":\"assistant\",\"content\":\"last %d\"}]}\n",
                k, k);
  dataset set = data_fixture_read(&f, "p.jsonl", data.data);
  text_free(&data);
  arena *a = arena_new("shuffled");
  assert_int_equal(shuffle_answers(a, &set, 1000, 1), 3);
  for (uint64_t i = 0; i < set.n; i++) {
    const example *x = &set.items[i];
    for (uint32_t k = 0; k < x->prompt_n; k++) assert_int_equal(x->target[k], 0);
    assert_true(x->n_targets > 0 && x->n_targets <= x->n - x->prompt_n);
  }
  arena_free(a);
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_has_the_answer_of_another),
      cmocka_unit_test(keeps_within_max_length),
      cmocka_unit_test(earlier_turns_carry_no_loss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
