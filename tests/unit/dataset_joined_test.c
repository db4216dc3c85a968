// Texts that are joined: nothing is lost or changed on the way, and what does not belong together stays apart.
#include "support/test.h"

#include <string.h>

#include "support/byte_tokenizer.h"
#include "support/data_fixture.h"

static const char TEXTS[] =
    "{\"text\":\"one\"}\n{\"text\":\"a second text\"}\n{\"text\":\"3\"}\n{\"text\":\"the fourth and last\"}\n";

static data_fixture begin(uint32_t max_length) {
  data_fixture f = data_fixture_begin(NULL, true);
  f.options.join = true;
  f.options.max_length = max_length;
  return f;
}

static void texts_become_examples_of_one_length(void **state) {
  (void)state;
  data_fixture f = begin(7), apart = data_fixture_begin(NULL, true);
  const dataset joined = data_fixture_read(&f, "t.jsonl", TEXTS), each = data_fixture_read(&apart, "t.jsonl", TEXTS);
  assert_int_equal(each.n, 4);
  uint64_t i = 0, n = 0;
  uint32_t at = 0;
  for (uint64_t k = 0; k < each.n; k++) { // every token in its place, the EOS of each text among them
    const example *x = &each.items[k];
    assert_int_equal(x->ids[x->n - 1], BYTE_EOS);
    for (uint32_t t = 0; t < x->n; t++, n++) {
      if (at == joined.items[i].n) i++, at = 0;
      assert_int_equal(joined.items[i].ids[at++], x->ids[t]);
    }
  }
  assert_int_equal(i + 1, joined.n);
  assert_int_equal(at, joined.items[i].n);
  for (uint64_t k = 0; k < joined.n; k++) {
    const example *x = &joined.items[k];
    assert_int_equal(x->n, k + 1 < joined.n ? 7 : n - 7 * (joined.n - 1));
    assert_int_equal(x->n_targets, x->n - 1); // nothing predicts the first
    assert_int_equal(x->target[0], 0);
    assert_int_equal(x->prompt_n, 0);
    assert_true(!k || x->line >= joined.items[k - 1].line);
  }
  assert_int_equal(joined.items[0].line, 1);
  assert_int_equal(joined.items[1].line, 2); // the text that its first token is of
  assert_int_equal(joined.n_tokens, n);
  assert_int_equal(joined.dropped_long + joined.truncated, 0);
  data_fixture_end(&f);
  data_fixture_end(&apart);
}

static void other_tasks_and_weights_begin_anew(void **state) {
  (void)state;
  data_fixture f = begin(100);
  const dataset set =
      data_fixture_read(&f, "t.jsonl",
                        "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\",\"task\":\"x\"}\n"
                        "{\"text\":\"d\",\"task\":\"x\",\"weight\":2}\n{\"text\":\"e\",\"task\":\"x\",\"weight\":2}\n");
  assert_int_equal(set.n, 3);
  assert_string_equal(set.items[0].origin->task, "t");
  assert_string_equal(set.items[1].origin->task, "x");
  assert_int_equal(set.items[0].n, 6); // BOS, a byte and EOS, twice
  assert_int_equal(set.items[1].n, 3);
  assert_int_equal(set.items[2].n, 6);
  assert_true(set.items[1].weight == 1 && set.items[2].weight == 2);
  data_fixture_end(&f);
}

static void other_forms_stay_as_they_are(void **state) {
  (void)state;
  data_fixture f = begin(400), plain = data_fixture_begin(NULL, true);
  static const char row[] = "{\"prompt\":\"Q\",\"completion\":\"A\"}\n{\"prompt\":\"R\",\"completion\":\"B\"}\n";
  const dataset set = data_fixture_read(&f, "p.jsonl", row), wanted = data_fixture_read(&plain, "p.jsonl", row);
  assert_int_equal(set.n, 2);
  for (uint32_t i = 0; i < 2; i++) assert_true(set.items[i].hash == wanted.items[i].hash);
  data_fixture_end(&f);
  data_fixture_end(&plain);
}

static void bad_rows_are_refused_and_leave_nothing(void **state) {
  (void)state;
  data_fixture f = begin(50);
  static const char bad[] = "{\"text\":\"a\"}\n{\"text\":5}\n", empty[] = "{\"text\":\"a\"}\n{\"text\":\"\"}\n";
  data_fixture_refuse(&f, "t.jsonl", bad, strlen(bad), "t.jsonl:2: text: expected a string, found the number 5");
  data_fixture_refuse(&f, "t.jsonl", empty, strlen(empty), "t.jsonl:2: text: expected some text, found an empty string");
  f.options.skip_bad_examples = true;
  const dataset set = data_fixture_read(&f, "t.jsonl", bad);
  assert_int_equal(set.n, 1);
  assert_int_equal(set.items->n, 3);
  assert_int_equal(set.skipped_bad, 1);
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_become_examples_of_one_length),
      cmocka_unit_test(other_tasks_and_weights_begin_anew),
      cmocka_unit_test(other_forms_stay_as_they_are),
      cmocka_unit_test(bad_rows_are_refused_and_leave_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
