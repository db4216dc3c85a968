// Every built-in pack with made-up rows: each phrasing can be rendered, every choice is reachable, options are shown where
// the pack says so, and what it says beside its templates is there.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/assets.h"
#include "base/file.h"
#include "data/template_pack.h"

enum { ROWS_MOST = 8, WORDS_MOST = 64 };

// `rows`: with every label among them.
static const struct {
  const char *pack, *rows[ROWS_MOST];
} built_in[] = {
    {"acceptability", {"{\"sentence\":\"The cat sleeps.\",\"label\":1}", "{\"sentence\":\"Cat the sleeps.\",\"label\":0}"}},
    {"boolean_qa",
     {"{\"passage\":\"Ice is frozen water.\",\"question\":\"is ice made of water\",\"answer\":true}",
      "{\"passage\":\"Tin does not rust.\",\"question\":\"Does tin rust?\",\"answer\":false}"}},
    {"cause_effect",
     {"{\"premise\":\"The pot boiled over.\",\"question\":\"cause\",\"choice1\":\"The stove was hot.\",\"choice2\":\"It was "
      "May.\",\"label\":0}",
      "{\"premise\":\"He missed the bus.\",\"question\":\"effect\",\"choice1\":\"He grew a beard.\",\"choice2\":\"He came "
      "late.\",\"label\":1}"}},
    {"closed_book_qa",
     {"{\"question\":\"What is the capital of France?\",\"answer\":\"Paris\"}",
      "{\"question\":\"Who painted Guernica?\",\"answer\":\"Picasso\"}"}},
    {"coreference",
     {"{\"sentence\":\"The ball broke the vase since _ was hard.\",\"option1\":\"ball\",\"option2\":\"vase\",\"answer\":\"1\"}",
      "{\"sentence\":\"Ann thanked Eve since _ had helped.\",\"option1\":\"Ann\",\"option2\":\"Eve\",\"answer\":\"2\"}"}},
    {"data_to_text",
     {"{\"facts\":\"name[The Mill], food[French]\",\"text\":\"The Mill serves French food.\"}",
      "{\"facts\":[\"Oslo | country | Norway\",\"Oslo | founded | 1040\"],\"text\":\"Oslo, in Norway, dates from 1040.\"}"}},
    {"grammar_correction",
     {"{\"text\":\"She go home.\",\"corrected\":\"She goes home.\"}", "{\"text\":\"I has it.\",\"corrected\":\"I have it.\"}"}},
    {"intent",
     {"{\"text\":\"put this on my list\",\"label\":0}", "{\"text\":\"a table for two\",\"label\":\"BookRestaurant\"}",
      "{\"text\":\"will it rain\",\"label\":2}", "{\"text\":\"some jazz please\",\"label\":3}",
      "{\"text\":\"four stars for it\",\"label\":4}", "{\"text\":\"show me that novel\",\"label\":5}",
      "{\"text\":\"what is on tonight\",\"label\":6}"}},
    {"keywords_to_sentence",
     {"{\"concepts\":[\"dog\",\"throw\",\"stick\"],\"target\":\"A man throws a stick for his dog.\"}",
      "{\"concepts\":\"boat#lake#row\",\"target\":\"They row a boat on the lake.\"}"}},
    {"multiple_choice",
     {"{\"question\":\"What melts?\",\"choices\":{\"text\":[\"ice\",\"sand\",\"air\"]},\"answerKey\":\"A\"}",
      "{\"question\":\"What flies?\",\"choices\":{\"text\":[\"cow\",\"stone\",\"kite\"]},\"answerKey\":\"3\"}"}},
    {"nli",
     {"{\"premise\":\"A man runs.\",\"hypothesis\":\"He moves.\",\"label\":0}",
      "{\"premise\":\"A girl reads.\",\"hypothesis\":\"She reads a novel.\",\"label\":\"neutral\"}",
      "{\"premise\":\"It is dark.\",\"hypothesis\":\"The sun shines.\",\"label\":2}"}},
    {"paraphrase",
     {"{\"sentence1\":\"He left.\",\"sentence2\":\"He went away.\",\"label\":1}",
      "{\"sentence1\":\"She won.\",\"sentence2\":\"She lost.\",\"label\":0}"}},
    {"qnli",
     {"{\"question\":\"When did it end?\",\"sentence\":\"It ended in 1920.\",\"label\":0}",
      "{\"question\":\"Who won?\",\"sentence\":\"It ended in 1920.\",\"label\":\"not_entailment\"}"}},
    {"reading",
     {"{\"context\":\"Rome was founded by Romulus.\",\"question\":\"Who founded Rome?\",\"answer\":\"Romulus\"}",
      "{\"context\":\"Bees make honey.\",\"question\":\"What do bees make?\",\"answer\":\"honey\"}"}},
    {"rte",
     {"{\"sentence1\":\"Two dogs bark.\",\"sentence2\":\"Dogs bark.\",\"label\":0}",
      "{\"sentence1\":\"A dog barks.\",\"sentence2\":\"A cat purrs.\",\"label\":\"not_entailment\"}"}},
    {"sentiment", {"{\"text\":\"A joy.\",\"label\":1}", "{\"text\":\"A bore.\",\"label\":\"negative\"}"}},
    {"summarisation",
     {"{\"document\":\"It rained all week. The river rose. The town is under water.\",\"summary\":\"Rain floods town.\"}",
      "{\"document\":\"The museum opens on Monday after ten years.\",\"summary\":\"Museum reopens.\"}"}},
    {"topic",
     {"{\"text\":\"Leaders met in Geneva.\",\"label\":0}", "{\"text\":\"The home team won.\",\"label\":1}",
      "{\"text\":\"Shares fell.\",\"label\":\"Business\"}", "{\"text\":\"A new chip is out.\",\"label\":3}"}},
    {"translation",
     {"{\"source_language\":\"German\",\"target_language\":\"English\",\"source_text\":\"Hallo!\",\"target_text\":\"Hello!\"}",
      "{\"source_language\":\"French\",\"target_language\":\"English\",\"source_text\":\"Oui.\",\"target_text\":\"Yes.\"}"}},
    {"word_sense",
     {"{\"word\":\"bank\",\"sentence1\":\"The bank lends money.\",\"sentence2\":\"I went to the bank to pay.\",\"label\":true}",
      "{\"word\":\"bat\",\"sentence1\":\"A bat flew by.\",\"sentence2\":\"He swung the bat.\",\"label\":false}"}},
};
enum { N_BUILT_IN = sizeof built_in / sizeof *built_in };

static template_pack *open_pack(arena *a, const char *name) {
  template_pack *p;
  err e = {0};
  char file[64];
  snprintf(file, sizeof file, "templates/%s.yaml", name);
  if (!template_pack_read(a, assets_path(a, file), &p, &e)) fail_msg("%s", e.message);
  return p;
}

static void parse_row(const char *source, json *row) {
  err e = {0};
  if (!json_parse("row", source, strlen(source), row, &e)) fail_msg("%s: %s", source, e.message);
}

static raw_example render(arena *a, const template_pack *p, const json *row, uint32_t i) {
  raw_example x = {0};
  err e = {0};
  if (!template_pack_render(a, p, row, i, &x, &e)) fail_msg("%s, \"%s\": %s", p->file, p->templates[i].name, e.message);
  return x;
}

static void every_pack_has_rows_here(void **state) {
  (void)state;
  arena *a = arena_new("names");
  char **names, file[64];
  uint64_t n;
  assert_true(dir_list(a, assets_path(a, "templates"), &names, &n, NULL));
  assert_int_equal(n, N_BUILT_IN);
  assert_true(n >= 12);
  for (uint64_t i = 0; i < n; i++) {
    snprintf(file, sizeof file, "%s.yaml", built_in[i].pack);
    assert_string_equal(names[i], file);
  }
  arena_free(a);
}

// It stands behind "Things to avoid:": a thing that somebody may do, not an order.
static void check_avoided(const char *file, const char *avoid) {
  assert_non_null(avoid);
  const char *first = avoid + strcspn(avoid, " ");
  if (first - avoid < 4 || strncmp(first - 3, "ing", 3) || strstr(avoid, "o not ") || strstr(avoid, "on't "))
    fail_msg("%s: expected things to avoid (\"doing …\"), found \"%s\"", file, avoid);
}

static void packs_say_what_they_are(void **state) {
  (void)state;
  for (size_t k = 0; k < N_BUILT_IN; k++) {
    arena *a = arena_new("a pack");
    const template_pack *p = open_pack(a, built_in[k].pack);
    uint32_t n_direct = 0, n_inverted = 0, n_shown = 0;
    for (uint32_t i = 0; i < p->n_templates; i++) {
      if (i && !strcmp(p->templates[i].name, p->templates[i - 1].name)) continue; // the same with options
      n_inverted += p->templates[i].inverted;
      n_direct += !p->templates[i].inverted;
    }
    for (uint32_t i = 0; i < p->n_templates; i++) n_shown += p->templates[i].shows_options;
    // assets/README.md says so
    if (n_direct < 6 || n_inverted < 1 || n_inverted > 2)
      fail_msg("%s: %u phrasings and %u inverted", p->file, n_direct, n_inverted);
    assert_string_equal(p->task, built_in[k].pack);
    assert_non_null(p->cluster);
    assert_non_null(p->definition);
    check_avoided(p->file, p->avoid);
    for (uint32_t i = 0; i < p->n_templates; i++)
      if (p->templates[i].avoid) check_avoided(p->file, p->templates[i].avoid);
    if (p->choices.n || p->row_choices) assert_true(n_shown > 0 && n_shown < p->n_templates);
    arena_free(a);
  }
}

static void check_options(const raw_example *x, const pack_template *t) {
  const char *prompt = x->messages[0].content;
  for (uint32_t i = 0; i < x->choices.n; i++) {
    char line[256];
    snprintf(line, sizeof line, "- %s", x->choices.items[i]);
    if ((strstr(prompt, line) != NULL) != t->shows_options)
      fail_msg("%s: expected options %s, found\n%s", t->name, t->shows_options ? "shown" : "not shown", prompt);
  }
  if (!t->shows_options && strstr(prompt, "Options:")) fail_msg("%s: a heading without options:\n%s", t->name, prompt);
}

static void check_text(const char *name, const char *content) {
  static const char *const signs_of_a_fault[] = {"{{", "{%", "None", "[]", "\n\n\n", "  ", "\t", "..\n", NULL};
  for (int i = 0; signs_of_a_fault[i]; i++)
    if (strstr(content, signs_of_a_fault[i])) fail_msg("%s: found '%s' in\n%s", name, signs_of_a_fault[i], content);
}

static void every_phrasing_can_be_rendered(void **state) {
  (void)state;
  for (size_t k = 0; k < N_BUILT_IN; k++)
    for (int r = 0; r < ROWS_MOST && built_in[k].rows[r]; r++) {
      arena *a = arena_new("a pack");
      const template_pack *p = open_pack(a, built_in[k].pack);
      const char **prompts = ARENA_ARRAY(a, const char *, p->n_templates);
      json row;
      parse_row(built_in[k].rows[r], &row);
      for (uint32_t i = 0; i < p->n_templates; i++) {
        const pack_template *t = &p->templates[i];
        const raw_example x = render(a, p, &row, i);
        assert_int_equal(x.n_messages, 2);
        prompts[i] = x.messages[0].content;
        check_text(t->name, prompts[i]);
        check_text(t->name, x.messages[1].content);
        check_options(&x, t);
        assert_string_equal(x.task, t->inverted ? p->inverted_task : p->task);
        assert_non_null(x.definition);
        if (!t->inverted) assert_true(x.personas.n > 0);
        for (uint32_t before = 0; before < i; before++)
          if (!strcmp(prompts[before], prompts[i])) fail_msg("%s: two templates give\n%s", p->file, prompts[i]);
      }
      json_free(&row);
      arena_free(a);
    }
}

// Whoever is to choose has met what there is to choose from: choices of a row's own stand in every prompt.
static void choices_of_a_row_are_always_there(void **state) {
  (void)state;
  for (size_t k = 0; k < N_BUILT_IN; k++) {
    arena *a = arena_new("a pack");
    const template_pack *p = open_pack(a, built_in[k].pack);
    for (uint32_t i = 0; p->row_choices && i < p->n_templates; i++) {
      json row;
      parse_row(built_in[k].rows[0], &row);
      const raw_example x = render(a, p, &row, i);
      for (uint32_t c = 0; c < x.choices.n; c++)
        if (!strstr(x.messages[0].content, x.choices.items[c]))
          fail_msg("%s: \"%s\" does not offer %s:\n%s", p->file, p->templates[i].name, x.choices.items[c], x.messages[0].content);
      json_free(&row);
    }
    arena_free(a);
  }
}

// Of one template: which of the choices are right for some row.
static void check_reachable(arena *a, size_t k, const template_pack *p, uint32_t i) {
  bool reached[WORDS_MOST] = {false};
  uint32_t n_choices = 0, n_reached = 0;
  for (int r = 0; r < ROWS_MOST && built_in[k].rows[r]; r++) {
    json row;
    parse_row(built_in[k].rows[r], &row);
    const raw_example x = render(a, p, &row, i);
    n_choices = x.choices.n;
    assert_true(n_choices <= WORDS_MOST);
    for (uint32_t c = 0; c < x.choices.n; c++) reached[c] |= !strcmp(x.choices.items[c], x.messages[1].content);
    json_free(&row);
  }
  for (uint32_t c = 0; c < n_choices; c++) n_reached += reached[c];
  if (p->choices.n ? n_reached != n_choices : n_reached < 2)
    fail_msg("%s, \"%s\": %u of %u choices can be right", p->file, p->templates[i].name, n_reached, n_choices);
}

static void every_choice_can_be_right(void **state) {
  (void)state;
  for (size_t k = 0; k < N_BUILT_IN; k++) {
    arena *a = arena_new("a pack");
    const template_pack *p = open_pack(a, built_in[k].pack);
    for (uint32_t i = 0; i < p->n_templates; i++) {
      const pack_template *t = &p->templates[i];
      if ((p->choices.n || p->row_choices) && !t->inverted && !(t->has_choices && !t->choices.n)) check_reachable(a, k, p, i);
    }
    arena_free(a);
  }
}

// "yes" and "no" that were written without quotation marks, say, or a value that no row has.
static void every_label_value_is_a_choice(void **state) {
  (void)state;
  for (size_t k = 0; k < N_BUILT_IN; k++) {
    arena *a = arena_new("a pack");
    const template_pack *p = open_pack(a, built_in[k].pack);
    for (uint32_t c = 0; c < p->choices.n; c++) {
      bool meant = false;
      for (uint32_t v = 0; v < p->label.n; v++) meant |= p->label.meant[v] == c;
      if (!meant) fail_msg("%s: no value of the label means \"%s\"", p->file, p->choices.items[c]);
    }
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_pack_has_rows_here),       cmocka_unit_test(packs_say_what_they_are),
      cmocka_unit_test(every_phrasing_can_be_rendered), cmocka_unit_test(every_choice_can_be_right),
      cmocka_unit_test(every_label_value_is_a_choice),  cmocka_unit_test(choices_of_a_row_are_always_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
