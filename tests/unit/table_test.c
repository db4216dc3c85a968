// CSV and TSV: what rows and fields are, and files that are wrong in one thing each.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/item_reader.h"

// All rows as JSON, one a line, behind the line where each begins.
static bool read_all(const char *name, const char *data, size_t size, text *out, err *e) {
  arena *a = arena_new("a table");
  item_reader r;
  bool ok = item_reader_open(a, name, data, size, &r, e);
  for (jsonl_item item; ok;) {
    const jsonl_status status = item_reader_next(&r, &item, e);
    ok = status == JSONL_ITEM;
    if (status == JSONL_END) {
      arena_free(a);
      return true;
    }
    json doc = {0};
    ok = ok && item_reader_parse(&r, item_reader_origin(a, &r, &item), &item, &doc, e);
    if (!ok) break;
    char *printed = cJSON_PrintUnformatted(doc.root);
    text_printf(out, "%u %s\n", item.place, printed);
    free(printed);
    json_free(&doc);
  }
  arena_free(a);
  return false;
}

static void check(const char *name, const char *data, const char *expected) {
  text found = {0};
  err e = {0};
  if (!read_all(name, data, strlen(data), &found, &e)) fail_msg("%s\nis refused: %s", data, e.message);
  if (strcmp(found.data, expected)) fail_msg("%s\nexpected\n%sfound\n%s", data, expected, found.data);
  text_free(&found);
}

static void csv_is_rfc_4180(void **state) {
  (void)state;
  check("a.csv", "x,y\n1,2\n", "2 {\"x\":\"1\",\"y\":\"2\"}\n");
  check("a.csv", "x,y\n1,2", "2 {\"x\":\"1\",\"y\":\"2\"}\n");
  check("a.csv", "x,y\r\n1,2\r\n3,4\r\n", "2 {\"x\":\"1\",\"y\":\"2\"}\n3 {\"x\":\"3\",\"y\":\"4\"}\n");
  check("a.csv", "\xEF\xBB\xBFx,y\n1,2\n", "2 {\"x\":\"1\",\"y\":\"2\"}\n");
  check("a.csv", "x,y\n,\n\"\",\"\"\n", "2 {\"x\":\"\",\"y\":\"\"}\n3 {\"x\":\"\",\"y\":\"\"}\n");
  check("a.csv", "\"x\",\"y \"\"z\"\"\"\n\"a,b\",\"say \"\"hi\"\"\"\n", "2 {\"x\":\"a,b\",\"y \\\"z\\\"\":\"say \\\"hi\\\"\"}\n");
  check("a.csv", "x,y\n\"one\r\ntwo\n\",\"\"\"\"\n3,4\n",
        "2 {\"x\":\"one\\r\\ntwo\\n\",\"y\":\"\\\"\"}\n5 {\"x\":\"3\",\"y\":\"4\"}\n");
  check("a.csv", "x,y\n5\" disk, \"q\"\n", "2 {\"x\":\"5\\\" disk\",\"y\":\" \\\"q\\\"\"}\n");
  check("a.csv", "\n\nx\n\n1\n\r\n2\n\n", "5 {\"x\":\"1\"}\n7 {\"x\":\"2\"}\n");
  check("a.csv", ",x\n0,\xC3\xA9\t\n", "2 {\"\":\"0\",\"x\":\"\xC3\xA9\\t\"}\n");
}

static void tsv_takes_quotes_off_whole_fields_only(void **state) {
  (void)state;
  check("a.tsv", "x\ty\n1, 2\t3\n", "2 {\"x\":\"1, 2\",\"y\":\"3\"}\n");
  check("a.tsv", "x\ty\r\n\"He left,\" she said.\t\"Go\r\n", "2 {\"x\":\"\\\"He left,\\\" she said.\",\"y\":\"\\\"Go\"}\n");
  check("a.tsv", "x\ty\n\"say \"\"hi\"\"\"\t\"\"\n", "2 {\"x\":\"say \\\"hi\\\"\",\"y\":\"\"}\n");
  check("a.tsv", "x\ty\n\"a\" and \"b\"\t\"\"\"\n", "2 {\"x\":\"\\\"a\\\" and \\\"b\\\"\",\"y\":\"\\\"\\\"\\\"\"}\n");
  check("a.tsv", "x\ty\n\"\"\"\"\t\"\n", "2 {\"x\":\"\\\"\",\"y\":\"\\\"\"}\n");
}

static void json_lines_are_rows_too(void **state) {
  (void)state;
  check("a.jsonl", "{\"x\":1}\n\n{\"x\":2}\n", "1 {\"x\":1}\n3 {\"x\":2}\n");
  check("a.json", "[{\"x\":1},\n{\"x\":2}]\n", "1 {\"x\":1}\n2 {\"x\":2}\n");
}

static void refuse(const char *name, const char *data, size_t size, const char *message) {
  text found = {0};
  err e = {0};
  char *exact = malloc(size ? size : 1); // so that the sanitizer sees a byte too many being read
  assert_non_null(exact);
  memcpy(exact, data, size);
  if (read_all(name, exact, size, &found, &e)) fail_msg("%s\nis read as\n%s", data, found.data);
  if (!strstr(e.message, message) || strncmp(e.message, name, strlen(name)))
    fail_msg("%s\nexpected\n  %s\nfound\n  %s", data, message, e.message);
  free(exact);
  text_free(&found);
}

static void bad_tables_are_refused_with_their_line(void **state) {
  (void)state;
  static const struct {
    const char *name, *data;
    size_t size;
    const char *message;
  } cases[] = {
#define CASE(name, data, message) {name, data, sizeof data - 1, message}
      CASE("a.csv", "", "a.csv: expected a header row and at least one row below it, found an empty file"),
      CASE("a.csv", "\n\r\n\n", "a.csv: expected a header row and at least one row below it, found an empty file"),
      CASE("a.tsv", "x\ty\n", "a.tsv: expected at least one row below the header, found none"),
      CASE("a.csv", "x,y\n\n\n", "a.csv: expected at least one row below the header, found none"),
      CASE("a.csv", "x,y\n1,2\n3\n", "a.csv:3: expected 2 fields, as many as the header has, found 1"),
      CASE("a.csv", "x,y\n1,2,3\n", "a.csv:2: expected 2 fields, as many as the header has, found 3"),
      CASE("a.csv", "x,y\n1,2,\n", "a.csv:2: expected 2 fields, as many as the header has, found 3"),
      CASE("a.csv", "x,y\n\"a\nb\",2\n1\n", "a.csv:4: expected 2 fields, as many as the header has, found 1"),
      CASE("a.tsv", "x\ty\n\"a\nb\"\t2\n", "a.tsv:2: expected 2 fields, as many as the header has, found 1"),
      CASE("a.csv", "x,y,x\n1,2,3\n", "a.csv:1: expected a header with each column's name once, found \"x\" as columns 1 and 3"),
      CASE("a.csv", ",\n1,2\n", "a.csv:1: expected a header with each column's name once, found \"\" as columns 1 and 2"),
      CASE("a.csv", "x,y\n1,\"2\n3,4\n",
           "a.csv:2: expected a closing quotation mark for each field of this row that begins with one, found none"),
      CASE("a.csv", "x,\"y\n1,2\n",
           "a.csv:1: expected a closing quotation mark for each field of this row that begins with one, found none"),
      CASE("a.csv", "x,y\n\"1\"2,3\n",
           "a.csv:2: field 1: expected a comma or the end of the row behind the closing quotation mark, found \"2,3\""),
      CASE("a.csv", "x,y\n1,\"2\" \n", "a.csv:2: field 2: expected a comma or the end of the row behind the closing"),
      CASE("a.csv", "x,y\n1,a\0b\n", "a.csv:2: byte 4 of the row: expected text, found a NUL"),
      CASE("a.csv", "x,\0y\n1,2\n", "a.csv:1: byte 3 of the row: expected text, found a NUL"),
      CASE("a.csv", "x,y\n1,2\n1,\xE9\n", "a.csv:3: byte 3 of the row: expected UTF-8, found byte 0xE9"),
      CASE("a.tsv", "x\t\xFF\n1\t2\n", "a.tsv:1: byte 3 of the row: expected UTF-8, found byte 0xFF"),
      CASE("a.csv", "\xFF\xFEx\0,\0y\0\n\0", "a.csv: expected text in UTF-8, found UTF-16; convert it first"),
      CASE("a.csv", "\xFE\xFF\0x\0,\0y\0\n", "a.csv: expected text in UTF-8, found UTF-16; convert it first"),
      CASE("a.csv", "x\0,\0y\0\n\0", "a.csv: expected text in UTF-8, found UTF-16; convert it first"),
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refuse(cases[i].name, cases[i].data, cases[i].size, cases[i].message);
}

static void repeat(text *t, const char *piece, size_t n) {
  for (size_t i = 0; i < n; i++) text_puts(t, piece);
}

static void rows_and_columns_have_limits(void **state) {
  (void)state;
  text wide = {0}, lengthy = {0}, open = {0};
  for (int i = 0; i <= TABLE_COLUMNS; i++) text_printf(&wide, "%sc%d", i ? "," : "", i);
  text_puts(&wide, "\n1\n");
  refuse("a.csv", wide.data, wide.length, "a.csv:1: expected at most 1024 columns, found more");
  text_puts(&lengthy, "x\n");
  repeat(&lengthy, "0123456789abcdef", (JSONL_ITEM_BYTES >> 4) + 1);
  refuse("a.csv", lengthy.data, lengthy.length, "a.csv:2: expected a row of at most 16777216 bytes, found 16777232");
  text_puts(&open, "x\n\"");
  repeat(&open, "0123456789abcde\n", (JSONL_ITEM_BYTES >> 4) + 1);
  text_puts(&open, "\"\n");
  refuse("a.csv", open.data, open.length, "a.csv:2: expected a closing quotation mark");
  text_free(&wide), text_free(&lengthy), text_free(&open);
}

static void a_bad_row_does_not_hide_the_next(void **state) {
  (void)state;
  static const char data[] = "x,y\n1,\0\n\"3\",4\n";
  arena *a = arena_new("a table");
  item_reader r;
  jsonl_item item;
  err e = {0};
  assert_true(item_reader_open(a, "a.csv", data, sizeof data - 1, &r, &e));
  assert_int_equal(item_reader_next(&r, &item, &e), JSONL_BAD);
  e = (err){0};
  assert_int_equal(item_reader_next(&r, &item, &e), JSONL_ITEM);
  assert_int_equal(item.place, 3);
  assert_int_equal(item_reader_next(&r, &item, &e), JSONL_END);
  arena_free(a);
}

static void every_cut_of_a_table_ends_cleanly(void **state) {
  (void)state;
  const char *good = "x,\"y\"\r\n\"a \"\"b\"\"\r\n\",\xC3\xA9\r\n1,\"2\"\r\n";
  for (size_t cut = 0; cut < strlen(good); cut++)
    for (int kind = 0; kind < 2; kind++) {
      char *exact = malloc(cut ? cut : 1);
      assert_non_null(exact);
      memcpy(exact, good, cut);
      text found = {0};
      err e = {0};
      if (!read_all(kind ? "a.tsv" : "a.csv", exact, cut, &found, &e)) assert_true(e.failed);
      text_free(&found);
      free(exact);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(csv_is_rfc_4180),
      cmocka_unit_test(tsv_takes_quotes_off_whole_fields_only),
      cmocka_unit_test(json_lines_are_rows_too),
      cmocka_unit_test(bad_tables_are_refused_with_their_line),
      cmocka_unit_test(rows_and_columns_have_limits),
      cmocka_unit_test(a_bad_row_does_not_hide_the_next),
      cmocka_unit_test(every_cut_of_a_table_ends_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
