// Template packs: what a row becomes, which phrasings it gets, what a pack takes from another, and packs and rows that are
// wrong in one thing each.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "data/template_pack.h"
#include "jinja/jinja.h"

#define ONE "templates: [{name: n, prompt: 'p {{ q }}', answer: '{{ a }}'}]\n"
#define YES_NO "choices: ['Yes', 'No']\nlabel: {column: y, values: {'1': 'Yes', '0': 'No'}}\n"

static const char *write_pack(const char *name, const char *yaml) {
  const char *path = test_path(test_directory(), name);
  test_write(path, yaml, strlen(yaml));
  return path;
}

static template_pack *open_pack(arena *a, const char *yaml) {
  template_pack *p;
  err e = {0};
  if (!template_pack_read(a, write_pack("pack.yaml", yaml), &p, &e)) fail_msg("%s", e.message);
  return p;
}

// Template i of the pack with a row of JSON, which must outlive the example.
static raw_example render(arena *a, const template_pack *p, json *row, const char *source, uint32_t i) {
  raw_example x = {0};
  err e = {0};
  assert_true(json_parse("data.jsonl:7", source, strlen(source), row, &e));
  if (!template_pack_render(a, p, row, i, &x, &e)) fail_msg("%s", e.message);
  return x;
}

static void check_turns(const char *yaml, uint32_t i, const char *source, const char *prompt, const char *answer) {
  arena *a = arena_new("a pack");
  json row;
  const raw_example x = render(a, open_pack(a, yaml), &row, source, i);
  assert_int_equal(x.n_messages, 2);
  assert_int_equal(x.messages[0].role, ROLE_USER);
  assert_int_equal(x.messages[1].role, ROLE_ASSISTANT);
  assert_true(x.messages[1].train && !x.messages[0].train);
  assert_string_equal(x.messages[0].content, prompt);
  assert_string_equal(x.messages[1].content, answer);
  json_free(&row);
  arena_free(a);
}

static void columns_are_variables(void **state) {
  (void)state;
  check_turns(ONE, 0, "{\"q\":\"why\",\"a\":\" so \\n\"}", "p why", "so");
  check_turns(ONE, 0, "{\"q\":1,\"a\":2.5,\"unused\":null}", "p 1", "2.5");
  check_turns("templates: [{name: n, prompt: \"{{ row['odd name'] }}{{ row.q }}\", answer: '{{ z.b[1] }}'}]\n", 0,
              "{\"odd name\":\"o\",\"q\":\"k\",\"z\":{\"b\":[1,2]}}", "ok", "2");
  check_turns("templates: [{name: n, prompt: \"{% if q is defined %}{{ q }}{% endif %}{{ q | default('none') }}\", answer: x}]\n",
              0, "{\"q\":null}", "none", "x");
}

// What a pack computes, it computes from the columns as the packs that take from it have named them; its own it does not see.
static void computed_columns_see_other_packs_names(void **state) {
  (void)state;
  write_pack("base.yaml",
             "columns: {up: '{{ q | upper }}', a: '{{ up }}', z: q}\n"
             "templates: [{name: n, prompt: '{{ up }} {{ z }}', answer: '{{ a }}{{ row.q }}'}]\n");
  write_pack("middle.yaml", "pack: base.yaml\ncolumns: {q: \"{{ r ~ '2' }}\"}\n");
  check_turns("pack: base.yaml\n", 0, "{\"q\":\"o\",\"up\":\"u\"}", "O o", "uo");
  check_turns("pack: base.yaml\ncolumns: {q: theirs}\n", 0, "{\"theirs\":\"t\",\"q\":\"o\",\"up\":\"u\"}", "T t", "uo");
  check_turns("pack: middle.yaml\ncolumns: {r: \"{{ theirs ~ q }}\"}\n", 0,
              "{\"theirs\":\"t\",\"q\":\"o\",\"r\":\"r\",\"up\":\"u\"}", "TO2 to2", "uo");
  // A column that another pack says anew is that pack's.
  check_turns("pack: base.yaml\ncolumns: {up: q}\n", 0, "{\"q\":\"o\",\"up\":\"u\"}", "o o", "oo");
}

static void columns_are_renamed_and_computed(void **state) {
  (void)state;
  check_turns("columns: {q: theirs, a: \"{{ q ~ '!' }}\"}\n" ONE, 0, "{\"theirs\":\"new\",\"q\":\"old\"}", "p new", "old!");
  check_turns("columns: {a: '{{ answers.text[0] }}'}\n" ONE, 0, "{\"q\":\"k\",\"answers\":{\"text\":[\"t\",\"u\"]}}", "p k", "t");
}

#define CLASSES                                                                                                          \
  "task: t\ncluster: c\nsource: s\ndefinition: Say it.\nthings_to_avoid: Lies.\npersonas: [A, B]\n" YES_NO               \
  "templates:\n"                                                                                                         \
  "- {name: plain, prompt: 'Is it {{ q }}?', answer: '{{ answer_choice }}'}\n"                                           \
  "- {name: both, options: both, prompt: 'Is it {{ q }}?', answer: '{{ answer_choice }}'}\n"                             \
  "- {name: inside, options: true, choices: ['True', 'False'], prompt: \"{{ options }}\\nIs {{ q }}?\", answer: '{{ "    \
  "answer_choice "                                                                                                       \
  "}}'}\n"                                                                                                               \
  "- {name: inverse, inverted: true, prompt: 'Make a {{ answer_choice }}.', answer: '{{ q }}'}\n"                        \
  "- {name: free, choices: [], personas: [D], definition: E, prompt: '{{ q }} {{ choices | join }}', answer: 'It is {{ " \
  "answer_choice }}'}\n"
#define ROW "{\"q\":\"so\",\"y\":0}"

static void choices_are_shown_where_they_should_be(void **state) {
  (void)state;
  check_turns(CLASSES, 0, ROW, "Is it so?", "No");
  check_turns(CLASSES, 1, ROW, "Is it so?", "No");
  check_turns(CLASSES, 2, ROW, "Is it so?\n\nOptions:\n- Yes\n- No", "No");
  check_turns(CLASSES, 3, ROW, "- True\n- False\nIs so?", "False");
  check_turns(CLASSES, 4, ROW, "Make a No.", "so");
  check_turns(CLASSES, 5, ROW, "so YesNo", "It is No");
}

// Only a variable of that name stands for them.
static void the_word_options_shows_none(void **state) {
  (void)state;
  static const char yaml[] = YES_NO
      "templates:\n- {name: n, options: both, prompt: 'Pick one of the options for {{ row.options }}.', answer: '{{ "
      "answer_choice "
      "}}'}\n- {name: m, options: true, prompt: '{% for o in [options] %}{{ o }}{% endfor %}', answer: '{{ answer_choice }}'}\n";
  const char *row = "{\"options\":\"so\",\"y\":1}";
  check_turns(yaml, 0, row, "Pick one of the options for so.", "Yes");
  check_turns(yaml, 1, row, "Pick one of the options for so.\n\nOptions:\n- Yes\n- No", "Yes");
  check_turns(yaml, 2, row, "- Yes\n- No", "Yes");
}

static void examples_carry_what_the_pack_says(void **state) {
  (void)state;
  arena *a = arena_new("a pack");
  const template_pack *p = open_pack(a, CLASSES);
  json row;
  raw_example x = render(a, p, &row, ROW, 0);
  assert_string_equal(x.task, "t");
  assert_string_equal(x.cluster, "c");
  assert_string_equal(x.source, "s");
  assert_string_equal(x.definition, "Say it.");
  assert_string_equal(x.avoid, "Lies.");
  assert_int_equal(x.personas.n, 2);
  assert_string_equal(x.personas.items[1], "B");
  assert_int_equal(x.choices.n, 2);
  assert_string_equal(x.choices.items[1], "No");
  assert_int_equal(x.references.n, 0);
  json_free(&row);
  x = render(a, p, &row, ROW, 3);
  assert_string_equal(x.choices.items[1], "False");
  json_free(&row);
  x = render(a, p, &row, ROW, 4); // what is said of the task is not said of its inverse
  assert_string_equal(x.task, "t_inverted");
  assert_null(x.definition);
  assert_null(x.avoid);
  assert_int_equal(x.personas.n + x.choices.n, 0);
  json_free(&row);
  x = render(a, p, &row, ROW, 5);
  assert_int_equal(x.choices.n, 0);
  assert_string_equal(x.definition, "E");
  assert_string_equal(x.avoid, "Lies.");
  assert_string_equal(x.personas.items[0], "D");
  json_free(&row);
  x = render(a, open_pack(a, "references: '{{ all }}'\n" ONE), &row, "{\"q\":1,\"a\":2,\"all\":[\"2\",\"two\",3]}", 0);
  assert_int_equal(x.references.n, 3);
  assert_string_equal(x.references.items[1], "two");
  assert_string_equal(x.references.items[2], "3");
  assert_string_equal(x.task, "pack"); // the file's stem
  json_free(&row);
  arena_free(a);
}

#define LABELLED(form)                                                              \
  "choices: '{{ [u, v] }}'\nlabel: " form                                           \
  "\ntemplates: [{name: n, prompt: '{{ choices[0] }}?', answer: '{{ answer_choice " \
  "}}'}]\n"

static void labels_name_or_count_the_choices(void **state) {
  (void)state;
  check_turns(LABELLED("y"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":\"down\"}", "up?", "down");
  check_turns(LABELLED("{column: y, as: text}"), 0, "{\"u\":\"7\",\"v\":\"8\",\"y\":8}", "7?", "8");
  check_turns(LABELLED("{column: y, as: index}"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":1}", "up?", "down");
  check_turns(LABELLED("{column: y, as: index_from_1}"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":\"1\"}", "up?", "up");
  check_turns(LABELLED("{column: y, as: letter}"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":\"b\"}", "up?", "down");
  check_turns(LABELLED("{column: y, as: letter}"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":\"2\"}", "up?", "down");
  check_turns(LABELLED("{column: y, as: letter}"), 0, "{\"u\":\"up\",\"v\":\"down\",\"y\":1}", "up?", "up");
  check_turns(
      "choices: ['Yes', 'No']\nlabel: {column: y, values: {'true': 'Yes', 'false': 'No'}}\n"
      "templates: [{name: n, prompt: p, answer: '{{ answer_choice }}'}]\n",
      0, "{\"y\":true}", "p", "Yes");
  // A column called `choices` is the data's until the pack's own are known.
  check_turns(
      "choices: '{{ choices.text }}'\nlabel: {column: y, as: index}\n"
      "templates: [{name: n, prompt: '{{ choices[1] }} {{ row.choices.text[0] }}', answer: '{{ answer_choice }}'}]\n",
      0, "{\"choices\":{\"text\":[\"a\",\"b\"]},\"y\":0}", "b a", "a");
}

// --- which phrasings ---

static const char *many(uint32_t n, const char *more) {
  static char yaml[4096];
  size_t at = (size_t)snprintf(yaml, sizeof yaml, "task: t\n%stemplates:\n", more);
  for (uint32_t i = 0; i < n; i++)
    at += (size_t)snprintf(yaml + at, sizeof yaml - at, "- {name: n%u, prompt: 'p%u {{ q }}', answer: x}\n", i, i);
  return yaml;
}

static void phrasings_are_drawn_by_seed_and_place(void **state) {
  (void)state;
  enum { N = 7, ROWS = 7000 };
  arena *a = arena_new("a pack");
  const template_pack *p = open_pack(a, many(N, ""));
  uint32_t times[N] = {0}, same_seed = 0, other_seed = 0, before = 0, repeated = 0;
  assert_int_equal(p->per_row, 1);
  for (uint64_t row = 1; row <= ROWS; row++) {
    uint32_t one, again, other;
    template_pack_draw(p, 42, row, &one);
    template_pack_draw(p, 42, row, &again);
    template_pack_draw(p, 43, row, &other);
    assert_true(one < N);
    times[one]++;
    same_seed += one == again;
    other_seed += one == other;
    repeated += row > 1 && one == before;
    before = one;
  }
  assert_int_equal(same_seed, ROWS);
  // Of 7,000 draws 1,000 each, with a standard deviation of 29.
  for (uint32_t i = 0; i < N; i++) assert_in_range(times[i], 850, 1150);
  assert_in_range(other_seed, 850, 1150);
  assert_in_range(repeated, 850, 1150);
  arena_free(a);
}

static void several_phrasings_of_a_row_differ(void **state) {
  (void)state;
  enum { N = 5, ROWS = 5000 };
  arena *a = arena_new("a pack");
  const template_pack *three = open_pack(a, many(N, "templates_per_row: 3\n")),
                      *all = open_pack(a, many(N, "templates_per_row: all\n"));
  uint32_t times[N] = {0}, chosen[N];
  for (uint64_t row = 1; row <= ROWS; row++) {
    template_pack_draw(three, 1, row, chosen);
    assert_true(chosen[0] < chosen[1] && chosen[1] < chosen[2] && chosen[2] < N);
    for (int k = 0; k < 3; k++) times[chosen[k]]++;
  }
  for (uint32_t i = 0; i < N; i++) assert_in_range(times[i], 2850, 3150); // 3,000, deviation 35
  assert_int_equal(all->per_row, N);
  template_pack_draw(all, 1, 1, chosen);
  for (uint32_t i = 0; i < N; i++) assert_int_equal(chosen[i], i);
  arena_free(a);
}

// --- packs that take from packs ---

static void packs_take_from_packs(void **state) {
  (void)state;
  arena *a = arena_new("a pack");
  template_pack *base, *p;
  err e = {0};
  const char *path = NULL;
  write_pack("base.yaml", "task: base\ncluster: c\ndata: base.csv\ncolumns: {q: first, a: second}\n" ONE);
  assert_true(template_pack_read(a, test_path(test_directory(), "base.yaml"), &base, &e));
  const char *mine = write_pack("mine.yaml",
                                "pack: base.yaml\nsource: s\ncolumns: {a: third}\ndata: {train: sub/t.tsv, test: /abs/x.csv}\n"
                                "templates: [{name: more, prompt: 'more {{ q }}', answer: '{{ a }}'}]\n");
  if (!template_pack_read(a, mine, &p, &e)) fail_msg("%s", e.message);
  assert_string_equal(p->task, "mine");
  assert_string_equal(p->cluster, "c");
  assert_string_equal(p->source, "s");
  assert_int_equal(p->n_templates, 2);
  assert_true(p->hash != base->hash);
  assert_true(template_pack_data(p, "train", &path, &e));
  assert_string_equal(path, test_path(test_directory(), "sub/t.tsv"));
  assert_true(template_pack_data(p, "test", &path, &e));
  assert_string_equal(path, "/abs/x.csv");
  assert_false(template_pack_data(p, "valid", &path, &e));
  assert_non_null(strstr(e.message, "mine.yaml: data.valid: expected the name of a file, found nothing"));
  assert_true(template_pack_data(base, "valid", &path, NULL)); // one file is for all
  json row;
  const raw_example x = render(a, p, &row, "{\"first\":\"1\",\"second\":\"2\",\"third\":\"3\"}", 1);
  assert_string_equal(x.messages[0].content, "more 1");
  assert_string_equal(x.messages[1].content, "3");
  json_free(&row);
  e = (err){0};
  assert_true(template_pack_read(a, write_pack("mine.yaml", "pack: rte\ntask: mine too\n"), &p, &e));
  assert_string_equal(p->task, "mine too");
  assert_false(template_pack_data(p, "train", &path, &e));
  assert_non_null(strstr(e.message,
                         "mine.yaml: data: expected the name of a file with labelled data (this pack has templates "
                         "only), found nothing"));
  arena_free(a);
}

static void the_hash_is_of_all_that_examples_depend_on(void **state) {
  (void)state;
  arena *a = arena_new("packs");
  template_pack *p, *same, *renamed, *other_base;
  const char *mine = "pack: base.yaml\n";
  write_pack("base.yaml", ONE);
  assert_true(template_pack_read(a, write_pack("mine.yaml", mine), &p, NULL));
  assert_true(template_pack_read(a, write_pack("mine.yaml", mine), &same, NULL));
  assert_true(template_pack_read(a, write_pack("renamed.yaml", mine), &renamed, NULL)); // the task's name
  write_pack("base.yaml", "definition: d\n" ONE);
  assert_true(template_pack_read(a, write_pack("mine.yaml", mine), &other_base, NULL));
  assert_true(p->hash == same->hash);
  assert_true(p->hash != renamed->hash);
  assert_true(p->hash != other_base->hash);
  arena_free(a);
}

// --- what is refused ---

typedef struct bad_pack {
  const char *yaml, *message;
} bad_pack;

static void bad_packs_are_refused(void **state) {
  (void)state;
  static const bad_pack cases[] = {
      {"", "bad.yaml: expected a YAML document, found an empty file"},
      {"- a\n", "bad.yaml: the top level: expected a mapping of keys to values, found an array of 1"},
      {"task: t\ntask: u\n" ONE, "bad.yaml:2: expected each key once in a mapping, found \"task\" again"},
      {"tasks: t\n" ONE, "bad.yaml: the top level: expected keys among pack, data, columns, task, cluster, source, "},
      {"task: 3\n" ONE, "bad.yaml: task: expected a string, found the number 3"},
      {"task: ''\n" ONE, "bad.yaml: task: expected some text, found an empty string"},
      {"cluster: [c]\n" ONE, "bad.yaml: cluster: expected a string, found an array of 1"},
      {"task: t\n", "bad.yaml: templates: expected at least one, found none"},
      {"templates: []\n", "bad.yaml: templates: expected at least one, found none"},
      {"templates: {a: b}\n", "bad.yaml: templates: expected an array, found an object of 1"},
      {"templates: [x]\n", "bad.yaml: templates[0]: expected a mapping of keys to values, found a string \"x\""},
      {"templates: [{prompt: p, answer: a}]\n", "bad.yaml: templates[0].name: expected a string, found nothing"},
      {"templates: [{name: n, answer: a}]\n", "bad.yaml: templates[0].prompt: expected a string, found nothing"},
      {"templates: [{name: n, prompt: p}]\n", "bad.yaml: templates[0].answer: expected a string, found nothing"},
      {"templates: [{name: n, promt: p, answer: a}]\n",
       "bad.yaml: templates[0]: expected keys among name, prompt, answer, options, inverted, choices, definition, personas, "
       "things_to_avoid, found \"promt\": did you mean prompt?"},
      {"templates: [{name: n, prompt: p, answer: a}, {name: n, prompt: q, answer: a}]\n",
       "bad.yaml: templates[1].name: expected a name of its own, found \"n\" again"},
      {"templates: [{name: n, prompt: 'a {{ b', answer: a}]\n", "bad.yaml: template \"n\": prompt: line 1, column "},
      {"templates: [{name: n, prompt: p, answer: \"x\\n{% include 'f' %}\"}]\n",
       "bad.yaml: template \"n\": answer: line 2, column "},
      {"templates: [{name: n, prompt: p, answer: a, inverted: 1}]\n",
       "bad.yaml: templates[0].inverted: expected true or false, found the number 1"},
      {YES_NO "templates: [{name: n, prompt: p, answer: a, options: yes}]\n",
       "bad.yaml: templates[0].options: expected true, false or both, found a string \"yes\""},
      {"templates: [{name: n, prompt: p, answer: a, options: both}]\n",
       "bad.yaml: template \"n\": options: expected choices to show, found none"},
      {YES_NO "templates: [{name: n, prompt: p, answer: a, options: true, inverted: true}]\n",
       "bad.yaml: templates[0].options: expected no options where the answer is none of the choices, found them"},
      {YES_NO "templates: [{name: n, prompt: p, answer: a, options: both, choices: []}]\n",
       "bad.yaml: templates[0].options: expected no options where the answer is none of the choices, found them"},
      {YES_NO "templates: [{name: n, prompt: p, answer: a, choices: [x, y, z]}]\n",
       "bad.yaml: template \"n\": choices: expected as many as the pack has (2), found 3"},
      {YES_NO "templates: [{name: n, prompt: p, answer: a, choices: [yes, true]}]\n",
       "bad.yaml: templates[0].choices: expected strings only, found true"},
      {"choices: [a]\n" ONE, "bad.yaml: choices: expected at least two, found one"},
      {"choices: []\n" ONE, "bad.yaml: choices: expected a list of strings, found an array of 0"},
      {"choices: [a, b, a]\n" ONE, "bad.yaml: choices[2]: expected different choices, found \"a\" again"},
      {"choices: [a, '']\n" ONE, "bad.yaml: choices[1]: expected some text, found an empty string"},
      {"choices: 'a, b'\n" ONE, "bad.yaml: choices: expected one expression in {{ … }} and nothing else, found \"a, b\""},
      {"choices: '{{ a }} '\n" ONE, "bad.yaml: choices: expected one expression in {{ … }} and nothing else"},
      {"choices: '{{ a + }}'\n" ONE, "bad.yaml: choices: line 1, column "},
      {"label: y\n" ONE, "bad.yaml: label: expected choices that it chooses from, found none"},
      {"choices: [a, b]\nlabel: {values: {'1': a}}\n" ONE, "bad.yaml: label.column: expected a string, found nothing"},
      {"choices: [a, b]\nlabel: {column: y, vals: {}}\n" ONE,
       "bad.yaml: label: expected keys among column, values, as, found \"vals\""},
      {"choices: [a, b]\nlabel: {column: y, values: {}}\n" ONE,
       "bad.yaml: label.values: expected a mapping of the column's values to choices, found an object of 0"},
      {"choices: [a, b]\nlabel: {column: y, values: {'1': c}}\n" ONE,
       "bad.yaml: label.values.1: expected one of the choices, found \"c\""},
      {"choices: [a, b]\nlabel: {column: y, values: {'1': }}\n" ONE,
       "bad.yaml: label.values.1: expected one of the choices, found null"},
      {"choices: [a, b]\nlabel: {column: y, values: {'1': a}, as: text}\n" ONE,
       "bad.yaml: label: expected values or as, found both"},
      {"choices: [a, b]\nlabel: {column: y, as: number}\n" ONE,
       "bad.yaml: label.as: expected text, index, index_from_1 or letter, found \"number\""},
      {"choices: '{{ c }}'\nlabel: {column: y, values: {'1': a}}\n" ONE,
       "bad.yaml: label.values: expected choices that are written out, found computed ones"},
      {"personas: me\n" ONE, "bad.yaml: personas: expected a list of strings, found a string \"me\""},
      {"personas: [1]\n" ONE, "bad.yaml: personas: expected strings only, found the number 1"},
      {"references: all\n" ONE, "bad.yaml: references: expected one expression in {{ … }} and nothing else, found \"all\""},
      {"columns: [a]\n" ONE, "bad.yaml: columns: expected a mapping of our names to the data's, found an array of 1"},
      {"columns: {a: 1}\n" ONE, "bad.yaml: columns.a: expected a string, found the number 1"},
      {"columns: {a: }\n" ONE, "bad.yaml: columns.a: expected a column's name, found null"},
      {"columns: {a: 'x {{ y }}'}\n" ONE, "bad.yaml: columns.a: expected one expression in {{ … }} and nothing else"},
      {"data: [a]\n" ONE, "bad.yaml: data: expected a mapping of keys to values, found an array of 1"},
      {"data: {training: a}\n" ONE, "bad.yaml: data: expected keys among train, valid, test, found \"training\""},
      {"data: ''\n" ONE, "bad.yaml: data: expected some text, found an empty string"},
      {"templates_per_row: 0\n" ONE,
       "bad.yaml: templates_per_row: expected a whole number from 1 on, or all, found the number 0"},
      {"templates_per_row: some\n" ONE, "bad.yaml: templates_per_row: expected a whole number from 1 on, or all, found a string"},
      {"templates_per_row: 2\n" ONE, "bad.yaml: templates_per_row: expected at most 1, as many as the pack has, found 2"},
      {"pack: nothing\n" ONE, "bad.yaml: pack: expected a pack's file (*.yaml) or one of the built-in packs acceptability, "},
      {"pack: ../templates/nli\n", "bad.yaml: pack: expected a file named *.yaml or *.yml, found '../templates/nli'"},
      {"pack: none.yaml\n", "none.yaml: cannot open: No such file or directory"},
      {"pack: bad.yaml\n" ONE, "bad.yaml: pack: expected at most 8 packs that take from each other, found more"},
      {"pack: rte\nchoices: ['Y', 'N']\n", "bad.yaml: label.values.0: expected one of the choices, found \"Yes\""},
      {"pack: rte\ntemplates: [{name: does it follow, prompt: p, answer: a}]\n",
       "bad.yaml: templates[0].name: expected a name of its own, found \"does it follow\" again"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("a bad pack");
    template_pack *p;
    err e = {0};
    if (template_pack_read(a, write_pack("bad.yaml", cases[i].yaml), &p, &e)) fail_msg("case %zu is read:\n%s", i, cases[i].yaml);
    if (!strstr(e.message, cases[i].message)) fail_msg("case %zu: expected\n  %s\nfound\n  %s", i, cases[i].message, e.message);
    arena_free(a);
  }
}

#define CHOOSE "templates: [{name: n, prompt: p, answer: '{{ answer_choice }}'}]\n"

static void bad_rows_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *row, *message;
  } cases[] = {
      {ONE, "[]", "data.jsonl:7: expected an object, found an array of 0"},
      {ONE, "{\"Q\":1,\"a\":2}",
       "pack.yaml: template \"n\": prompt: line 1, column 6: 'q' is undefined; the row has the columns \"Q\", \"a\""},
      {ONE, "{\"q\":1,\"a\":null}",
       "pack.yaml: template \"n\": answer: line 1, column 4: 'a' is undefined; the row has the columns \"q\""},
      {ONE, "{}", "'q' is undefined; the row has the columns (none)"},
      {"templates: [{name: n, prompt: '{{ q.z }}', answer: a}]\n", "{\"q\":{\"y\":1}}",
       "pack.yaml: template \"n\": prompt: line 1, column 6: 'dict object' has no attribute 'z'; the row has the columns \"q\""},
      {"templates: [{name: n, prompt: '{% if z %}{% endif %}p', answer: a}]\n", "{\"q\":1}", "'z' is undefined; the row"},
      {ONE, "{\"q\":1,\"a\":\" \\n\"}", "data.jsonl:7: "},
      {ONE, "{\"q\":1,\"a\":\" \\n\"}", "pack.yaml: template \"n\": answer: expected some text, found none"},
      {"templates: [{name: n, prompt: '{{ q }}', answer: a}]\n", "{\"q\":\"\"}",
       "pack.yaml: template \"n\": prompt: expected some text, found none"},
      {"templates: [{name: n, prompt: '{{ q + 1 }}', answer: a}]\n", "{\"q\":\"x\"}",
       "template \"n\": prompt: line 1, column 6: "},
      {"templates: [{name: n, prompt: \"{{ raise_exception('bad ' ~ q) }}\", answer: a}]\n", "{\"q\":\"x\"}", "bad x"},
      {"columns: {q: theirs}\n" ONE, "{\"a\":1,\"b\":2}",
       "pack.yaml: columns.q: expected the column \"theirs\", found none of that name; the row has the columns \"a\", \"b\""},
      {"columns: {q: '{{ b[3] }}'}\n" ONE, "{\"b\":[1]}", "pack.yaml: columns.q: line 1, column 5: "},
      {YES_NO CHOOSE, "{\"z\":1}",
       "pack.yaml: label: expected the column \"y\", found nothing there; the row has the columns \"z\""},
      {YES_NO CHOOSE, "{\"y\":2}", "pack.yaml: label: expected \"1\", \"0\" in the column \"y\", found \"2\""},
      {YES_NO CHOOSE, "{\"y\":[1]}", "pack.yaml: label: expected a text or number in the column \"y\", found a list"},
      {"choices: [a, b]\nlabel: y\n" CHOOSE, "{\"y\":\"c\"}",
       "pack.yaml: label: expected \"a\", \"b\" in the column \"y\", found \"c\""},
      {"choices: [a, b]\nlabel: {column: y, as: index}\n" CHOOSE, "{\"y\":2}",
       "pack.yaml: label: expected a number from 0 to 1 in the column \"y\", found \"2\""},
      {"choices: [a, b]\nlabel: {column: y, as: index}\n" CHOOSE, "{\"y\":-1}",
       "pack.yaml: label: expected a number from 0 to 1 in the column \"y\", found \"-1\""},
      {"choices: [a, b]\nlabel: {column: y, as: index_from_1}\n" CHOOSE, "{\"y\":0}",
       "pack.yaml: label: expected a number from 1 to 2 in the column \"y\", found \"0\""},
      {"choices: [a, b]\nlabel: {column: y, as: letter}\n" CHOOSE, "{\"y\":\"C\"}",
       "pack.yaml: label: expected a letter from A to B, or a number from 1, in the column \"y\", found \"C\""},
      {"choices: [a, b]\nlabel: {column: y, as: letter}\n" CHOOSE, "{\"y\":\"3\"}",
       "pack.yaml: label: expected a letter from A to B, or a number from 1, in the column \"y\", found \"3\""},
      {"choices: [a, b]\nlabel: {column: y, as: letter}\n" CHOOSE, "{\"y\":\"0\"}", "found \"0\""},
      {"choices: [a, b]\nlabel: {column: y, as: letter}\n" CHOOSE, "{\"y\":\"@\"}", "found \"@\""},
      {"choices: [a, b]\nlabel: {column: y, as: letter}\n" CHOOSE, "{\"y\":\"\"}",
       "pack.yaml: label: expected a letter from A to B, or a number from 1, in the column \"y\", found \"\""},
      {"choices: '{{ c }}'\n" ONE, "{\"c\":\"a\",\"q\":1,\"a\":1}",
       "pack.yaml: choices: expected a list of at least 2, found str"},
      {"choices: '{{ c }}'\n" ONE, "{\"c\":[\"a\"],\"q\":1,\"a\":1}",
       "pack.yaml: choices: expected a list of at least 2, found fewer"},
      {"choices: '{{ c }}'\n" ONE, "{\"c\":[\"a\",[]],\"q\":1,\"a\":1}", "pack.yaml: choices[1]: expected some text, found list"},
      {"choices: '{{ c }}'\n" ONE, "{\"c\":[\"\",\"b\"],\"q\":1,\"a\":1}",
       "pack.yaml: choices[0]: expected some text, found an empty string"},
      {"choices: '{{ c }}'\n" ONE, "{\"q\":1,\"a\":1}", "pack.yaml: choices: line 1, column 4: 'c' is undefined; the row has"},
      {"choices: [x, y]\n" ONE, "{\"q\":1,\"a\":\"z\"}",
       "pack.yaml: template \"n\": answer: expected one of the choices (\"choices: []\" where it is to be another), found \"z\""},
      {"choices: [x, y]\n" CHOOSE, "{\"q\":1}", "template \"n\": answer: line 1, column 4: 'answer_choice' is undefined"},
      {"references: '{{ r }}'\n" ONE, "{\"q\":1,\"a\":\"z\",\"r\":[]}",
       "pack.yaml: references: expected a list of at least 1, found fewer"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("a bad row");
    const template_pack *p = open_pack(a, cases[i].yaml);
    json row;
    raw_example x = {0};
    err e = {0};
    assert_true(json_parse("data.jsonl:7", cases[i].row, strlen(cases[i].row), &row, &e));
    if (template_pack_render(a, p, &row, 0, &x, &e)) fail_msg("case %zu is rendered: %s", i, x.messages[0].content);
    if (strncmp(e.message, "data.jsonl:7: ", 14) || !strstr(e.message, cases[i].message))
      fail_msg("case %zu: expected\n  %s\nfound\n  %s", i, cases[i].message, e.message);
    json_free(&row);
    arena_free(a);
  }
}

// A hostile pack ends as a hostile chat template does: at a limit of the interpreter.
static void renderings_have_limits(void **state) {
  (void)state;
  static const char *const prompts[] = {"{% for i in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}",
                                        "{{ 'x' * 99999999999 }}"};
  for (int i = 0; i < 2; i++) {
    arena *a = arena_new("a hostile pack");
    char yaml[256];
    snprintf(yaml, sizeof yaml, "templates:\n- name: n\n  prompt: \"%s\"\n  answer: a\n", prompts[i]);
    const template_pack *p = open_pack(a, yaml);
    json row;
    raw_example x = {0};
    err e = {0};
    assert_true(json_parse("data.jsonl:7", "{}", 2, &row, &e));
    assert_false(template_pack_render(a, p, &row, 0, &x, &e));
    assert_non_null(strstr(e.message, "data.jsonl:7: "));
    json_free(&row);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_variables),
      cmocka_unit_test(columns_are_renamed_and_computed),
      cmocka_unit_test(computed_columns_see_other_packs_names),
      cmocka_unit_test(the_word_options_shows_none),
      cmocka_unit_test(choices_are_shown_where_they_should_be),
      cmocka_unit_test(examples_carry_what_the_pack_says),
      cmocka_unit_test(labels_name_or_count_the_choices),
      cmocka_unit_test(phrasings_are_drawn_by_seed_and_place),
      cmocka_unit_test(several_phrasings_of_a_row_differ),
      cmocka_unit_test(packs_take_from_packs),
      cmocka_unit_test(the_hash_is_of_all_that_examples_depend_on),
      cmocka_unit_test(bad_packs_are_refused),
      cmocka_unit_test(bad_rows_are_refused),
      cmocka_unit_test(renderings_have_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
