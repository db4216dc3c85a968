// What the built-in packs say at their tops of public data sets: each recipe that stands there, as it stands there, with rows of
// the shape that the data set has, and the right answer to each.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/assets.h"
#include "base/file.h"
#include "data/template_pack.h"

// `set`: as the header names it, up to a colon or a parenthesis. answer: of the pack's first phrasing.
static const struct {
  const char *pack, *set, *row, *answer;
  uint32_t n_references;
} rows[] = {
    {"acceptability", "CoLA", "{\"sentence\":\"They drank the pub.\",\"label\":0,\"idx\":4}", "No", 0},
    {"acceptability", "RuCoLA", "{\"id\":\"1\",\"sentence\":\"Он ушёл.\",\"acceptable\":\"1\",\"error_type\":\"0\"}", "Yes", 0},
    {"boolean_qa", "BoolQ",
     "{\"question\":\"is ice made of water\",\"title\":\"Ice\",\"answer\":true,\"passage\":\"Ice is water.\"}", "Yes", 0},
    {"boolean_qa", "BoolQ of SuperGLUE", "{\"question\":\"is tin wood\",\"passage\":\"Tin is a metal.\",\"idx\":3,\"label\":0}",
     "No", 0},
    {"boolean_qa", "BoolQ of SuperGLUE",
     "{\"question\":\"is tin a metal\",\"passage\":\"Tin is a metal.\",\"idx\":3,\"label\":true}", "Yes", 0},
    {"cause_effect", "COPA, XCOPA",
     "{\"premise\":\"The pot boiled over.\",\"choice1\":\"It was May.\",\"choice2\":\"The stove was "
     "hot.\",\"question\":\"cause\","
     "\"idx\":0,\"label\":1}",
     "The stove was hot.", 0},
    {"cause_effect", "Balanced COPA",
     "{\"id\":1,\"premise\":\"The pot boiled over.\",\"choice1\":\"The stove was hot.\",\"choice2\":\"It was May.\",\"question\":"
     "\"cause\",\"label\":1,\"mirrored\":false}",
     "The stove was hot.", 0},
    {"closed_book_qa", "WebQuestions",
     "{\"url\":\"http://x\",\"question\":\"who wrote emma?\",\"answers\":[\"Jane Austen\",\"Austen\"]}", "Jane Austen", 2},
    {"closed_book_qa", "Natural Questions", "{\"question\":\"who wrote emma\",\"answer\":[\"Jane Austen\"]}", "Jane Austen", 1},
    {"closed_book_qa", "TriviaQA",
     "{\"question\":\"Who wrote "
     "Emma?\",\"question_id\":\"tc_1\",\"entity_pages\":{\"title\":[]},\"answer\":{\"aliases\":[\"Austen\","
     "\"J. Austen\",\"Jane Austen\"],\"normalized_value\":\"jane austen\",\"type\":\"WikipediaEntity\",\"value\":\"Jane "
     "Austen\"}}",
     "Jane Austen", 3},
    {"coreference", "WinoGrande",
     "{\"sentence\":\"Ann thanked Eve since _ had helped.\",\"option1\":\"Ann\",\"option2\":\"Eve\",\"answer\":\"2\"}", "Eve", 0},
    {"data_to_text", "E2E",
     "{\"meaning_representation\":\"name[The Mill], food[French]\",\"human_reference\":\"The Mill is French.\"}",
     "The Mill is French.", 0},
    {"data_to_text", "WebNLG",
     "{\"category\":\"City\",\"size\":2,\"modified_triple_sets\":{\"mtriple_set\":[[\"Oslo | country | Norway\",\"Oslo | founded "
     "| "
     "1040\"]]},\"lex\":{\"comment\":[\"good\",\"good\"],\"text\":[\"Oslo is in Norway.\",\"Norway has Oslo.\"]}}",
     "Oslo is in Norway.", 2},
    {"data_to_text", "DART",
     "{\"tripleset\":[[\"Oslo\",\"COUNTRY\",\"Norway\"],[\"Oslo\",\"FOUNDED\",\"1040\"]],\"subtree_was_extended\":false,"
     "\"annotations\":{\"source\":[\"x\"],\"text\":[\"Oslo is in Norway.\"]}}",
     "Oslo is in Norway.", 1},
    {"grammar_correction", "JFLEG", "{\"sentence\":\"She go .\",\"corrections\":[\"\",\"She goes . \",\"She went .\"]}",
     "She goes .", 2},
    {"grammar_correction", "CoEdIT",
     "{\"_id\":\"1\",\"task\":\"gec\",\"src\":\"Remove all grammatical errors from this text: Note: she go.\",\"tgt\":\"Note: "
     "she "
     "goes.\"}",
     "Note: she goes.", 0},
    {"intent", "SNIPS", "{\"text\":\"will it rain\",\"label\":\"GetWeather\"}", "hear the weather", 0},
    {"intent", "ATIS, BANKING77, CLINC150, MASSIVE and others",
     "{\"id\":\"1\",\"utterance\":\"what does it cost\",\"intent\":\"airfare\",\"text\":\"no\",\"label\":\"no\"}",
     "ask for a fare", 0},
    {"keywords_to_sentence", "CommonGen, in the form that Hugging Face has",
     "{\"concept_set_idx\":0,\"concepts\":[\"ski\",\"skier\"],\"target\":\"A skier skis.\"}", "A skier skis.", 0},
    {"keywords_to_sentence", "CommonGen, its own files",
     "{\"concept_set\":\"ski#skier\",\"scene\":[\"A skier skis.\",\"Skiers ski.\"],\"reason\":[]}", "A skier skis.", 2},
    {"multiple_choice", "ARC, CommonsenseQA",
     "{\"id\":\"1\",\"question\":\"What "
     "melts?\",\"choices\":{\"text\":[\"ice\",\"sand\",\"air\",\"iron\"],\"label\":[\"1\",\"2\","
     "\"3\",\"4\"]},\"answerKey\":\"1\"}",
     "ice", 0},
    {"multiple_choice", "ARC, CommonsenseQA",
     "{\"id\":\"1\",\"question\":\"What melts?\",\"question_concept\":\"melt\",\"choices\":{\"label\":[\"A\",\"B\"],\"text\":["
     "\"sand\",\"ice\"]},\"answerKey\":\"B\"}",
     "ice", 0},
    {"multiple_choice", "OpenBookQA",
     "{\"id\":\"1\",\"question_stem\":\"What "
     "melts?\",\"choices\":{\"text\":[\"sand\",\"ice\"],\"label\":[\"A\",\"B\"]},\"answerKey\":"
     "\"B\"}",
     "ice", 0},
    {"multiple_choice", "A table with a column for each answer",
     "{\"question\":\"What melts?\",\"a\":\"sand\",\"b\":\"air\",\"c\":\"ice\",\"d\":\"iron\",\"right\":\"2\"}", "ice", 0},
    {"nli", "SNLI, MultiNLI, ANLI", "{\"premise\":\"A man runs.\",\"hypothesis\":\"He moves.\",\"label\":0}", "Yes", 0},
    {"nli", "SNLI and MultiNLI, their own files",
     "{\"sentence1\":\"A man runs.\",\"sentence2\":\"He sits.\",\"gold_label\":\"contradiction\",\"pairID\":\"1\"}", "No", 0},
    {"nli", "CommitmentBank of SuperGLUE", "{\"premise\":\"A man runs.\",\"hypothesis\":\"He sits.\",\"idx\":0,\"label\":1}",
     "No", 0},
    {"nli", "CommitmentBank of SuperGLUE, its own files",
     "{\"premise\":\"A man runs.\",\"hypothesis\":\"He is late.\",\"idx\":0,\"label\":\"neutral\"}", "Maybe", 0},
    {"paraphrase", "MRPC, PAWS", "{\"sentence1\":\"He left.\",\"sentence2\":\"He went.\",\"label\":1,\"idx\":0}", "Yes", 0},
    {"paraphrase", "QQP", "{\"question1\":\"Why?\",\"question2\":\"How?\",\"label\":0,\"idx\":0}", "No", 0},
    {"qnli", "QNLI of GLUE", "{\"question\":\"When did it end?\",\"sentence\":\"It ended in 1920.\",\"label\":0,\"idx\":0}",
     "Yes", 0},
    {"reading", "SQuAD, SQuAD 2, XQuAD",
     "{\"id\":\"1\",\"title\":\"Bees\",\"context\":\"Bees make honey.\",\"question\":\"What do bees "
     "make?\",\"answers\":{\"text\":["
     "\"honey\",\"honey\"],\"answer_start\":[10,10]}}",
     "honey", 2},
    {"rte", "RTE of GLUE", "{\"sentence1\":\"Two dogs bark.\",\"sentence2\":\"Dogs bark.\",\"label\":0,\"idx\":0}", "Yes", 0},
    {"rte", "RTE of SuperGLUE, SciTail", "{\"premise\":\"Two dogs bark.\",\"hypothesis\":\"Cats purr.\",\"idx\":0,\"label\":1}",
     "No", 0},
    {"rte", "RTE of SuperGLUE, SciTail", "{\"premise\":\"Two dogs bark.\",\"hypothesis\":\"Dogs bark.\",\"label\":\"entails\"}",
     "Yes", 0},
    {"sentiment", "IMDB, Rotten Tomatoes, Yelp polarity", "{\"text\":\"A bore.\",\"label\":0}", "negative", 0},
    {"sentiment", "SST-2", "{\"sentence\":\"a joy \",\"label\":1,\"idx\":0}", "positive", 0},
    {"sentiment", "Amazon polarity", "{\"label\":1,\"title\":\"Great\",\"content\":\"It works.\"}", "positive", 0},
    {"summarisation", "XSum, Gigaword, Multi-News",
     "{\"document\":\"It rained. The river rose.\",\"summary\":\"Floods.\",\"id\":\"1\"}", "Floods.", 0},
    {"summarisation", "CNN/DailyMail", "{\"article\":\"It rained. The river rose.\",\"highlights\":\"Floods.\",\"id\":\"1\"}",
     "Floods.", 0},
    {"summarisation", "SAMSum", "{\"id\":\"1\",\"dialogue\":\"Ann: Rain?\\r\\nEve: Yes.\",\"summary\":\"It rains.\"}",
     "It rains.", 0},
    {"topic", "AG News, in the form that Hugging Face has", "{\"text\":\"Shares fell.\",\"label\":2}", "business", 0},
    {"topic", "AG News, its own CSV", "{\"class\":\"3\",\"title\":\"Shares\",\"description\":\"They fell.\"}", "business", 0},
    {"topic", "BBC News", "{\"text\":\"The chip is out.\",\"label\":0,\"label_text\":\"tech\"}", "technology", 0},
    {"translation", "WMT, OPUS and IWSLT", "{\"translation\":{\"de\":\"Hallo!\",\"en\":\"Hello!\"}}", "Hello!", 0},
    {"translation", "Tatoeba and other tables", "{\"german\":\"Hallo!\",\"english\":\"Hello!\"}", "Hello!", 0},
    {"word_sense", "WiC of SuperGLUE",
     "{\"word\":\"bat\",\"sentence1\":\"A bat flew.\",\"sentence2\":\"Swing the bat.\",\"start1\":2,\"idx\":0,\"label\":0}", "No",
     0},
    {"word_sense", "WiC of SuperGLUE",
     "{\"idx\":0,\"version\":1.1,\"word\":\"bat\",\"sentence1\":\"A bat flew.\",\"sentence2\":\"A bat slept.\",\"label\":true}",
     "Yes", 0},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static void check_row(arena *a, const template_pack *p, size_t at, const char *yaml) {
  json row;
  err e = {0};
  if (!json_parse("row", rows[at].row, strlen(rows[at].row), &row, &e)) fail_msg("%s: %s", rows[at].row, e.message);
  for (uint32_t i = 0; i < p->n_templates; i++) {
    raw_example x = {0};
    if (!template_pack_render(a, p, &row, i, &x, &e)) fail_msg("%s\n%s", yaml, e.message);
    if (i) continue;
    assert_string_equal(x.messages[1].content, rows[at].answer);
    assert_int_equal(x.references.n, rows[at].n_references);
  }
  json_free(&row);
}

// One data set of a pack's header: the pack with this recipe, every phrasing, every row of the set.
static void check_recipe(const char *pack, const char *set, const char *recipe, bool used[N_ROWS]) {
  arena *a = arena_new("a recipe");
  const char *path = test_path(test_directory(), "recipe.yaml"), *yaml = arena_printf(a, "pack: %s\n%s", pack, recipe);
  template_pack *p;
  err e = {0};
  uint32_t n = 0;
  test_write(path, yaml, strlen(yaml));
  if (!template_pack_read(a, path, &p, &e)) fail_msg("%s\n%s", yaml, e.message);
  for (size_t i = 0; i < N_ROWS; i++) {
    if (strcmp(rows[i].pack, pack) || strcmp(rows[i].set, set)) continue;
    check_row(a, p, i, yaml);
    used[i] = true;
    n++;
  }
  if (!n) fail_msg("%s: no row of \"%s\" here", pack, set);
  arena_free(a);
}

static const char RECIPE[] = "#     ", SET[] = "#   ";

// The lines "#   NAME: …" with those of the recipe, "#     …", behind each.
static uint32_t check_header(const char *pack, char *source, bool used[N_ROWS]) {
  uint32_t n = 0;
  text recipe = {0};
  char *set = NULL, *next;
  for (char *line = source; line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    if (!strncmp(line, RECIPE, strlen(RECIPE))) {
      text_printf(&recipe, "%s\n", line + strlen(RECIPE));
      continue;
    }
    const bool begins = !strncmp(line, SET, strlen(SET));
    if (set && (begins || *line != '#')) check_recipe(pack, set, recipe.length ? recipe.data : "", used), n++, set = NULL;
    if (*line != '#') break;
    if (!begins) continue;
    text_clear(&recipe);
    set = line + strlen(SET);
    char *end = set + strcspn(set, ":(");
    while (end > set && end[-1] == ' ') end--;
    *end = 0;
  }
  text_free(&recipe);
  return n;
}

static void every_recipe_works(void **state) {
  (void)state;
  arena *a = arena_new("packs");
  char **names, *source;
  uint64_t n, size;
  bool used[N_ROWS] = {false};
  assert_true(dir_list(a, assets_path(a, "templates"), &names, &n, NULL));
  for (uint64_t i = 0; i < n; i++) {
    const char *path = path_join(a, assets_path(a, "templates"), names[i]);
    assert_true(file_read(a, path, 1 << 20, &source, &size, NULL));
    if (!check_header(path_stem(a, path), source, used)) fail_msg("%s: it names no data set", path);
  }
  for (size_t i = 0; i < N_ROWS; i++)
    if (!used[i]) fail_msg("%s: its header does not name \"%s\"", rows[i].pack, rows[i].set);
  arena_free(a);
}

// A row through the first phrasing of a pack.
static bool render_first(arena *a, const char *yaml, const char *source, raw_example *x, err *e) {
  const char *path = test_path(test_directory(), "mine.yaml");
  template_pack *p;
  json *row = ARENA_NEW(a, json);
  test_write(path, yaml, strlen(yaml));
  if (!template_pack_read(a, path, &p, e)) fail_msg("%s", e->message);
  assert_true(json_parse("row", source, strlen(source), row, e));
  *x = (raw_example){0};
  const bool ok = template_pack_render(a, p, row, 0, x, e);
  json_free(row);
  return ok;
}

// The names that a pack computes from can be anybody's.
static void every_column_can_be_renamed(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *row, *part;
  } cases[] = {
      {"pack: boolean_qa\ncolumns: {question: q, passage: p, answer: a}\n", "{\"q\":\"is it\",\"p\":\"It is.\",\"a\":\"1\"}",
       "Is it?"},
      {"pack: cause_effect\ncolumns: {question: q}\n",
       "{\"premise\":\"P.\",\"q\":\"effect\",\"choice1\":\"A.\",\"choice2\":\"B.\",\"label\":0}", "What happened as a result?"},
      {"pack: data_to_text\ncolumns: {facts: f}\n", "{\"f\":[\"a\",\"b\"],\"text\":\"T.\"}", "a; b"},
      {"pack: keywords_to_sentence\ncolumns: {concepts: c}\n", "{\"c\":\"a#b\",\"target\":\"T.\"}", "a, b"},
      {"pack: multiple_choice\ncolumns: {choices: c}\n",
       "{\"question\":\"Q?\",\"c\":{\"text\":[\"x\",\"y\"]},\"answerKey\":\"b\"}", "- x\n- y"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("a renamed column");
    raw_example x;
    err e = {0};
    if (!render_first(a, cases[i].yaml, cases[i].row, &x, &e)) fail_msg("%s", e.message);
    assert_non_null(strstr(x.messages[0].content, cases[i].part));
    arena_free(a);
  }
}

// What has no label or answer, or a label that says something else, is refused rather than guessed.
static void rows_without_a_label_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *row, *fault;
  } cases[] = {
      {"pack: nli\n", "{\"premise\":\"P.\",\"hypothesis\":\"H.\",\"label\":-1}", "in the column \"label\", found \"-1\""},
      {"pack: nli\ncolumns: {label: gold_label}\n", "{\"premise\":\"P.\",\"hypothesis\":\"H.\",\"gold_label\":\"-\"}",
       "found \"-\""},
      {"pack: reading\ncolumns: {answer: \"{{ answers.text[0] }}\"}\nreferences: \"{{ answers.text }}\"\n",
       "{\"context\":\"C.\",\"question\":\"Q?\",\"answers\":{\"text\":[],\"answer_start\":[]}}", "columns.answer: line 1"},
      {"pack: cause_effect\n", "{\"premise\":\"P.\",\"question\":\"Cause\",\"choice1\":\"A.\",\"choice2\":\"B.\",\"label\":0}",
       "columns.asks_cause: line 1"},
      {"pack: multiple_choice\n", "{\"question\":\"Q?\",\"choices\":{\"text\":[\"x\",\"y\"]},\"answerKey\":\"\"}", "found \"\""},
      {"pack: multiple_choice\n", "{\"question\":\"Q?\",\"choices\":{\"text\":[\"x\",\"y\"]},\"answerKey\":\"3\"}",
       "found \"3\""},
      {"pack: topic\n", "{\"text\":\"T.\",\"label\":\"sci/tech\"}", "found \"sci/tech\""},
      {"pack: keywords_to_sentence\n", "{\"concepts\":[\"a\"],\"target\":\"\"}", "answer: expected some text, found none"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("a row without a label");
    raw_example x;
    err e = {0};
    if (render_first(a, cases[i].yaml, cases[i].row, &x, &e)) fail_msg("case %zu is rendered", i);
    if (!strstr(e.message, cases[i].fault)) fail_msg("case %zu: %s", i, e.message);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_recipe_works),
      cmocka_unit_test(every_column_can_be_renamed),
      cmocka_unit_test(rows_without_a_label_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
