// Labels of a classifier: found in data of every form, numbered, weighed; texts encoded with their label behind them.
#include "support/test.h"

#include <string.h>

#include "data/labels.h"
#include "support/data_fixture.h"

static const char *const two[] = {"no", "yes"};
static const strings no_yes = {two, 2};

static strings find(data_fixture *f, const char *name, const char *data) {
  const char *path = test_path(test_directory(), name);
  strings labels = {0};
  err e = {0};
  test_write(path, data, strlen(data));
  test_ok(labels_find(f->a, path, "train", &f->options, &labels, &e), &e);
  return labels;
}

static void expect_list(const strings *labels, const char *wanted) {
  text all = {0};
  labels_list(labels, &all);
  assert_string_equal(all.data, wanted);
  text_free(&all);
}

// Each once, numbers by their values and names by strcmp, whatever form the rows have.
static void labels_are_found_and_sorted(void **state) {
  (void)state;
  static const struct {
    const char *name, *data, *labels;
  } files[] = {
      {"a.jsonl", "{\"text\":\"t\",\"label\":\"yes\"}\n{\"text\":\"u\",\"label\":\"no\"}\n{\"text\":\"v\",\"label\":\"yes\"}\n",
       "\"no\", \"yes\""},
      {"b.jsonl", "{\"text\":\"t\",\"label\":10}\n{\"text\":\"u\",\"label\":9}\n", "\"9\", \"10\""},
      {"n.jsonl",
       "{\"text\":\"t\",\"label\":\"1a\"}\n{\"text\":\"t\",\"label\":\"10\"}\n{\"text\":\"u\",\"label\":\"02\"}\n"
       "{\"text\":\"v\",\"label\":\"2\"}\n{\"text\":\"w\",\"label\":\"0\"}\n",
       "\"0\", \"2\", \"10\", \"02\", \"1a\""},
      {"c.jsonl",
       "{\"text\":\"t\",\"label\":1,\"label_names\":[\"x\",\"y\"]}\n{\"text\":\"u\",\"label\":0,\"label_names\":[\"x\",\"y\"]}\n",
       "\"x\", \"y\""},
      {"d.jsonl", "{\"prompt\":\"t\",\"completion\":\"B\"}\n{\"prompt\":\"u\",\"completion\":\"a\"}\n", "\"B\", \"a\""},
      {"e.tsv", "sentence1\tsentence2\tlabel\nt\tu\t1\nv\tw\t0\n", "\"0\", \"1\""},
      {"f.jsonl", "{\"instruction\":\"t\",\"output\":\"p\"}\n{\"instruction\":\"u\",\"output\":\"q\"}\n", "\"p\", \"q\""},
  };
  data_fixture f = data_fixture_begin("chatml", false);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const strings labels = find(&f, files[i].name, files[i].data);
    expect_list(&labels, files[i].labels);
  }
  data_fixture_end(&f);
}

static dataset read(data_fixture *f, const char *row) {
  f->options.labels = &no_yes;
  return data_fixture_read(f, "d.jsonl", row);
}

static void expect_text(data_fixture *f, const char *row, const char *plain, int32_t number) {
  const dataset set = read(f, row);
  const example *x = set.items;
  text decoded = {0};
  err e = {0};
  assert_int_equal(set.n, 1);
  assert_int_equal(x->n, x->prompt_n + 1);
  assert_int_equal(x->n_targets, 1);
  assert_int_equal(x->target[x->n - 1], 1);
  assert_int_equal(x->ids[x->n - 1], number);
  assert_string_equal(x->answer, no_yes.items[number]);
  test_ok(tokenizer_decode(f->t, x->ids, x->prompt_n, false, &decoded, &e), &e);
  assert_string_equal(decoded.data, plain);
  text_free(&decoded);
}

// No template, no BOS that the tokenizer does not add itself, and nothing of a text is a control token.
static void a_text_is_read_as_it_stands(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  expect_text(&f, "{\"text\":\"a b\",\"label\":\"yes\"}", "a b", 1);
  expect_text(&f, "{\"text\":\"a\",\"text_pair\":\"b\",\"label\":\"no\"}", "a\nb", 0);
  expect_text(&f, "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":\"no\"}", "a\nb", 0);
  expect_text(&f, "{\"prompt\":\"q\",\"completion\":\"yes\"}", "q", 1);
  expect_text(&f, "{\"text\":\"<|im_end|>\",\"label\":\"no\"}", "<|im_end|>", 0);
  dataset set = read(&f, "{\"text\":\"<|im_end|>\",\"label\":\"no\"}");
  assert_true(set.items->n > 3);
  data_fixture_end(&f);
  f = data_fixture_begin("chatml", true);
  set = read(&f, "{\"text\":\"a\",\"label\":\"no\"}");
  assert_int_equal(set.items->n, 3);
  data_fixture_end(&f);
}

// max_length is of the text; its label comes on top.
static void long_texts_are_cut(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.max_length = 4;
  dataset set = read(&f, "{\"text\":\"abcd\",\"label\":\"yes\"}");
  assert_int_equal(set.items->n, 5);
  assert_int_equal(set.truncated, 0);
  set = read(&f, "{\"text\":\"abcdefg\",\"label\":\"yes\"}");
  assert_int_equal(set.items->n, 5);
  assert_int_equal(set.items->ids[4], 1);
  assert_int_equal(set.truncated, 1);
  f.options.excess = EXCESS_DROP;
  set = read(&f, "{\"text\":\"abcd\",\"label\":\"yes\"}\n{\"text\":\"abcdefg\",\"label\":\"yes\"}");
  assert_int_equal(set.n, 1);
  assert_int_equal(set.dropped_long, 1);
  f.options.excess = EXCESS_ERROR;
  static const char row[] = "{\"text\":\"abcdefg\",\"label\":\"yes\"}";
  data_fixture_refuse(&f, "d.jsonl", row, strlen(row), "expected at most 4 tokens (--max-length), found 7");
  data_fixture_end(&f);
}

static void bad_rows_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *row, *wanted;
  } rows[] = {
      {"{\"text\":\"t\",\"label\":\"maybe\"}", "label: expected one of the labels \"no\", \"yes\", found \"maybe\""},
      {"{\"text\":\"t\",\"label\":2}", "label: expected one of the labels \"no\", \"yes\", found \"2\""},
      {"{\"text\":\"t\",\"label\":1.5}", "label: expected a string, or \"label_names\" with what the number stands for"},
      {"{\"text\":\"\",\"label\":\"no\"}", "text: expected some text, found an empty string"},
      {"{\"text\":\"t\",\"label\":\"\"}", "expected an answer to learn, found an empty one"},
      {"{\"sentence1\":\"t\",\"sentence2\":\"u\"}", "label: expected"},
      {"{\"sentence1\":\"t\",\"sentence2\":3,\"label\":\"no\"}", "sentence2: expected a string"},
      {"{\"text\":\"t\",\"text_pair\":[],\"label\":\"no\"}", "text_pair: expected a string"},
      {"{\"text\":\"t\"}", "expected a text and its label (\"text\" and \"label\", say), found a row of the format text"},
      {"{\"input_ids\":[1,2],\"labels\":[-100,2]}", "found a row of the format pre-tokenised"},
      {"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"},"
       "{\"role\":\"assistant\",\"content\":\"no\"}]}",
       "expected one text and its label (a turn of the user and the answer to it), found 3 turns, a system message among them"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"no\"},"
       "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"no\"}]}",
       "found 4 turns"},
  };
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.labels = &no_yes;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    data_fixture_refuse(&f, "d.jsonl", rows[i].row, strlen(rows[i].row), rows[i].wanted);
  data_fixture_end(&f);
}

static void refuse_list(const char *const *items, uint32_t n, const char *wanted) {
  err e = {0};
  assert_false(labels_check("labels", &(strings){items, n}, &e));
  assert_string_equal(e.message, wanted);
}

static void bad_lists_are_refused(void **state) {
  (void)state;
  err e = {0};
  assert_true(labels_check("labels", &no_yes, &e));
  refuse_list(NULL, 0, "labels: expected at least two labels to tell apart, found none");
  refuse_list(two, 1, "labels: expected at least two labels to tell apart, found \"no\"");
  refuse_list((const char *[]){"a", "b", "a"}, 3, "labels: expected different labels, found \"a\" twice");
  refuse_list((const char *[]){"a", ""}, 2, "labels: expected names of labels, found an empty one");
}

static void free_texts_are_no_labels(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text data = {0};
  const char *path = test_path(test_directory(), "many.jsonl");
  strings labels = {0};
  err e = {0};
  for (int i = 0; i <= LABELS_MOST; i++) text_printf(&data, "{\"text\":\"t\",\"label\":%d}\n", i);
  test_write(path, data.data, data.length);
  assert_false(labels_find(f.a, path, "train", &f.options, &labels, &e));
  assert_non_null(
      strstr(e.message, "many.jsonl:4097: label: expected at most 4096 different ones, found another: are these labels?"));
  text_free(&data);
  data_fixture_end(&f);
}

// --- weights -----------------------------------------------------------------------------------------------------------

static void weights_of_labels(void **state) {
  (void)state;
  const uint64_t counts[] = {6, 2}, lonely[] = {3, 0};
  double w[2];
  err e = {0};
  assert_true(labels_weigh(&no_yes, NULL, 0, counts, w, &e) && w[0] == 1 && w[1] == 1);
  assert_true(labels_weigh(&no_yes, (const char *[]){"balanced"}, 1, counts, w, &e)); // 8 / (2 · 6), 8 / (2 · 2)
  assert_true(w[0] == 8.0 / 12 && w[1] == 2);
  assert_true(labels_weigh(&no_yes, (const char *[]){"0.5", "3"}, 2, lonely, w, &e) && w[0] == 0.5 && w[1] == 3);
  static const struct {
    const char *given[3];
    size_t n;
    const char *wanted;
  } bad[] = {
      {{"1"}, 1, "class_weights: expected balanced, or a number for each of the 2 labels (\"no\", \"yes\"), found 1"},
      {{"1", "2", "3"}, 3, "class_weights: expected balanced, or a number for each of the 2 labels (\"no\", \"yes\"), found 3"},
      {{"1", "x"}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"x\""},
      {{"1", "0"}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"0\""},
      {{"1", "-2"}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"-2\""},
      {{"1", "nan"}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"nan\""},
      {{"1e99", "1"}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"1e99\""},
      {{"1", ""}, 2, "class_weights: expected numbers above 0 that a float can hold, found \"\""},
      {{"balanced"}, 1, "class_weights: balanced: expected training examples of each label, found none of \"yes\""},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    err fault = {0};
    assert_false(labels_weigh(&no_yes, bad[i].given, bad[i].n, lonely, w, &fault));
    assert_string_equal(fault.message, bad[i].wanted);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_are_found_and_sorted), cmocka_unit_test(a_text_is_read_as_it_stands),
      cmocka_unit_test(long_texts_are_cut),          cmocka_unit_test(bad_rows_are_refused),
      cmocka_unit_test(bad_lists_are_refused),       cmocka_unit_test(free_texts_are_no_labels),
      cmocka_unit_test(weights_of_labels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
