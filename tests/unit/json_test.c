// JSON from outside: what is refused and what the message says, what is read, and how long large texts take.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/json.h"
#include "io/json_text.h"
#include "io/quote.h"

static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void repeat(text *t, const char *piece, int times) {
  for (int i = 0; i < times; i++) text_puts(t, piece);
}

typedef struct bad_json {
  const char *source, *message;
} bad_json;

static void bad_texts_are_refused_with_their_place(void **state) {
  (void)state;
  static const bad_json cases[] = {
      {"", "column 1: expected a value, found the end of the text"},
      {"{\"a\": 1,\n \"b\" 2}", "line 2, column 6: expected a colon after the key, found '2'"},
      {"{\"a\": 1,}", "column 9: expected a key in double quotes, found '}'"},
      {"[1, 2", "column 6: expected a comma or ']', found the end of the text"},
      {"[1, 2}", "column 6: expected a comma or ']', found '}'"},
      {"{\"a\": 1 \"b\": 2}", "column 9: expected a comma or '}', found '\"'"},
      {"[1,]", "column 4: expected a value, found ']'"},
      {"{'a': 1}", "column 2: expected a key in double quotes, found '''"},
      {"[1] 2", "column 5: expected nothing behind the value, found '2'"},
      {"[01]", "expected no digit after a leading 0, found '1'"},
      {"[-]", "expected a digit, found ']'"},
      {"[1.]", "expected a digit, found ']'"},
      {"[+1]", "expected a value, found '+'"},
      {"[.5]", "expected a value, found '.'"},
      {"[1e]", "expected a digit, found ']'"},
      {"[NaN]", "expected a value, found 'N'"},
      {"[-Infinity]", "expected a digit, found 'I'"},
      {"[tru]", "expected a value, found 't'"},
      {"[1] // note", "expected nothing behind the value, found '/'"},
      {"\"abc", "column 1: expected a closing quote for the string that begins here, found the end of the text"},
      {"\"a\nb\"", "expected a control character in a string as an escape (\\n, \\t, \\u001b), found the end of the line"},
      {"\"a\x1b[31m\"", "found byte 0x1B"},
      {"\"\\x41\"", "expected one of \" \\ / b f n r t u after a backslash, found 'x'"},
      {"\"\\u12g4\"", "expected four hexadecimal digits after \\u, found 'g'"},
      {"\"\\u12", "expected four hexadecimal digits after \\u, found the end of the text"},
      {"\"a\\u0000b\"", "column 3: expected text without NUL characters, found \\u0000"},
      {"\"\\ud83d\"", "found the first half of a surrogate pair without the second"},
      {"\"\\ud83d\\u0041\"", "found the first half of a surrogate pair without the second"},
      {"\"\\ude00\"", "found the second half of a surrogate pair without the first"},
      {"\"\xC3\xA9\xC3(\"", "column 3: expected UTF-8, found byte 0xC3"}, // a column is a character
      {"\"\xED\xA0\x80\"", "expected UTF-8, found byte 0xED"},
      {"\"\xF0\x9F\x98", "expected UTF-8, found byte 0xF0"},
      {"{\"a\": 1, \"b\": {\"c\": 1,\n\"d\": 2, \"c\": 3}}",
       "line 2, column 9: expected each key once in an object, found \"c\" again"},
      {"{\"a\": 1, \"\\u0061\": 2}", "column 10: expected each key once in an object"},
      {"{\"\": 1, \"\": 2}", "expected each key once in an object, found \"\" again"},
      {"\xFF\xFE[\0]\0", "expected JSON in UTF-8, found UTF-16"},
      {"\xFE\xFF\0[\0]", "expected JSON in UTF-8, found UTF-16"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json doc;
    err e = {0};
    assert_false(json_parse("some.json", cases[i].source, strlen(cases[i].source), &doc, &e));
    assert_null(doc.root);
    if (strncmp(e.message, "some.json: ", 11) || !strstr(e.message, cases[i].message))
      fail_msg("case %zu: expected a message with\n  %s\nfound\n  %s", i, cases[i].message, e.message);
  }
}

static void a_raw_nul_is_refused_wherever_it_stands(void **state) {
  (void)state;
  const char *good = "{\"key\": [\"text\", 12, true]}";
  size_t length = strlen(good);
  for (size_t i = 0; i < length; i++) {
    char bad[64];
    memcpy(bad, good, length);
    bad[i] = 0;
    json doc;
    err e = {0};
    assert_false(json_parse("some.json", bad, length, &doc, &e));
    assert_true(strstr(e.message, "0x00") || strstr(e.message, "found 't'")); // a broken `true` is named by its beginning
  }
}

static void every_cut_of_a_text_fails_cleanly(void **state) {
  (void)state;
  const char *good = "{\"a\": [1, -2.5e3, \"\\ud83d\\ude00\", {\"b\": null, \"c\": [true, false]}, []], \"d\": \"\xE2\x82\xAC\"}";
  size_t length = strlen(good);
  for (size_t cut = 0; cut < length; cut++) {
    char *exact = malloc(cut ? cut : 1); // so that the sanitizer sees a byte too many being read
    assert_non_null(exact);
    memcpy(exact, good, cut);
    json doc;
    err e = {0};
    assert_false(json_parse("some.json", exact, cut, &doc, &e));
    assert_true(e.failed);
    free(exact);
  }
}

static void nesting_has_a_limit(void **state) {
  (void)state;
  for (int depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
    text t = {0};
    repeat(&t, "[", depth), repeat(&t, "]", depth);
    json doc;
    err e = {0};
    bool ok = json_parse("deep.json", t.data, t.length, &doc, &e);
    assert_int_equal(ok, depth == JSON_DEPTH);
    if (!ok) assert_string_equal(e.message, "deep.json: column 129: expected at most 128 levels of nesting, found a deeper one");
    json_free(&doc);
    text_free(&t);
  }
  text t = {0};
  repeat(&t, "[", 5000000); // a megabyte of brackets must not become a megabyte of stack
  json doc;
  err e = {0};
  assert_false(json_parse("deep.json", t.data, t.length, &doc, &e));
  text_free(&t);
}

static json good(const char *source) {
  json doc;
  err e = {0};
  if (!json_parse("good.json", source, strlen(source), &doc, &e)) fail_msg("%s", e.message);
  return doc;
}

static void good_texts_are_read(void **state) {
  (void)state;
  json doc = good(
      "\xEF\xBB\xBF {\"o\": {\"x\": []}, \"s\": \"a\\n\\u20ac\\ud83d\\ude00\\/\", \"u\": 4294967295, \"e\": 1e3, \"n\": -0.25,"
      "\"t\": true, \"f\": false, \"z\": null, \"A\": 1, \"a\": 2} \n");
  err e = {0};
  struct cJSON *o, *x;
  const char *s = NULL;
  uint32_t u = 0, kept = 7;
  double n = 0;
  bool t = false, f = true;
  assert_true(json_object(&doc, doc.root, "", "o", &o, &e));
  assert_true(json_array(&doc, o, "o", "x", &x, &e));
  assert_true(json_string(&doc, doc.root, "", "s", &s, &e));
  assert_string_equal(s, "a\n\xE2\x82\xAC\xF0\x9F\x98\x80/");
  assert_true(json_u32(&doc, doc.root, "", "u", &u, &e));
  assert_int_equal(u, UINT32_MAX);
  assert_true(json_u32(&doc, doc.root, "", "e", &u, &e));
  assert_int_equal(u, 1000);
  assert_true(json_u32(&doc, doc.root, "", "a", &u, &e)); // keys of another case are other keys
  assert_int_equal(u, 2);
  assert_true(json_number(&doc, doc.root, "", "n", &n, &e));
  assert_true(n == -0.25);
  assert_true(json_bool(&doc, doc.root, "", "t", &t, &e) && t);
  assert_true(json_bool_or(&doc, doc.root, "", "f", &f, &e) && !f);
  assert_true(json_u32_or(&doc, doc.root, "", "z", &kept, &e)); // null is as missing
  assert_true(json_u32_or(&doc, doc.root, "", "missing", &kept, &e));
  assert_int_equal(kept, 7);
  assert_true(json_string_or(&doc, doc.root, "", "missing", &s, &e));
  assert_true(json_number_or(&doc, doc.root, "", "missing", &n, &e));
  assert_true(n == -0.25);
  json_free(&doc);
}

static void getters_name_file_field_expected_and_found(void **state) {
  (void)state;
  json doc = good(
      "{\"a\": {\"s\": \"text\", \"big\": 4294967296, \"half\": 0.5, \"minus\": -1, \"huge\": 1e400, \"list\": [1, 2],"
      "\"z\": null}}");
  struct cJSON *a, *c;
  uint32_t u;
  double n;
  bool b;
  const char *s;
  err e = {0};
  assert_true(json_object(&doc, doc.root, "", "a", &a, &e));
#define SAYS(call, what)                  \
  do {                                    \
    e = (err){0};                         \
    assert_false(call);                   \
    assert_string_equal(e.message, what); \
  } while (0)
  SAYS(json_u32(&doc, a, "a", "s", &u, &e),
       "good.json: a.s: expected a whole number from 0 to 4294967295, found a string \"text\"");
  SAYS(json_u32(&doc, a, "a", "big", &u, &e),
       "good.json: a.big: expected a whole number from 0 to 4294967295, found the number 4294967296");
  SAYS(json_u32_or(&doc, a, "a", "half", &u, &e),
       "good.json: a.half: expected a whole number from 0 to 4294967295, found the number 0.5");
  SAYS(json_u32(&doc, a, "a", "minus", &u, &e),
       "good.json: a.minus: expected a whole number from 0 to 4294967295, found the number -1");
  SAYS(json_u32(&doc, a, "a", "missing", &u, &e),
       "good.json: a.missing: expected a whole number from 0 to 4294967295, found nothing");
  SAYS(json_number(&doc, a, "a", "huge", &n, &e), "good.json: a.huge: expected a finite number, found the number inf");
  SAYS(json_number_or(&doc, a, "a", "list", &n, &e), "good.json: a.list: expected a finite number, found an array of 2");
  SAYS(json_bool(&doc, a, "a", "list", &b, &e), "good.json: a.list: expected true or false, found an array of 2");
  SAYS(json_bool(&doc, a, "a", "z", &b, &e), "good.json: a.z: expected true or false, found null");
  SAYS(json_bool_or(&doc, a, "a", "s", &b, &e), "good.json: a.s: expected true or false, found a string \"text\"");
  SAYS(json_string(&doc, doc.root, "", "a", &s, &e), "good.json: a: expected a string, found an object of 7");
  SAYS(json_string_or(&doc, doc.root, "", "a", &s, &e), "good.json: a: expected a string, found an object of 7");
  SAYS(json_array(&doc, a, "a", "s", &c, &e), "good.json: a.s: expected an array, found a string \"text\"");
  SAYS(json_object(&doc, a, "a", "s", &c, &e), "good.json: a.s: expected an object, found a string \"text\"");
  json list = good("[1]");
  SAYS(json_u32(&list, list.root, "", "x", &u, &e), "good.json: the top level: expected an object, found an array of 1");
#undef SAYS
  json_free(&list);
  json_free(&doc);
}

static void a_vocabulary_of_300000_is_quick_and_its_duplicate_found(void **state) {
  (void)state;
  text t = {0};
  text_puts(&t, "{\"model\": {\"vocab\": {");
  for (int i = 0; i < 300000; i++) text_printf(&t, "%s\"token %d\": %d", i ? ",\n" : "", i, i);
  size_t without = t.length;
  text_puts(&t, "}}}");
  json doc;
  err e = {0};
  double began = now();
  assert_true(json_parse("vocab.json", t.data, t.length, &doc, &e));
  json_free(&doc);
  print_message("300,000 keys, %.1f MB: %.0f ms\n", 1e-6 * (double)t.length, 1e3 * (now() - began));
  assert_true(now() - began < 5); // a hundred times less, unless keys were compared each with each
  t.length = without;
  text_puts(&t, ",\n\"token 7\": 0}}}");
  assert_false(json_parse("vocab.json", t.data, t.length, &doc, &e));
  assert_string_equal(e.message,
                      "vocab.json: line 300001, column 1: expected each key once in an object, found \"token 7\" again");
  text_free(&t);
}

static void tokenizer_files_are_read_quickly(void **state) {
  (void)state;
  const char *data = test_shared_data();
  static const char *const names[] = {"gpt2", "smollm2", "mistral01"};
  for (int i = 0; i < 3; i++) {
    char name[64];
    snprintf(name, sizeof name, "tokenizers/%s/tokenizer.json", names[i]);
    json doc;
    err e = {0};
    struct cJSON *model, *vocab;
    double began = now();
    if (!json_read(test_path(data, name), 1 << 28, &doc, &e)) fail_msg("%s", e.message);
    print_message("%s: %.0f ms\n", name, 1e3 * (now() - began));
    assert_true(json_object(&doc, doc.root, "", "model", &model, &e));
    assert_true(json_object(&doc, model, "model", "vocab", &vocab, &e));
    assert_true(cJSON_GetArraySize(vocab) > 30000);
    json_free(&doc);
  }
}

static void files_have_a_limit(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "limit.json");
  test_write(path, "[1, 2, 3]", 9);
  json doc;
  err e = {0};
  assert_true(json_read(path, 9, &doc, &e));
  json_free(&doc);
  assert_false(json_read(path, 8, &doc, &e));
  assert_non_null(strstr(e.message, "limit.json: expected at most 8 bytes, found 9"));
  json_free(&doc);
  e = (err){0};
  assert_false(json_read(test_path(test_directory(), "absent.json"), 8, &doc, &e));
  assert_non_null(strstr(e.message, "absent.json: cannot open"));
}

// The walk without a tree sees what cJSON sees.
static void members_are_walked_as_cjson_reads_them(void **state) {
  (void)state;
  const char *source =
      " { \"a\" : [1, {\"x\": \"}\"}] , \"b\\\"\\\\\":\"],{\\\\\", \"\\u00e9\": -1.5e3 ,\"\":{}, \"z\" : null } ";
  json doc = good(source);
  json_slice at = {source, strlen(source)}, key, value;
  text name = {0};
  const cJSON *expected = doc.root->child;
  for (; json_text_member(&at, &key, &value); expected = expected->next) {
    assert_non_null(expected);
    text_clear(&name);
    json_text_unescape(key, &name);
    assert_string_equal(name.data, expected->string);
    cJSON *found = cJSON_ParseWithLength(value.data, (size_t)value.length);
    assert_true(cJSON_Compare(found, expected, true));
    assert_int_equal(value.data[value.length - 1] > ' ', 1);
    cJSON_Delete(found);
  }
  assert_null(expected);
  at = (json_slice){"{}", 2};
  assert_false(json_text_member(&at, &key, &value));
  text_free(&name);
  json_free(&doc);
}

static void strings_are_written_as_they_are_read(void **state) {
  (void)state;
  text t = {0};
  json_put_string(&t, "a\"b\\c\n\t\r\b\f\x01\x7F/\xE2\x82\xAC\xF0\x9F\x98\x80");
  assert_string_equal(t.data, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\x7F/\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  json doc = good(t.data);
  assert_string_equal(doc.root->valuestring, "a\"b\\c\n\t\r\b\f\x01\x7F/\xE2\x82\xAC\xF0\x9F\x98\x80");
  json_free(&doc);
  text_clear(&t);
  json_put_string(&t,
                  "a\xFF"
                  "b\xE2\x82");
  assert_string_equal(t.data,
                      "\"a\xEF\xBF\xBD"
                      "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
  text_free(&t);
}

static void numbers_are_printed_as_they_were_read(void **state) {
  (void)state;
  static const char source[] = "{\"a 1\": 30.0, \"b\": [\"-7 \\\" 8\", -1e-06, 5, 1e400], \"c\": {\"d\": 0.50}, \"e\": null}";
  json d;
  err e = {0};
  text out = {0};
  assert_true(json_parse("numbers", source, strlen(source), &d, &e));
  json_keep_numbers(d.root, source);
  cJSON_AddNumberToObject(d.root, "f", 4);
  json_print(d.root, &out);
  assert_string_equal(out.data,
                      "{\n  \"a 1\": 30.0,\n  \"b\": [\n    \"-7 \\\" 8\",\n    -1e-06,\n    5,\n    1e400\n  ],\n"
                      "  \"c\": {\n    \"d\": 0.50\n  },\n  \"e\": null,\n  \"f\": 4\n}\n");
  text_free(&out);
  json_free(&d);
}

static void quotes_are_fit_for_a_terminal(void **state) {
  (void)state;
  char b[QUOTE_BYTES], small[16];
  assert_string_equal(quote("a\x1B[31m\xC3\xA9\xFF\0b", 11, b), "\"a\\x1B[31m\xC3\xA9\\xFF\\x00b\"");
  assert_string_equal(quote("\xC2\x9B", 2, b), "\"\\xC2\\x9B\""); // CSI as one C1 character
  assert_string_equal(quote("", 0, b), "\"\"");
  assert_string_equal(quote_short("0123456789abcdef", 16, small, sizeof small), "\"0123456789…\"");
  assert_string_equal(quote_short("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 15, small, sizeof small),
                      "\"\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC…\""); // never half a character
  char many[1000];
  memset(many, 1, sizeof many);
  assert_true(strlen(quote(many, sizeof many, b)) < QUOTE_BYTES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_texts_are_refused_with_their_place),
      cmocka_unit_test(a_raw_nul_is_refused_wherever_it_stands),
      cmocka_unit_test(every_cut_of_a_text_fails_cleanly),
      cmocka_unit_test(nesting_has_a_limit),
      cmocka_unit_test(good_texts_are_read),
      cmocka_unit_test(getters_name_file_field_expected_and_found),
      cmocka_unit_test(a_vocabulary_of_300000_is_quick_and_its_duplicate_found),
      cmocka_unit_test(tokenizer_files_are_read_quickly),
      cmocka_unit_test(files_have_a_limit),
      cmocka_unit_test(members_are_walked_as_cjson_reads_them),
      cmocka_unit_test(strings_are_written_as_they_are_read),
      cmocka_unit_test(numbers_are_printed_as_they_were_read),
      cmocka_unit_test(quotes_are_fit_for_a_terminal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
