// Bad data files: each is refused with one message that names file, line, field, what was expected and what was found.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/dataset.h"
#include "support/byte_tokenizer.h"
#include "support/data_fixture.h"

typedef struct bad_file {
  const char *data;
  size_t size; // 0: up to the NUL
  const char *message;
} bad_file;

#define GOOD "{\"prompt\":\"a\",\"completion\":\"b\"}\n"
#define MESSAGES(list) "{\"messages\":[" list "]}"
#define U "{\"role\":\"user\",\"content\":\"u\"}"
#define A "{\"role\":\"assistant\",\"content\":\"a\"}"
#define S "{\"role\":\"system\",\"content\":\"s\"}"

static const bad_file bad_files[] = {
    // The file.
    {"", 0, "bad.jsonl: expected at least one example, found an empty file"},
    {"\xEF\xBB\xBF\r\n \n", 0, "expected at least one example, found an empty file"},
    {"\xFF\xFE{\0\"\0", 6, "bad.jsonl: expected text in UTF-8, found UTF-16"},
    {"\xFE\xFF\0{", 4, "found UTF-16"},
    {"[\0{\0", 4, "found UTF-16"},
    {GOOD "{\"prompt\":\"a\0\"}", sizeof GOOD + 13, "bad.jsonl:2: byte 13: expected text, found a NUL"},
    {GOOD "{\"prompt\":\"a\\u0000b\",\"completion\":\"b\"}", 0, "bad.jsonl:2: "},
    {GOOD "{\"prompt\":\"\xC3\x28\",\"completion\":\"b\"}", 0, "bad.jsonl:2: "},
    {GOOD "\n{\"prompt\":\"a\",\"completion\":\"b\"", 0, "bad.jsonl:3: "},
    {GOOD "nonsense\n", 0, "bad.jsonl:2: "},
    {"{\n  \"prompt\": \"a\"\n}\n{\n  \"prompt\": \"a\"\n}\n", 0, "bad.jsonl:1: expected a JSON object on one line"},
    {"{\n  \"prompt\": \"a\"\n}\n", 0, "bad.jsonl: expected the fields of a known format"},
    {"[]", 0, "expected at least one example, found an empty array"},
    {"[{\"text\":\"a\"}", 0, "item 1 of the array: expected a value with a comma or \"]\" behind it, found the end of the file"},
    {"[{\"text\":\"a\"},]", 0, "item 2 of the array: expected a value, found ']'"},
    {"[{\"text\":\"a\"}\n}", 0, "bad.jsonl:2: item 1 of the array"},
    {"[{\"text\":\"a\"}] {", 0, "expected nothing behind the array, found '{'"},
    {"[{\"text\":\"a\"},\n{\"text\":1}]", 0, "bad.jsonl: item 2: text: expected a string, found the number 1"},
    {"[[{\"text\":\"a\"}]]", 0, "bad.jsonl: item 1: expected an object, found an array of 1"},
    {"[{\"text\":\"a\"},null]", 0, "bad.jsonl: item 2: expected an object, found null"},
    {"[{\"text\":\"a\"},{\"text\":\"\\ud800\"}]", 0, "bad.jsonl: item 2: column 10: expected a character, found the first"},
    {"[{\"text\":\"a\"},\n{\"text\":\"a\",\n\"text\":\"b\"}]", 0,
     "bad.jsonl: item 2: line 2, column 1: expected each key once in an object, found \"text\" again"},
    {GOOD "\"text\"", 0, "bad.jsonl:2: expected an object, found a string \"text\""},
    {GOOD "null\n" GOOD, 0, "bad.jsonl:2: expected an object, found null"},
    {GOOD "[" GOOD "]", 0, "bad.jsonl:2: column "},
    {GOOD "{\"prompt\":\"a\",\"completion\":\"b\"},", 0, "bad.jsonl:2: column 32: expected nothing behind the value, found ','"},
    {"{\"text\":\"a\"}{\"text\":\"b\"}", 0, "bad.jsonl:1: column 13: expected nothing behind the value, found '{'"},
    {"{\"text\":\"a\"}\r{\"text\":\"b\"}", 0, "bad.jsonl:1: column 14: expected nothing behind the value, found '{'"},
    {"instruction,output\na,b\n", 0, "bad.jsonl:1: column 1: expected a value, found 'i'"},
    {"- text: a\n", 0, "bad.jsonl:1: column 2: expected a digit, found a space"},
    {"<html></html>", 0, "bad.jsonl:1: column 1: expected a value, found '<'"},
    {"\x1F\x8B\x08\0\0\0", 6, "bad.jsonl: expected text, found a gzip file"}, // gzip
    {"PAR1\x15\x04", 0, "bad.jsonl: expected text, found a Parquet file: convert it to JSON Lines first"},
    // The shape.
    {"7\n", 0, "bad.jsonl:1: expected an object, found the number 7"},
    {"{}\n", 0, "expected the fields of a known format"},
    {"{\"question\":\"a\",\"answer\":\"b\"}", 0, "found \"question\", \"answer\""},
    {GOOD "{\"text\":\"a\"}", 0,
     "bad.jsonl:2: expected a row of the format prompt/completion, as the first example is, found one of the format text"},
    {GOOD "{\"prompt\":\"a\"}", 0, "bad.jsonl:2: completion: expected a string, found nothing"},
    {GOOD "{\"prompt\":[],\"completion\":\"b\"}", 0, "completion: expected a list of messages, as the prompt is, found a string"},
    {GOOD "{\"prompt\":\"a\",\"completion\":[]}", 0, "completion: expected a string, found an array of 0"},
    {GOOD "{\"prompt\":\"a\",\"completion\":\"\"}", 0, "bad.jsonl:2: message 2: expected an answer to learn, found an empty one"},
    // Alpaca.
    {"{\"instruction\":\"a\",\"output\":5}", 0, "bad.jsonl:1: output: expected a string, found the number 5"},
    {"{\"instruction\":\"a\",\"output\":\"b\",\"input\":[]}", 0, "input: expected a string, found an array of 0"},
    {"{\"instruction\":\"a\",\"output\":\"b\",\"history\":\"h\"}", 0,
     "history: expected an array of pairs [user, assistant], found a string"},
    {"{\"instruction\":\"a\",\"output\":\"b\",\"history\":[[\"a\",\"b\"],[\"a\"]]}", 0, "history[1]: expected a pair of strings"},
    // Messages.
    {MESSAGES(""), 0, "expected at least one user turn, found none"},
    {MESSAGES(S "," A), 0, "expected at least one user turn, found none"},
    {MESSAGES(S "," U), 0, "expected an answer (an assistant turn), found none"},
    {MESSAGES(S "," S "," U "," A), 0, "message 2: expected a system message in the first place only"},
    {MESSAGES(U ",5"), 0, "messages[1]: expected an object with \"role\" and \"content\", found the number 5"},
    {MESSAGES(U ",{\"role\":\"bot\",\"content\":\"a\"}"), 0,
     "messages[1].role: expected \"system\", \"user\", \"assistant\" or \"tool\", found \"bot\""},
    {MESSAGES(U ",{\"role\":\"tool\",\"content\":\"a\"}"), 0, "expected an answer (an assistant turn), found none"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":null}"), 0, "messages[1].content: expected a string, found null"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"\"}"), 0, "message 2: expected an answer to learn, found an empty one"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{}]}"), 0,
     "messages[1].tool_calls[0].name: expected a string, found nothing"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"train\":1}"), 0, "messages[1].train: expected"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"train\":false}"), 0, "the mask covers nothing"},
    {MESSAGES("{\"role\":\"user\",\"content\":\"u\",\"train\":true}," A), 0, "messages[0].train: expected false"},
    {"{\"messages\":[" U "," A "],\"tools\":{}}", 0, "bad.jsonl:1: tools: expected an array of tools, found an object"},
    {"{\"messages\":{}}", 0, "messages: expected an array"},
    // Text and tokens.
    {"{\"text\":\"\"}", 0, "text: expected some text, found an empty string"},
    {"{\"input_ids\":[]}", 0, "input_ids: expected at least one token, found an empty array"},
    {"{\"input_ids\":[1,262],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found the number 262"},
    {"{\"input_ids\":[1,-1],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found the number -1"},
    {"{\"input_ids\":[1,1.5],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found the number 1.5"},
    {"{\"input_ids\":[1,\"2\"],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found a string \"2\""},
    {"{\"input_ids\":[1,2]}", 0, "labels: expected an array, found nothing"},
    {"{\"input_ids\":[1,2],\"labels\":[1]}", 0, "labels: expected as many as input_ids, 2, found 1"},
    {"{\"input_ids\":[1,2],\"labels\":[1,3]}", 0, "labels[1]: expected -100 or the token's own id, 2, found 3"},
    {"{\"input_ids\":[1,2],\"labels\":[1,-7]}", 0, "labels[1]: expected -100 or a token id below 262, found the number -7"},
    {"{\"input_ids\":[1,2],\"labels\":[1,-100]}", 0, "the mask covers nothing"},
    {"{\"input_ids\":[1,99999999999999999999],\"labels\":[1,2]}", 0,
     "input_ids[1]: expected a token id below 262, found the number 1e+20"},
    {"{\"input_ids\":[1,1e999],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found the number inf"},
    {"{\"input_ids\":[1,2],\"labels\":[1,4294967196]}", 0,
     "labels[1]: expected -100 or a token id below 262, found the number 4294967196"},
    {"{\"input_ids\":[1,[2]],\"labels\":[1,2]}", 0, "input_ids[1]: expected a token id below 262, found an array of 1"},
    {"{\"input_ids\":[1],\"labels\":[1]}", 0, "the mask covers nothing"},
    // Any row.
    {"{\"text\":\"a\",\"weight\":0}", 0, "weight: expected a number above 0"},
    {"{\"text\":\"a\",\"weight\":1e300}", 0, "weight: expected a number above 0"},
    {"{\"text\":\"a\",\"weight\":1e999}", 0, "bad.jsonl:1: weight: expected a finite number, found the number inf"},
    {"{\"text\":\"a\",\"weight\":1e-300}", 0, "weight: expected a number above 0"},
    {"{\"text\":\"a\",\"weight\":-1}", 0, "weight: expected a number above 0 that a float can hold, found the number -1"},
    {"{\"text\":\"a\",\"weight\":\"2\"}", 0, "weight: expected a finite number, found a string \"2\""},
    {"{\"text\":\"a\",\"task\":7}", 0, "task: expected a string, found the number 7"},
    // What is no text.
    {"(\xB5/\xFD....", 0, "bad.jsonl: expected text, found a Zstandard file"},
    {"PK\x03\x04....", 0, "bad.jsonl: expected text, found a zip archive or a spreadsheet"},
    {"PAR1....", 0, "bad.jsonl: expected text, found a Parquet file: convert it to JSON Lines first"},
    {"ARROW1..", 0, "bad.jsonl: expected text, found an Arrow file"},
    {"SQLite format 3", 0, "bad.jsonl: expected text, found a database"},
    // Answers that others leave out.
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"weight\":0}"), 0, "the mask covers nothing"},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"weight\":0.5}"), 0,
     "messages[1].weight: expected 0 or 1, found the number 0.5"},
    {"{\"prompt\":\"p\",\"completion\":\"c\",\"label\":false}", 0,
     "label: expected true, since the completion is learned, found false: an answer that was judged bad"},
};

// A copy without a byte behind it, so that the address sanitizer sees a read that goes too far.
static bool read_exactly(data_fixture *f, const char *data, size_t size, dataset *set, err *e) {
  char *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  memcpy(copy, data, size);
  bool ok = dataset_read_memory(f->a, "bad.jsonl", copy, size, &f->options, set, e);
  free(copy);
  return ok;
}

static void check_refused(data_fixture *f, const bad_file *bad) {
  data_fixture_refuse(f, "bad.jsonl", bad->data, bad->size ? bad->size : strlen(bad->data), bad->message);
}

static void bad_files_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) check_refused(&f, &bad_files[i]);
  data_fixture_end(&f);
}

static void what_the_prompt_refuses_has_its_line(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("alpaca", false);
  check_refused(&f, &(bad_file){MESSAGES(U "," A) "\n" MESSAGES(A "," U "," A), 0,
                                "bad.jsonl:2: the Alpaca prompt takes user and assistant in turn: messages[0]"});
  f.options.max_length = 3;
  check_refused(&f, &(bad_file){MESSAGES(U "," A), 0, "no example is left: 1 longer than 3 tokens"});
  data_fixture_end(&f);
}

static void bad_examples_can_be_skipped(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.skip_bad_examples = true;
  dataset set = {0};
  err e = {0};
  const char data[] = "{\"x\":1}\n" GOOD "nonsense\n{\"prompt\":\"a\"}\n\n{\"prompt\":\"\0\"}\n" GOOD "{\"text\":\"a\"}";
  assert_true(read_exactly(&f, data, sizeof data - 1, &set, &e));
  assert_int_equal(set.n, 2);
  assert_int_equal(set.skipped_bad, 5);
  assert_int_equal(set.items[0].line, 2);
  assert_int_equal(set.items[1].line, 7);
  assert_int_equal(set.items[1].index, 1);
  set = (dataset){0};
  assert_false(read_exactly(&f, "x\ny\n", 4, &set, &e));
  assert_non_null(strstr(e.message, "bad.jsonl: none of its 2 examples can be used; the first fault: bad.jsonl:1: "));
  e = (err){0};
  assert_false(read_exactly(&f, "[{\"text\":\"a\"},{\"text\"", 22, &set, &e)); // what follows cannot be found
  assert_non_null(strstr(e.message, "item 2 of the array"));
  data_fixture_end(&f);
}

static void a_line_of_50_megabytes_is_refused_at_once(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  size_t size = 50 << 20;
  char *data = malloc(size);
  assert_non_null(data);
  for (int array = 0; array < 2; array++) {
    memset(data, 'a', size);
    memcpy(data, array ? "[{\"text\":\"" : "{\"text\":\"", array ? 10 : 9);
    memcpy(data + size - 3, "\"}\n", 3);
    dataset set = {0};
    err e = {0};
    double start = clock_seconds();
    assert_false(dataset_read_memory(f.a, "bad.jsonl", data, size, &f.options, &set, &e));
    assert_true(clock_seconds() - start < 1);
    assert_non_null(strstr(e.message, array ? "bad.jsonl:1: item 1 of the array: expected at most 16777216 bytes"
                                            : "bad.jsonl:1: expected a line of at most 16777216 bytes, found 52428799"));
  }
  free(data);
  data_fixture_end(&f);
}

// Every cut of a good file either reads or is refused; nothing else.
static void cut_files_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *whole[] = {"\xEF\xBB\xBF[" MESSAGES(S "," U "," A) ", {\"messages\":[" U "," A "],\"weight\":2}]",
                         "{\"instruction\":\"a\\\"\",\"output\":\"b\",\"history\":[[\"\\u00e9\",\"d\"]]}",
                         "{\"input_ids\":[1,2,3],\"labels\":[-100,2,3]}"};
  for (int w = 0; w < 3; w++) {
    size_t size = strlen(whole[w]);
    for (size_t n = 0; n <= size; n++) {
      dataset set = {0};
      err e = {0};
      assert_int_equal(read_exactly(&f, whole[w], n, &set, &e), n == size);
      assert_int_equal(e.failed, n < size);
    }
  }
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_files_are_refused),       cmocka_unit_test(what_the_prompt_refuses_has_its_line),
      cmocka_unit_test(bad_examples_can_be_skipped), cmocka_unit_test(a_line_of_50_megabytes_is_refused_at_once),
      cmocka_unit_test(cut_files_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
