// Every field of every data format, wrong in one thing each: of another type, missing, null, and with each fault that JSON
// text can have in its place. The second line of a file is at fault; the message has the file, the line, the field (or the
// column, where the text is no JSON), what was expected and what was found.
#include "support/test.h"

#include <string.h>

#include "support/data_fixture.h"

// What a field may be. ABSENT: missing, or null. NOTHING: a null is told as nothing.
enum { STRING = 1, NUMBER = 2, BOOL = 4, LIST = 8, OBJECT = 16, ABSENT = 32, NOTHING = 64 };

// @ is the field's value. The name of the field stands right before it, but for items of lists.
typedef struct field {
  const char *row, *value; // a good one
  int may_be;
  const char *place, *expected, *found; // found: what is said instead of the value itself
} field;

#define U "{\"role\":\"user\",\"content\":\"u\"}"
#define A "{\"role\":\"assistant\",\"content\":\"a\"}"
#define MESSAGES(list) "{\"messages\":[" list "]}"
#define CALLS(list) "{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":" list "}]}"
#define H "{\"from\":\"human\",\"value\":\"h\"}"
#define G "{\"from\":\"gpt\",\"value\":\"g\"}"
#define ALPACA(more) "{\"instruction\":\"i\",\"output\":\"o\"," more "}"
#define YES "{\"label\":true,\"text\":\"t\"}"
#define SEED(instance) "{\"instruction\":\"i\",\"instances\":[{\"output\":\"o\"}," instance "]}"
#define DONE "{\"input\":\"i\",\"output\":\"o\"}"
#define TASK(more) "{\"Definition\":\"d\"," more ",\"Instances\":[" DONE "]}"
#define TURN "an object with \"role\" and \"content\""

static const field fields[] = {
    {"{\"instruction\":@,\"output\":\"o\"}", "\"i\"", STRING, "instruction", "a string", NULL},
    {"{\"instruction\":\"i\",\"output\":@}", "\"o\"", STRING, "output", "a string", NULL},
    {ALPACA("\"input\":@"), "\"i\"", STRING | ABSENT, "input", "a string", NULL},
    {ALPACA("\"system\":@"), "\"s\"", STRING | ABSENT, "system", "a string", NULL},
    {ALPACA("\"history\":@"), "[]", LIST | ABSENT, "history", "an array of pairs [user, assistant]", NULL},
    {ALPACA("\"history\":[[\"u\",\"a\"],@]"), "[\"u\",\"a\"]", 0, "history[1]", "a pair of strings [user, assistant]", NULL},
    {ALPACA("\"history\":[[@,\"a\"]]"), "\"u\"", STRING, "history[0]", "a pair of strings [user, assistant]", "an array of 2"},
    {ALPACA("\"history\":[[\"u\",@]]"), "\"a\"", STRING, "history[0]", "a pair of strings [user, assistant]", "an array of 2"},

    {"{\"messages\":@}", "[" U "," A "]", LIST, "messages", "an array", NULL},
    {MESSAGES(U "," A ",@"), U, OBJECT, "messages[2]", TURN, NULL},
    {MESSAGES(U ",{\"role\":@,\"content\":\"a\"}"), "\"assistant\"", STRING, "messages[1].role", "a string", NULL},
    {MESSAGES("{\"role\":\"user\",\"content\":@}," A), "\"u\"", STRING, "messages[0].content", "a string", NULL},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":@}"), "\"a\"", STRING, "messages[1].content", "a string", NULL},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"train\":@}"), "true", BOOL | ABSENT, "messages[1].train",
     "true or false", NULL},
    {MESSAGES(U ",{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":@}"), "[]", LIST | ABSENT, "messages[1].tool_calls",
     "an array of calls", NULL},
    {"{\"messages\":[" U "," A "],\"tools\":@}", "[]", LIST | STRING | ABSENT, "tools", "an array of tools", NULL},

    {"{\"conversations\":@}", "[" H "," G "]", LIST, "conversations", "an array", NULL},
    {"{\"conversations\":[" H "," G ",@]}", H, OBJECT, "conversations[2]", "an object with \"from\" and \"value\"", NULL},
    {"{\"conversations\":[" H ",{\"from\":@,\"value\":\"g\"}]}", "\"gpt\"", STRING, "conversations[1].from", "a string", NULL},
    {"{\"conversations\":[{\"from\":\"human\",\"value\":@}," G "]}", "\"h\"", STRING, "conversations[0].value", "a string", NULL},
    {"{\"conversations\":[" H ",{\"from\":\"gpt\",\"value\":@}]}", "\"g\"", STRING, "conversations[1].value", "a string", NULL},
    {"{\"conversations\":[" H "," G "],\"system\":@}", "\"s\"", STRING | ABSENT, "system", "a string", NULL},
    {"{\"conversations\":[" H "," G "],\"tools\":@}", "[]", LIST | STRING | ABSENT, "tools", "an array of tools", NULL},

    {"{\"prompt\":@,\"completion\":\"c\"}", "\"p\"", STRING | LIST, "prompt", "a string", NULL},
    {"{\"prompt\":\"p\",\"completion\":@}", "\"c\"", STRING, "completion", "a string", NULL},
    {"{\"prompt\":[" U "],\"completion\":@}", "[" A "]", LIST | NOTHING, "completion", "a list of messages, as the prompt is",
     NULL},
    {"{\"prompt\":[" U ",@],\"completion\":[" A "]}", U, OBJECT, "prompt[1]", TURN, NULL},
    {"{\"prompt\":[{\"role\":@,\"content\":\"u\"}],\"completion\":[" A "]}", "\"user\"", STRING, "prompt[0].role", "a string",
     NULL},
    {"{\"prompt\":[{\"role\":\"user\",\"content\":@}],\"completion\":[" A "]}", "\"u\"", STRING, "prompt[0].content", "a string",
     NULL},
    {"{\"prompt\":[" U "],\"completion\":[" A ",@]}", A, OBJECT, "completion[1]", TURN, NULL},
    {"{\"prompt\":[" U "],\"completion\":[{\"role\":\"assistant\",\"content\":@}]}", "\"a\"", STRING, "completion[0].content",
     "a string", NULL},

    {"{\"text\":@}", "\"t\"", STRING, "text", "a string", NULL},

    {"{\"segments\":@}", "[" YES "]", LIST, "segments", "an array", NULL},
    {"{\"segments\":[" YES ",@]}", YES, OBJECT, "segments[1]", "an object with \"label\" and \"text\"", NULL},
    {"{\"segments\":[" YES ",{\"label\":@,\"text\":\"t\"}]}", "true", BOOL, "segments[1].label", "true or false", NULL},
    {"{\"segments\":[" YES ",{\"label\":true,\"text\":@}]}", "\"t\"", STRING, "segments[1].text", "a string", NULL},

    {"{\"input_ids\":@,\"labels\":[1,2]}", "[1,2]", LIST, "input_ids", "an array", NULL},
    {"{\"input_ids\":[1,2],\"labels\":@}", "[1,2]", LIST, "labels", "an array", NULL},
    {"{\"input_ids\":[1,@,2],\"labels\":[1,-100,2]}", "5", NUMBER, "input_ids[1]", "a token id below 262", NULL},
    {"{\"input_ids\":[1,7],\"labels\":[1,@]}", "7", NUMBER, "labels[1]", "-100 or a token id below 262", NULL},

    {"{\"instruction\":@,\"instances\":[{\"output\":\"o\"}]}", "\"i\"", STRING, "instruction", "a string", NULL},
    {"{\"instruction\":\"i\",\"instances\":@}", "[{\"output\":\"o\"}]", LIST, "instances", "an array", NULL},
    {SEED("@"), "{\"output\":\"o\"}", OBJECT, "instances[1]", "an object", NULL},
    {SEED("{\"input\":@,\"output\":\"o\"}"), "\"i\"", STRING | ABSENT, "instances[1].input", "a string", NULL},
    {SEED("{\"output\":@}"), "\"o\"", STRING, "instances[1].output", "a string", NULL},

    {"{\"Definition\":@,\"Instances\":[" DONE "]}", "\"d\"", STRING | NOTHING, "Definition", "a string or a list of strings",
     NULL},
    {"{\"Definition\":[@],\"Instances\":[" DONE "]}", "\"d\"", STRING, "Definition", "a string or a list of strings",
     "an array of 1"},
    {"{\"Definition\":\"d\",\"Instances\":@}", "[" DONE "]", LIST, "Instances", "an array", NULL},
    {"{\"Definition\":\"d\",\"Instances\":[" DONE ",@]}", DONE, OBJECT, "Instances[1]", "an object", NULL},
    {"{\"Definition\":\"d\",\"Instances\":[{\"input\":@,\"output\":\"o\"}]}", "\"i\"", STRING, "Instances[0].input", "a string",
     NULL},
    {"{\"Definition\":\"d\",\"Instances\":[{\"input\":\"i\",\"output\":@}]}", "\"o\"", STRING | LIST | NOTHING,
     "Instances[0].output", "a string or a list of strings", NULL},
    {"{\"Definition\":\"d\",\"Instances\":[{\"input\":\"i\",\"output\":[\"o\",@]}]}", "\"p\"", STRING, "Instances[0].output",
     "strings only", NULL},
    {TASK("\"Positive Examples\":@"), "[]", LIST | ABSENT, "Positive Examples", "a list of demonstrations", NULL},
    {TASK("\"Positive Examples\":[@]"), DONE, OBJECT, "Positive Examples[0]", "an object", NULL},
    {TASK("\"Positive Examples\":[{\"input\":@,\"output\":\"o\"}]"), "\"i\"", STRING, "Positive Examples[0].input", "a string",
     NULL},
    {TASK("\"Positive Examples\":[{\"input\":\"i\",\"output\":@}]"), "\"o\"", STRING, "Positive Examples[0].output", "a string",
     NULL},
    {TASK("\"Positive Examples\":[{\"input\":\"i\",\"output\":\"o\",\"explanation\":@}]"), "\"e\"", STRING | ABSENT,
     "Positive Examples[0].explanation", "a string", NULL},
    {TASK("\"Negative Examples\":@"), "[]", LIST | ABSENT, "Negative Examples", "a list of demonstrations", NULL},
    {TASK("\"Negative Examples\":[" DONE ",{\"input\":\"i\",\"output\":@}]"), "\"o\"", STRING, "Negative Examples[1].output",
     "a string", NULL},
    {TASK("\"Categories\":@"), "\"c\"", STRING | LIST | ABSENT, "Categories", "a string or a list of strings", NULL},
    {TASK("\"Things to Avoid\":@"), "\"x\"", STRING | LIST | ABSENT, "Things to Avoid", "a string or a list of strings", NULL},
    {TASK("\"Emphasis & Caution\":@"), "\"x\"", STRING | LIST | ABSENT, "Emphasis & Caution", "a string or a list of strings",
     NULL},
    {TASK("\"Prompt\":@"), "\"x\"", STRING | LIST | ABSENT, "Prompt", "a string or a list of strings", NULL},
    {TASK("\"Source\":[\"a\",@]"), "\"x\"", STRING, "Source", "a list of strings only", NULL},

    {"{\"text\":\"t\",\"task\":@}", "\"x\"", STRING | ABSENT, "task", "a string", NULL},
    {"{\"text\":\"t\",\"source\":@}", "\"x\"", STRING | ABSENT, "source", "a string", NULL},
    {"{\"text\":\"t\",\"cluster\":@}", "\"x\"", STRING | ABSENT, "cluster", "a string", NULL},
    {"{\"text\":\"t\",\"category\":@}", "\"x\"", STRING | LIST | ABSENT, "category", "a string or a list of strings", NULL},
    {"{\"text\":\"t\",\"metric\":@}", "\"x\"", STRING | ABSENT, "metric", "a string", NULL},
    {"{\"text\":\"t\",\"references\":@}", "[\"x\"]", ABSENT, "references", "a list of strings", NULL},
    {"{\"text\":\"t\",\"references\":[\"x\",@]}", "\"y\"", STRING, "references", "strings only", NULL},
    {"{\"text\":\"t\",\"choices\":@}", "[\"x\"]", ABSENT, "choices", "a list of strings", NULL},
    {"{\"text\":\"t\",\"choices\":[\"x\",@]}", "\"y\"", STRING, "choices", "strings only", NULL},
    {"{\"text\":\"t\",\"weight\":@}", "2", NUMBER | ABSENT, "weight", "a finite number", NULL},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static const struct {
  const char *source, *found;
  int kind;
} values[] = {
    {"\"x\"", "a string \"x\"", STRING}, {"5", "the number 5", NUMBER},    {"true", "true", BOOL},   {"false", "false", BOOL},
    {"[]", "an array of 0", LIST},       {"{}", "an object of 0", OBJECT}, {"null", "null", ABSENT},
};

// A file of one good row and one with `value` in the field's place.
static void put_file(text *out, const field *f, const char *value) {
  const char *at = strchr(f->row, '@');
  text_clear(out);
  text_put(out, f->row, (size_t)(at - f->row));
  text_printf(out, "%s%s\n", f->value, at + 1);
  text_put(out, f->row, (size_t)(at - f->row));
  text_printf(out, "%s%s", value, at + 1);
}

static void check_refused(data_fixture *d, const field *f, const text *file, const char *found) {
  text expected = {0};
  text_printf(&expected, "bad.jsonl:2: %s: expected %s, found %s", f->place, f->expected, found);
  data_fixture_refuse(d, "bad.jsonl", file->data, file->length, expected.data);
  text_free(&expected);
}

static void fields_of_another_type_are_refused(void **state) {
  (void)state;
  data_fixture d = data_fixture_begin("chatml", false);
  text file = {0};
  int n = 0;
  for (const field *f = fields; f < fields + N_FIELDS; f++) {
    put_file(&file, f, f->value);
    data_fixture_read(&d, "good.jsonl", file.data);
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
      if (f->may_be & values[k].kind) continue;
      put_file(&file, f, values[k].source);
      const char *found = f->found ? f->found : values[k].kind == ABSENT && f->may_be & NOTHING ? "nothing" : values[k].found;
      check_refused(&d, f, &file, found);
      n++;
    }
  }
  print_message("%d files\n", n);
  text_free(&file);
  data_fixture_end(&d);
}

// The row without the field: its name is another.
static void missing_fields_are_refused(void **state) {
  (void)state;
  data_fixture d = data_fixture_begin("chatml", false);
  text row = {0}, file = {0};
  int n = 0;
  for (const field *f = fields; f < fields + N_FIELDS; f++) {
    const char *at = strchr(f->row, '@'), *name = at - 2;
    if (f->may_be & ABSENT || at[-1] != ':') continue;
    while (name[-1] != '"') name--;
    text_clear(&row);
    text_put(&row, f->row, (size_t)(name - f->row));
    text_printf(&row, "other\":%s%s", f->value, at + 1);
    put_file(&file, f, f->value);
    file.length = (size_t)(strchr(file.data, '\n') + 1 - file.data);
    text_puts(&file, row.data);
    check_refused(&d, f, &file, "nothing");
    n++;
  }
  print_message("%d files\n", n);
  text_free(&row), text_free(&file);
  data_fixture_end(&d);
}

#define DEEP "[[[[[[[[[[[[[[[["
#define UNDEEP "]]]]]]]]]]]]]]]]"
#define DIGITS "1234567890123456"

// No JSON, whatever the field. `at`: characters behind the value's first one.
static const struct {
  const char *value;
  size_t at;
  const char *expected;
} faults[] = {
    {"\"\\ud83d\"", 1, "expected a character, found the first half of a surrogate pair without the second"},
    {"\"\\ud83d\\u0041\"", 1, "expected a character, found the first half of a surrogate pair without the second"},
    {"\"a\\ude00\"", 2, "expected a character, found the second half of a surrogate pair without the first"},
    {"\"a\\u0000b\"", 2, "expected text without NUL characters, found \\u0000"},
    {"\"a\\x41\"", 3, "expected one of \" \\ / b f n r t u after a backslash, found 'x'"},
    {"\"\\u00g0\"", 5, "expected four hexadecimal digits after \\u, found 'g'"},
    {"\"a\001\"", 2, "expected a control character in a string as an escape (\\n, \\t, \\u001b), found byte 0x01"},
    {"\"\tb\"", 1, "expected a control character in a string as an escape (\\n, \\t, \\u001b), found byte 0x09"},
    {"\"ab\xFF\"", 3, "expected UTF-8, found byte 0xFF"},
    {"\"\xC0\x80\"", 1, "expected UTF-8, found byte 0xC0"},         // a NUL in two bytes
    {"\"\xED\xA0\x80\"", 1, "expected UTF-8, found byte 0xED"},     // a surrogate
    {"\"\xF4\x90\x80\x80\"", 1, "expected UTF-8, found byte 0xF4"}, // above U+10FFFF
    {"\"\xE2\x82\"", 1, "expected UTF-8, found byte 0xE2"},         // cut
    {"'a'", 0, "expected a value, found '''"},
    {"None", 0, "expected a value, found 'N'"},
    {"True", 0, "expected a value, found 'T'"},
    {"NaN", 0, "expected a value, found 'N'"},
    {"-Infinity", 1, "expected a digit, found 'I'"},
    {"01", 1, "expected no digit after a leading 0, found '1'"},
    {"1.", 2, "expected a digit"},
    {".5", 0, "expected a value, found '.'"},
    {"0x10", 1, "expected "},
    {DIGITS DIGITS DIGITS DIGITS, 0, "expected a number of at most 63 characters, found a longer one"},
    {"[1,]", 3, "expected a value, found ']'"},
    {"{\"a\":1,}", 7, "expected a key in double quotes, found '}'"},
    {"{\"a\":1,\"a\":2}", 7, "expected each key once in an object, found \"a\" again"},
    {"{\"a\":1,\"\\u0061\":2}", 7, "expected each key once in an object, found \"\\u0061\" again"},
    {"{a:1}", 1, "expected a key in double quotes, found 'a'"},
    {"{\"a\" 1}", 5, "expected "},
    {"[1 2]", 3, "expected a comma or ']', found '2'"},
    {"[1}", 2, "expected a comma or ']', found '}'"},
    {DEEP DEEP DEEP DEEP DEEP DEEP DEEP DEEP UNDEEP UNDEEP UNDEEP UNDEEP UNDEEP UNDEEP UNDEEP UNDEEP, 0, NULL},
    {",", 0, "expected a value, found ','"},
    {"/* none */ 1", 0, "expected a value, found '/'"},
};

static void text_that_is_no_json_is_refused_in_every_field(void **state) {
  (void)state;
  data_fixture d = data_fixture_begin("chatml", false);
  text file = {0}, expected = {0};
  int n = 0;
  for (const field *f = fields; f < fields + N_FIELDS; f++) {
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) {
      put_file(&file, f, faults[k].value);
      text_clear(&expected);
      size_t column = (size_t)(strchr(f->row, '@') - f->row) + 1 + faults[k].at;
      if (faults[k].expected) text_printf(&expected, "bad.jsonl:2: column %zu: %s", column, faults[k].expected);
      else text_puts(&expected, "expected at most 128 levels of nesting"); // at which bracket depends on the row
      data_fixture_refuse(&d, "bad.jsonl", file.data, file.length, expected.data);
      n++;
    }
  }
  print_message("%d files\n", n);
  text_free(&file), text_free(&expected);
  data_fixture_end(&d);
}

// The end of the file, or a NUL, in the middle of a field.
static void fields_that_are_cut_are_refused(void **state) {
  (void)state;
  data_fixture d = data_fixture_begin("chatml", false);
  text file = {0}, expected = {0};
  int n = 0;
  for (const field *f = fields; f < fields + N_FIELDS; f++) {
    const size_t column = (size_t)(strchr(f->row, '@') - f->row) + 1;
    put_file(&file, f, "\"ab\"");
    const size_t at = (size_t)(strchr(file.data, '\n') - file.data) + column; // where the value begins
    for (size_t more = 0; more <= 3; more++, n++) {
      text_clear(&expected);
      text_printf(&expected, "bad.jsonl:2: column %zu: expected %s, found the end of the text", column,
                  more ? "a closing quote for the string that begins here" : "a value");
      data_fixture_refuse(&d, "bad.jsonl", file.data, at + more, expected.data);
    }
    file.data[at + 2] = 0;
    text_clear(&expected);
    text_printf(&expected, "bad.jsonl:2: byte %zu: expected text, found a NUL", column + 2);
    data_fixture_refuse(&d, "bad.jsonl", file.data, file.length, expected.data);
    n++;
  }
  print_message("%d files\n", n);
  text_free(&file), text_free(&expected);
  data_fixture_end(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_of_another_type_are_refused),
      cmocka_unit_test(missing_fields_are_refused),
      cmocka_unit_test(text_that_is_no_json_is_refused_in_every_field),
      cmocka_unit_test(fields_that_are_cut_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
