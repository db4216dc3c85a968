// Texts that are joined: nothing is lost or changed on the way, and what does not belong together stays apart.
#include "support/test.h"

#include <string.h>

#include "data/mixture.h"
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

// A text is found wherever it is cut in the data that are evaluated on; conversations among them are their prompts.
static void texts_that_were_there_are_left_out(void **state) {
  (void)state;
  data_fixture f = begin(7), held = begin(5), plain = data_fixture_begin(NULL, true);
  static const char texts[] =
      "{\"text\":\"one\"}\n{\"text\":\"a second text\"}\n{\"text\":\"one\"}\n"
      "{\"text\":\"held\"}\n{\"text\":\"last\"}\n{\"text\":\"a second text\"}\n";
  dataset set = data_fixture_read(&f, "t.jsonl", texts);
  assert_int_equal(set.repeated_texts + set.asked_texts, 0); // nobody asked for it
  dataset of_eval = data_fixture_read(&held, "e.jsonl", "{\"text\":\"held\"}\n{\"text\":\"other\"}\n{\"text\":\"last\"}\n");
  assert_true(of_eval.n == 4 &&
              of_eval.items[3].ids[0] != of_eval.items[0].ids[0]); // "last" is in the third example and the fourth
  f.options.asked = mixture_hash_asked(f.a, &of_eval, BYTE_EOS, &f.options.n_asked);
  assert_int_equal(f.options.n_asked, 3);
  f.options.drop_texts = true;
  set = data_fixture_read(&f, "t.jsonl", texts);
  assert_int_equal(set.repeated_texts, 2);
  assert_int_equal(set.asked_texts, 2);
  assert_int_equal(set.n_tokens, 3 + 13 + 2 * 2); // a BOS and an EOS each
  data_fixture_refuse(&f, "t.jsonl", "{\"text\":\"held\"}\n", 16, "t.jsonl: no text is left: 1 are in the evaluation data too");
  uint64_t n;
  of_eval = data_fixture_read(&plain, "p.jsonl", "{\"prompt\":\"Q\",\"completion\":\"A\"}\n");
  const uint64_t *hashes = mixture_hash_asked(f.a, &of_eval, BYTE_EOS, &n);
  assert_true(n == 1 && hashes[0] == mixture_hash_prompt(&of_eval.items[0]));
  data_fixture_end(&f);
  data_fixture_end(&held);
  data_fixture_end(&plain);
}

// More of them than the table begins with.
static void many_texts_are_told_apart(void **state) {
  (void)state;
  data_fixture f = begin(100);
  text rows = {0};
  for (int twice = 0; twice < 2; twice++)
    for (int i = 0; i < 3000; i++) text_printf(&rows, "{\"text\":\"%d\"}\n", i);
  f.options.drop_texts = true;
  const dataset set = data_fixture_read(&f, "t.jsonl", rows.data);
  assert_int_equal(set.repeated_texts, 3000);
  text_free(&rows);
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_become_examples_of_one_length), cmocka_unit_test(other_tasks_and_weights_begin_anew),
      cmocka_unit_test(other_forms_stay_as_they_are),        cmocka_unit_test(bad_rows_are_refused_and_leave_nothing),
      cmocka_unit_test(texts_that_were_there_are_left_out),  cmocka_unit_test(many_texts_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
