// Preference and labelled rows as sft reads them, and pairs as dpo does: what is learned, in every usual shape, and rows that are
// wrong.
#include "support/test.h"

#include <string.h>

#include "support/data_fixture.h"

#define SYSTEM "<|im_start|>system\n"
#define USER "<|im_start|>user\n"
#define END "<|im_end|>\n"
#define ASSISTANT "<|im_start|>assistant\n"
#define U(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define A(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define HH "\\n\\nHuman: hi\\n\\nAssistant: yes?\\n\\nHuman: why\\n\\nAssistant:"

static const struct {
  const char *row, *shown;
} good_rows[] = {
    // A prompt with two answers, as strings and as lists.
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"r\"}", USER "q" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":\"q\",\"chosen\":[" A("c") "],\"rejected\":[" A("r") "]}", USER "q" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":[{\"role\":\"system\",\"content\":\"s\"}," U("q") "," A("a") "," U("p") "],\"chosen\":[" A(
         "c") "],\"rejected\":[" A("r") "]}",
     SYSTEM "s" END USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":[" U("q") "],\"chosen\":\"c\",\"rejected\":\"r\"}", USER "q" END ASSISTANT "[c<|im_end|>]\n"},
    // UltraFeedback: the lists hold the prompt too. Without any prompt it is what they share.
    {"{\"prompt\":\"q\",\"chosen\":[" U("q") "," A("c") "],\"rejected\":[" U("q") "," A("r") "],\"score_chosen\":9}",
     USER "q" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"chosen\":[" U("q") "," A("a") "," U("p") "," A("c") "],\"rejected\":[" U("q") "," A("a") "," U("p") "," A("r") "]}",
     USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"chosen\":[" U("q") "," A("c") "," U("p") "," A("d") "],\"rejected\":[" U("q") "," A("r") "]}",
     USER "q" END ASSISTANT "[c<|im_end|>]\n" USER "p" END ASSISTANT "[d<|im_end|>]\n"},
    {"{\"chosen\":[" U("q") "," A("c") "],\"rejected\":[" U("q") "," A("c") "]}", USER "q" END ASSISTANT "[c<|im_end|>]\n"},
    // HH: dialogues in one text, with or without a prompt of its own.
    {"{\"chosen\":\"" HH " c\",\"rejected\":\"" HH " r\"}",
     USER "hi" END ASSISTANT "yes?" END USER "why" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":\"" HH "\",\"chosen\":\"c\",\"rejected\":\"r\"}",
     USER "hi" END ASSISTANT "yes?" END USER "why" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":\"" HH "\",\"chosen\":\" c\",\"rejected\":\" r\"}",
     USER "hi" END ASSISTANT "yes?" END USER "why" END ASSISTANT "[c<|im_end|>]\n"},
    {"{\"prompt\":\"q\",\"chosen\":\" c\",\"rejected\":\" r\"}", USER "q" END ASSISTANT "[ c<|im_end|>]\n"},
    // Labels.
    {"{\"text\":\"good film\",\"label\":\"positive\"}", USER "good film" END ASSISTANT "[positive<|im_end|>]\n"},
    {"{\"text\":\"bad film\",\"label\":1,\"label_names\":[\"no\",\"yes\"]}", USER "bad film" END ASSISTANT "[yes<|im_end|>]\n"},
};

static void chosen_answers_and_names_of_labels_are_learned(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  for (size_t i = 0; i < sizeof good_rows / sizeof *good_rows; i++) {
    dataset set = data_fixture_read(&f, "d.jsonl", good_rows[i].row);
    assert_int_equal(set.n, 1);
    assert_string_equal(data_fixture_show(&f, set.items), good_rows[i].shown);
  }
  dataset set = data_fixture_read(&f, "d.jsonl", "{\"text\":\"t\",\"label\":0,\"label_names\":[\"no\",\"yes\"]}");
  assert_int_equal(set.items->choices->n, 2);
  assert_string_equal(packed_next(set.items->choices->data), "yes");
  assert_string_equal(set.items->answer, "no");
  f.options.train_on_last = true;
  set = data_fixture_read(&f, "d.jsonl", good_rows[6].row);
  assert_string_equal(data_fixture_show(&f, set.items), USER "q" END ASSISTANT "c" END USER "p" END ASSISTANT "[d<|im_end|>]\n");
  f.options.format = DATA_TEXT; // the text alone is what was asked for
  set = data_fixture_read(&f, "d.jsonl", good_rows[12].row);
  assert_string_equal(data_fixture_show(&f, set.items), "g[ood film<|endoftext|>]");
  data_fixture_end(&f);
}

static const struct {
  const char *row, *message;
} bad_rows[] = {
    {"{\"prompt\":\"q\",\"chosen\":5,\"rejected\":\"r\"}",
     "bad.jsonl:1: chosen: expected a string or a list of messages, found the number 5"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":{}}", "rejected: expected a string or a list of messages, found an object"},
    {"{\"prompt\":7,\"chosen\":\"c\",\"rejected\":\"r\"}", "prompt: expected a string or a list of messages, found the number 7"},
    {"{\"prompt\":\"q\",\"chosen\":[" U("q") ",4],\"rejected\":[" U("q") "," A("r") "]}",
     "chosen[1]: expected an object with \"role\" and \"content\", found the number 4"},
    {"{\"prompt\":\"q\",\"chosen\":[" A("c") "],\"rejected\":[{\"role\":\"bot\",\"content\":\"r\"}]}",
     "rejected[0].role: expected "},
    {"{\"chosen\":\"c\",\"rejected\":\"r\"}",
     "bad.jsonl:1: chosen, rejected: expected a \"prompt\", or conversations that begin with the same messages, found neither"},
    {"{\"chosen\":[" U("q") "," A("c") "],\"rejected\":[" U("p") "," A("r") "]}", "begin with the same messages, found neither"},
    {"{\"prompt\":\"q\",\"chosen\":[],\"rejected\":[]}",
     "chosen: expected an answer of the assistant behind the prompt, found none"},
    {"{\"prompt\":\"q\",\"chosen\":[" U("q") "," A("a") "," U("x") "],\"rejected\":[" U("q") "," A("a") "," U("y") "]}",
     "chosen: expected an answer of the assistant behind the prompt, found none"},
    {"{\"prompt\":\"q\",\"chosen\":\"\",\"rejected\":\"r\"}", "message 2: expected an answer to learn, found an empty one"},
    {"{\"prompt\":[],\"chosen\":[" A("c") "],\"rejected\":[" A("r") "]}", "begin with the same messages, found neither"},
    {"{\"text\":5,\"label\":\"a\"}", "bad.jsonl:1: text: expected a string, found the number 5"},
    {"{\"text\":\"t\",\"label\":\"\"}", "message 2: expected an answer to learn, found an empty one"},
    {"{\"text\":\"t\",\"label\":1}",
     "label: expected a string, or \"label_names\" with what the number stands for, found the number 1"},
    {"{\"text\":\"t\",\"label\":true}", "label: expected a string, or a number with its name in \"label_names\", found true"},
    {"{\"text\":\"t\",\"label\":2,\"label_names\":[\"no\",\"yes\"]}",
     "label: expected the place of a name in \"label_names\", counted from 0, found the number 2"},
    {"{\"text\":\"t\",\"label\":-1,\"label_names\":[\"no\"]}", "label: expected the place of a name"},
    {"{\"text\":\"t\",\"label\":0.5,\"label_names\":[\"no\",\"yes\"]}", "label: expected the place of a name"},
    {"{\"text\":\"t\",\"label\":0,\"label_names\":[1]}", "label_names: expected strings only, found the number 1"},
};

static void bad_rows_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++)
    data_fixture_refuse(&f, "bad.jsonl", bad_rows[i].row, strlen(bad_rows[i].row), bad_rows[i].message);
  data_fixture_end(&f);
}

// --- pairs ---

// The first half of the rows above, with both answers.
static const char *const pairs_shown[][2] = {
    {USER "q" END ASSISTANT "[c<|im_end|>]\n", USER "q" END ASSISTANT "[r<|im_end|>]\n"},
    {USER "q" END ASSISTANT "[c<|im_end|>]\n", USER "q" END ASSISTANT "[r<|im_end|>]\n"},
    {SYSTEM "s" END USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[c<|im_end|>]\n",
     SYSTEM "s" END USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[r<|im_end|>]\n"},
    {USER "q" END ASSISTANT "[c<|im_end|>]\n", USER "q" END ASSISTANT "[r<|im_end|>]\n"},
    {USER "q" END ASSISTANT "[c<|im_end|>]\n", USER "q" END ASSISTANT "[r<|im_end|>]\n"},
    {USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[c<|im_end|>]\n",
     USER "q" END ASSISTANT "a" END USER "p" END ASSISTANT "[r<|im_end|>]\n"},
    {USER "q" END ASSISTANT "[c<|im_end|>]\n" USER "p" END ASSISTANT "[d<|im_end|>]\n", USER "q" END ASSISTANT "[r<|im_end|>]\n"},
    {NULL, NULL}, // the answers are equal
    {USER "hi" END ASSISTANT "yes?" END USER "why" END ASSISTANT "[c<|im_end|>]\n",
     USER "hi" END ASSISTANT "yes?" END USER "why" END ASSISTANT "[r<|im_end|>]\n"},
};

static data_fixture begin_pairs(void) {
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.pairs = true;
  f.options.format = DATA_PREFERENCE;
  return f;
}

// One of the two sequences, as an example of its own.
static char *show_side(data_fixture *f, const example *x, bool rejected) {
  example side = *x;
  const uint32_t from = rejected ? x->second : 0, to = rejected ? x->n : x->second;
  side.ids += from;
  side.target += from;
  side.n = to - from;
  side.second = side.n_targets = 0;
  for (uint32_t i = 0; i < side.n; i++) side.n_targets += side.target[i];
  return data_fixture_show(f, &side);
}

static void both_answers_are_read(void **state) {
  (void)state;
  data_fixture f = begin_pairs();
  for (size_t i = 0; i < sizeof pairs_shown / sizeof *pairs_shown; i++) {
    if (!pairs_shown[i][0]) continue;
    dataset set = data_fixture_read(&f, "d.jsonl", good_rows[i].row);
    assert_int_equal(set.n, 1);
    assert_string_equal(show_side(&f, set.items, false), pairs_shown[i][0]);
    assert_string_equal(show_side(&f, set.items, true), pairs_shown[i][1]);
    assert_string_equal(set.items->answer, i == 6 ? "d" : "c");
  }
  f.options.strip_suffix = "##";
  dataset set = data_fixture_read(&f, "d.jsonl", "{\"prompt\":\"q\",\"chosen\":\"c##\",\"rejected\":\"r##\",\"weight\":2}");
  assert_string_equal(show_side(&f, set.items, true), pairs_shown[0][1]);
  assert_true(set.items->weight == 2);
  data_fixture_end(&f);
}

static void a_pair_is_as_long_as_its_longer_answer(void **state) {
  (void)state;
  static const char rows[] =
      "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"rrrrrrrr\"}\n"
      "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"r\"}\n";
  data_fixture f = begin_pairs();
  const uint32_t n = data_fixture_read(&f, "d.jsonl", strchr(rows, '\n') + 1).items->second;
  f.options.max_length = n + 6;
  dataset set = data_fixture_read(&f, "d.jsonl", rows);
  assert_int_equal(set.n, 1);
  assert_int_equal(set.dropped_long, 1);
  assert_int_equal(set.items->line, 2);
  f.options.max_length = n + 7;
  set = data_fixture_read(&f, "d.jsonl", rows);
  assert_int_equal(set.n, 2);
  assert_int_equal(set.dropped_long, 0);
  f.options.max_length = n;
  f.options.excess = EXCESS_ERROR;
  data_fixture_refuse(&f, "d.jsonl", rows, strlen(rows), "d.jsonl:1: expected at most ");
  data_fixture_end(&f);
}

static void pairs_that_differ_in_one_answer_are_no_duplicates(void **state) {
  (void)state;
  data_fixture f = begin_pairs();
  dataset set = data_fixture_read(&f, "d.jsonl",
                                  "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"r\"}\n"
                                  "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"s\"}\n"
                                  "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"r\"}\n");
  assert_true(set.items[0].hash == set.items[2].hash && set.items[0].hash != set.items[1].hash);
  // The same tokens, cut elsewhere.
  example x = set.items[0], y = x;
  y.second--;
  assert_true(dataset_hash_example(&x) != dataset_hash_example(&y));
  data_fixture_end(&f);
}

static const struct {
  const char *row, *message;
} bad_pairs[] = {
    {"{\"prompt\":\"q\",\"chosen\":\"c\"}", "bad.jsonl:1: rejected: expected a string or a list of messages, found nothing"},
    {"{\"prompt\":\"q\",\"rejected\":\"r\"}", "chosen: expected a string or a list of messages, found nothing"},
    {"{\"chosen\":\"c\",\"rejected\":\"r\"}", "expected a \"prompt\", or conversations that begin with the same messages"},
    {"{\"prompt\":\"q\",\"completion\":\"c\"}", "chosen: expected a string or a list of messages, found nothing"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"c\"}",
     "bad.jsonl:1: chosen, rejected: expected two answers that differ, found the same"},
    {"{\"chosen\":[" U("q") "," A("c") "],\"rejected\":[" U("q") "," A("c") "]}",
     "expected two answers that differ, found the same"},
    {"{\"prompt\":\"q\",\"chosen\":\"\",\"rejected\":\"r\"}", "message 2: expected an answer to learn, found an empty one"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"\"}",
     "bad.jsonl:1: rejected: message 2: expected an answer to learn, found an empty one"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":[]}",
     "rejected: expected an answer of the assistant behind the prompt, found none"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":[" U("x") "]}",
     "rejected: expected an answer, as chosen is, found a whole conversation"},
    {"{\"chosen\":[" U("q") "," A("c") "],\"rejected\":[" A("r") "]}",
     "rejected: expected a whole conversation, as chosen is, found an answer"},
    {"{\"chosen\":[" U("q") "," A("a") "," U("p") "," A("c") "],\"rejected\":[" U("q") "," A("a") "]}",
     "rejected: expected an answer of the assistant behind the prompt, found none"},
    {"{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":7}",
     "rejected: expected a string or a list of messages, found the number 7"},
};

static void bad_pairs_are_refused(void **state) {
  (void)state;
  data_fixture f = begin_pairs();
  for (size_t i = 0; i < sizeof bad_pairs / sizeof *bad_pairs; i++)
    data_fixture_refuse(&f, "bad.jsonl", bad_pairs[i].row, strlen(bad_pairs[i].row), bad_pairs[i].message);
  f.options.format = DATA_TEXT; // of another format
  static const char other[] = "{\"text\":\"t\"}";
  data_fixture_refuse(&f, "bad.jsonl", other, strlen(other),
                      "bad.jsonl:1: expected \"prompt\", \"chosen\" and \"rejected\", since objective dpo learns from pairs of "
                      "answers, found a row of the format text");
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chosen_answers_and_names_of_labels_are_learned),
      cmocka_unit_test(bad_rows_are_refused),
      cmocka_unit_test(both_answers_are_read),
      cmocka_unit_test(a_pair_is_as_long_as_its_longer_answer),
      cmocka_unit_test(pairs_that_differ_in_one_answer_are_no_duplicates),
      cmocka_unit_test(bad_pairs_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
