// What config.json says of a classifier: names of architectures, labels; written and read again.
#include "support/test.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "data/labels.h"
#include "models/classifier.h"

static void names_of_architectures(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"LlamaForCausalLM", "LlamaForSequenceClassification"},
                                         {"MistralForCausalLM", "MistralForSequenceClassification"},
                                         {"Qwen2ForCausalLM", "Qwen2ForSequenceClassification"},
                                         {"GPT2LMHeadModel", "GPT2ForSequenceClassification"}};
  arena *a = arena_new("names");
  const char *bases[2];
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    assert_string_equal(classifier_architecture(a, pairs[i][0]), pairs[i][1]);
    assert_string_equal(classifier_architecture(a, pairs[i][1]), pairs[i][1]);
    assert_int_equal(classifier_bases(a, pairs[i][1], bases), 2);
    assert_true(!strcmp(bases[0], pairs[i][0]) || !strcmp(bases[1], pairs[i][0]));
    assert_int_equal(classifier_bases(a, pairs[i][0], bases), 0);
  }
  assert_int_equal(classifier_bases(a, "ForSequenceClassification", bases), 0);
  assert_string_equal(classifier_architecture(a, "Gemma3ForCausalLM"), "Gemma3TextForSequenceClassification");
  assert_string_equal(classifier_architecture(a, "Gemma3TextForSequenceClassification"), "Gemma3TextForSequenceClassification");
  assert_int_equal(classifier_bases(a, "Gemma3TextForSequenceClassification", bases), 1);
  assert_string_equal(bases[0], "Gemma3ForCausalLM");
  arena_free(a);
}

static json parse(const char *source) {
  json d;
  err e = {0};
  test_ok(json_parse("config.json", source, strlen(source), &d, &e), &e);
  return d;
}

static void labels_of_a_config(void **state) {
  (void)state;
  static const struct {
    const char *source, *labels;
    bool numbers;
  } configs[] = {
      {"{\"id2label\": {\"1\": \"yes\", \"0\": \"no\"}}", "\"no\", \"yes\"", false},
      {"{\"id2label\": {\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"}}", "\"LABEL_0\", \"LABEL_1\"", true},
      {"{\"num_labels\": 3}", "\"LABEL_0\", \"LABEL_1\", \"LABEL_2\"", true},
      {"{\"id2label\": null, \"problem_type\": null}", "\"LABEL_0\", \"LABEL_1\"", true},
      {"{}", "\"LABEL_0\", \"LABEL_1\"", true},
  };
  arena *a = arena_new("labels");
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    json d = parse(configs[i].source);
    strings labels;
    bool numbers;
    text all = {0};
    err e = {0};
    test_ok(classifier_read_labels(a, &d, &labels, &numbers, &e), &e);
    labels_list(&labels, &all);
    assert_string_equal(all.data, configs[i].labels);
    assert_int_equal(numbers, configs[i].numbers);
    text_free(&all);
    json_free(&d);
  }
  arena_free(a);
}

static void bad_configs_are_refused(void **state) {
  (void)state;
  static const char *const configs[][2] = {
      {"{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}",
       "config.json: id2label: expected each number from 0 to 1 once, found \"2\""},
      {"{\"id2label\": {\"0\": \"a\", \"-1\": \"b\"}}", "expected each number from 0 to 1 once, found \"-1\""},
      {"{\"id2label\": {\"0\": \"a\", \"00\": \"b\"}}", "expected each number from 0 to 1 once, found \"00\""},
      {"{\"id2label\": {\"0\": \"a\", \"x\": \"b\"}}", "expected each number from 0 to 1 once, found \"x\""},
      {"{\"id2label\": {\"0\": \"a\"}}", "config.json: id2label: expected at least two labels to tell apart, found \"a\""},
      {"{\"id2label\": {}}", "config.json: id2label: expected at least two labels to tell apart, found none"},
      {"{\"id2label\": {\"0\": \"a\", \"1\": \"a\"}}", "config.json: id2label: expected different labels, found \"a\" twice"},
      {"{\"id2label\": {\"0\": \"a\", \"1\": null}}", "config.json: id2label.1: expected a name, found null"},
      {"{\"id2label\": [\"a\", \"b\"]}", "config.json: id2label: expected an object, found"},
      {"{\"num_labels\": 1}", "config.json: num_labels: expected 2 to 4096, found 1"},
      {"{\"num_labels\": 4294967295}", "config.json: num_labels: expected 2 to 4096, found 4294967295"},
      {"{\"problem_type\": \"multi_label_classification\"}",
       "config.json: problem_type: expected single_label_classification, found \"multi_label_classification\""},
  };
  arena *a = arena_new("labels");
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    json d = parse(configs[i][0]);
    strings labels;
    bool numbers;
    err e = {0};
    if (classifier_read_labels(a, &d, &labels, &numbers, &e)) fail_msg("this passed: %s", configs[i][0]);
    if (!strstr(e.message, configs[i][1])) fail_msg("expected: %s\nfound:    %s", configs[i][1], e.message);
    json_free(&d);
  }
  arena_free(a);
}

static void what_is_written_is_read_again(void **state) {
  (void)state;
  static const char *const names[] = {"no, never", "\"yes\"", "\xD0\xB4\xD0\xB0"};
  const strings labels = {names, 3};
  arena *a = arena_new("labels");
  json d = parse("{\"architectures\": [\"LlamaForCausalLM\"], \"num_labels\": 7, \"id2label\": {\"0\": \"old\"}}");
  strings found[2];
  bool numbers;
  err e = {0};
  classifier_put_config(d.root, &labels);
  test_ok(classifier_read_labels(a, &d, &found[0], &numbers, &e), &e);
  assert_false(numbers);
  const cJSON *first = cJSON_GetObjectItem(d.root, "architectures")->child;
  assert_string_equal(first->valuestring, "LlamaForSequenceClassification");
  assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(d.root, "label2id"), names[2])->valueint, 2);
  assert_null(cJSON_GetObjectItem(d.root, "num_labels"));
  test_ok(classifier_write_file(test_directory(), &labels, &e) && classifier_read_file(a, test_directory(), &found[1], &e), &e);
  for (int k = 0; k < 2; k++) {
    assert_int_equal(found[k].n, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(found[k].items[i], names[i]);
  }
  test_ok(classifier_read_file(a, "/nowhere", &found[0], &e), &e);
  assert_int_equal(found[0].n, 0);
  json_free(&d);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_of_architectures),
      cmocka_unit_test(labels_of_a_config),
      cmocka_unit_test(bad_configs_are_refused),
      cmocka_unit_test(what_is_written_is_read_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
