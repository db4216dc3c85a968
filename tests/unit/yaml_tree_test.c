// YAML as a tree: what plain scalars mean, what is refused and where the message says it is.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/yaml_tree.h"

// The tree as JSON on one line.
static void check_tree(const char *source, const char *expected) {
  json doc;
  err e = {0};
  if (!yaml_tree_parse("some.yaml", source, strlen(source), &doc, &e)) fail_msg("%s\nis refused: %s", source, e.message);
  char *printed = cJSON_PrintUnformatted(doc.root);
  if (strcmp(printed, expected)) fail_msg("%s\nexpected %s, found %s", source, expected, printed);
  free(printed);
  json_free(&doc);
}

static void plain_scalars_follow_the_core_schema(void **state) {
  (void)state;
  check_tree("[null, Null, NULL, ~, ]", "[null,null,null,null]");
  check_tree("a:\nb: ", "{\"a\":null,\"b\":null}");
  check_tree("[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]");
  check_tree("[yes, no, on, off, y, tRUE, nULL]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"tRUE\",\"nULL\"]");
  check_tree("[0, -7, +12, 007, 0x1F, 0o17, 0xaB]", "[0,-7,12,7,31,15,171]");
  check_tree("[1.5, .5, 2., -1e3, 1.5E-1, +.5e1]", "[1.5,0.5,2,-1000,0.15,5]");
  check_tree("[0b1, 1_000, 1.2.3, 0x, 0o8, e5, 1e, 1e+, ., -, 1:30, -0x1]",
             "[\"0b1\",\"1_000\",\"1.2.3\",\"0x\",\"0o8\",\"e5\",\"1e\",\"1e+\",\".\",\"-\",\"1:30\",\"-0x1\"]");
}

static void quoted_and_block_scalars_are_strings(void **state) {
  (void)state;
  check_tree("['true', \"12\", '', \"a\\tb\\u00e9\", 'it''s']", "[\"true\",\"12\",\"\",\"a\\tb\xC3\xA9\",\"it's\"]");
  check_tree("a: |\n  1\n  2\nb: >-\n  one\n  line\n", "{\"a\":\"1\\n2\\n\",\"b\":\"one line\"}");
}

static void structures_and_keys(void **state) {
  (void)state;
  check_tree("# a comment\n0: zero\ntrue: t\n'1': {a: [1, {b: 2}]}\n",
             "{\"0\":\"zero\",\"true\":\"t\",\"1\":{\"a\":[1,{\"b\":2}]}}");
  check_tree(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: 2\r\n",
      "{\"a\":1,\"b\":2}");
  check_tree("--- \nx\n...\n", "\"x\"");
  check_tree("{}", "{}");
}

static void getters_of_json_work(void **state) {
  (void)state;
  const char *source = "name: nli\ncount: 3\nlist: [a]\n";
  json doc;
  err e = {0};
  assert_true(yaml_tree_parse("some.yaml", source, strlen(source), &doc, &e));
  const char *name;
  uint32_t count = 0;
  assert_true(json_string(&doc, doc.root, "", "name", &name, &e));
  assert_string_equal(name, "nli");
  assert_true(json_u32(&doc, doc.root, "", "count", &count, &e));
  assert_int_equal(count, 3);
  assert_false(json_string(&doc, doc.root, "", "list", &name, &e));
  assert_string_equal(e.message, "some.yaml: list: expected a string, found an array of 1");
  json_free(&doc);
}

typedef struct bad_yaml {
  const char *source, *message;
} bad_yaml;

static void bad_files_are_refused_with_their_line(void **state) {
  (void)state;
  static const bad_yaml cases[] = {
      {"", "some.yaml: expected a YAML document, found an empty file"},
      {"# only this\n", "some.yaml: expected a YAML document, found an empty file"},
      {"a: 1\nb: [1, 2\n", "some.yaml:3: expected YAML, found a fault at column 1"},
      {"a: 1\n b: 2\n", "some.yaml:2: expected YAML, found a fault at column 3"},
      {"a: \"1\n", "some.yaml:2: expected YAML, found a fault at column 1"},
      {"a: b: c\n", "some.yaml:1: expected YAML, found a fault at column 5"},
      {"a: 1\nb: &x 2\n", "some.yaml:2: anchors and aliases ('x') are not read here: write the value out"},
      {"a: 1\nb: *x\n", "some.yaml:2: anchors and aliases ('x') are not read here"},
      {"a: &x [1]\n", "some.yaml:1: anchors and aliases ('x') are not read here"},
      {"a:\n  !!str 1\n", "some.yaml:2: tags ('tag:yaml.org,2002:str') are not read here: write the plain value"},
      {"a: !x {b: 1}\n", "some.yaml:1: tags ('!x') are not read here"},
      {"a: 1\n---\nb: 2\n", "some.yaml:2: expected one YAML document, found another"},
      {"a: 1\nb: 2\n\na: 3\n", "some.yaml:4: expected each key once in a mapping, found \"a\" again (first in line 1)"},
      {"x:\n  - {k: 1, 'k': 2}\n", "some.yaml:2: expected each key once in a mapping, found \"k\" again (first in line 2)"},
      {"1: a\n'1': b\n", "some.yaml:2: expected each key once in a mapping, found \"1\" again (first in line 1)"},
      {"? [1, 2]\n: x\n", "some.yaml:1: key: expected a value, found a list"},
      {"? {a: 1}\n: x\n", "some.yaml:1: key: expected a value, found a mapping of keys to values"},
      {"a: 1\nb: \"x\\0y\"\n", "some.yaml:2: expected text, found a NUL byte in it"},
      {"\"x\\0y\": 1\n", "some.yaml:1: key: expected text, found a NUL byte in it"},
      {"a: 1\nb: .inf\n", "some.yaml:2: expected a finite number (or a text in quotation marks), found \".inf\""},
      {"a: -.Inf\n", "found \"-.Inf\""},
      {"a: .nan\n", "found \".nan\""},
      {"a: 1e999\n", "some.yaml:1: expected a finite number (or a text in quotation marks), found \"1e999\""},
      {"a: \xFF\n", "some.yaml:1: expected YAML, found a fault at column 1"},
      {"\xFF\xFE"
       "a",
       "some.yaml: expected YAML in UTF-8, found UTF-16"},
      {"\xFE\xFF"
       "a",
       "some.yaml: expected YAML in UTF-8, found UTF-16"},
      {"a: \x01\n", "some.yaml:1: expected YAML, found a fault at column 1: control characters are not allowed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json doc;
    err e = {0};
    if (yaml_tree_parse("some.yaml", cases[i].source, strlen(cases[i].source), &doc, &e))
      fail_msg("case %zu is read:\n%s", i, cases[i].source);
    assert_null(doc.root);
    if (!strstr(e.message, cases[i].message)) fail_msg("case %zu: expected\n  %s\nfound\n  %s", i, cases[i].message, e.message);
  }
}

static void nesting_and_size_have_limits(void **state) {
  (void)state;
  for (int depth = YAML_TREE_DEPTH; depth <= YAML_TREE_DEPTH + 1; depth++) {
    text t = {0};
    json doc;
    err e = {0};
    for (int i = 0; i < depth; i++) text_putc(&t, '[');
    for (int i = 0; i < depth; i++) text_putc(&t, ']');
    assert_int_equal(yaml_tree_parse("deep.yaml", t.data, t.length, &doc, &e), depth == YAML_TREE_DEPTH);
    if (e.failed) assert_string_equal(e.message, "deep.yaml:1: expected at most 64 levels of nesting, found a deeper one");
    json_free(&doc);
    text_free(&t);
  }
  text big = {0};
  json doc;
  err e = {0};
  while (big.length <= 1 << 20) text_puts(&big, "# nothing here\n");
  assert_false(yaml_tree_parse("big.yaml", big.data, big.length, &doc, &e));
  assert_non_null(strstr(e.message, "big.yaml: expected at most 1048576 bytes of YAML, found 10"));
  text_free(&big);
}

static void every_cut_of_a_file_ends_cleanly(void **state) {
  (void)state;
  const char *good = "a: [1, \"x\\u00e9\", {b: 'c', d: }]\nlist:\n  - |\n    text\n  - ~\nlast: true\n";
  for (size_t cut = 0; cut < strlen(good); cut++) {
    char *exact = malloc(cut ? cut : 1); // so that the sanitizer sees a byte too many being read
    assert_non_null(exact);
    memcpy(exact, good, cut);
    json doc;
    err e = {0};
    if (yaml_tree_parse("cut.yaml", exact, cut, &doc, &e)) json_free(&doc);
    else assert_true(e.failed);
    free(exact);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_scalars_follow_the_core_schema),
      cmocka_unit_test(quoted_and_block_scalars_are_strings),
      cmocka_unit_test(structures_and_keys),
      cmocka_unit_test(getters_of_json_work),
      cmocka_unit_test(bad_files_are_refused_with_their_line),
      cmocka_unit_test(nesting_and_size_have_limits),
      cmocka_unit_test(every_cut_of_a_file_ends_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
