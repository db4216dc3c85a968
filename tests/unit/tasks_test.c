// Tasks without a model: the metric that each gets, scores and rows of clusters, answers that are written and read again, limits
// on examples, and the choices that a data set keeps.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eval/predictions.h"
#include "support/data_fixture.h"

#define ONE(text) ((strings){(const char *const[]){text}, 1})
#define TWO(x, y) ((strings){(const char *const[]){x, y}, 2})

static task_item item(const char *task, const char *cluster, const char *prediction, strings references) {
  return (task_item){.task = task,
                     .cluster = cluster,
                     .category = "",
                     .metric = "",
                     .file = "f.jsonl",
                     .line = 1,
                     .references = references,
                     .prompt = "",
                     .prediction = prediction};
}

static void near(double found, double wanted) {
  if (!(fabs(found - wanted) <= 1e-9)) fail_msg("expected %.12g, found %.12g", wanted, found);
}

static vkift_metric metric_of(arena *a, task_item x, const tasks_options *o) {
  task_scores s = {.items = &x, .n = 1};
  err e = {0};
  if (!tasks_plan(a, o, &s, &e)) fail_msg("%s", e.message);
  return s.tasks[0].metric;
}

// --metric, then the row's own, then its category, then its choices, then ROUGE-L by its script.
static void which_metric(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  const tasks_options automatic = {.metric = VKIFT_METRIC_AUTO, .rouge_tokenizer = (void *)a};
  tasks_options fixed = automatic;
  fixed.metric = VKIFT_METRIC_F1;
  task_item x = item("t", "b", "", ONE("yes"));
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ROUGE_L);
  x.references = TWO("yes", "да, конечно");
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ROUGE_L_TOKENS);
  x.choices = TWO("yes", "no");
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ACCURACY);
  x.category = "Program Execution";
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ACCURACY);
  x.category = "Word Analogy";
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_EXACT_MATCH);
  x.category = "Title Generation";
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ROUGE_L_TOKENS);
  x.metric = "rouge_l";
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_ROUGE_L); // what is asked for by name stays
  x.metric = "bleu";
  assert_int_equal(metric_of(a, x, &automatic), VKIFT_METRIC_BLEU);
  assert_int_equal(metric_of(a, x, &fixed), VKIFT_METRIC_F1);
  arena_free(a);
}

static void refused(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  const tasks_options o = {.metric = VKIFT_METRIC_AUTO};
  task_item items[2] = {item("t", "c", "", ONE("a")), item("t", "c", "", ONE("a"))};
  items[1].line = 2;
  struct {
    const char *metric;
    strings references, choices;
    const char *message;
  } cases[] = {
      {"chrf", ONE("a"), {0}, "f.jsonl:2: metric: expected \"\", as the first example of the task t has it, found \"chrf\""},
      {"", {0}, {0}, "f.jsonl:2: expected an example with a prompt and an answer, to be scored by rouge_l, found none"},
      {"", ONE("да"), {0}, "the references of the task t are not in Latin script"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    task_scores s = {.items = items, .n = 2};
    err e = {0};
    items[1].metric = cases[i].metric, items[1].references = cases[i].references, items[1].choices = cases[i].choices;
    assert_false(tasks_plan(a, &o, &s, &e));
    if (!strstr(e.message, cases[i].message)) fail_msg("expected %s, found %s", cases[i].message, e.message);
  }
  // Rows may name several metrics where all are scored by another.
  const tasks_options f1 = {.metric = VKIFT_METRIC_F1}, by_length = {.metric = VKIFT_METRIC_ACCURACY_NORM};
  task_scores s = {.items = items, .n = 2};
  err e = {0};
  items[1].metric = "chrf", items[1].references = ONE("a"), items[1].choices = (strings){0};
  assert_true(tasks_plan(a, &f1, &s, &e));
  items[1].is_unanswered = true;
  assert_false(tasks_plan(a, &f1, &s, &e));
  assert_string_equal(e.message, "f.jsonl:2: expected a prediction, since the task t is scored by f1, found none");
  e = (err){0};
  items[0].choices = TWO("a", "b"), items[1].choices = TWO("a", "");
  assert_false(tasks_plan(a, &by_length, &s, &e));
  if (!strstr(e.message, "f.jsonl:2: expected choices of at least one character")) fail_msg("%s", e.message);
  arena_free(a);
}

// What could not be scored is said before anything is computed.
static void long_references_are_refused(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  char *words = arena_alloc(a, METRIC_TEXT_BYTES + 2);
  memset(words, 'a', METRIC_TEXT_BYTES + 1);
  const tasks_options o = {.metric = VKIFT_METRIC_AUTO};
  task_item x = item("t", "c", "", TWO("short", words));
  task_scores s = {.items = &x, .n = 1};
  err e = {0};
  words[METRIC_TEXT_BYTES + 1] = 0;
  assert_false(tasks_plan(a, &o, &s, &e));
  assert_string_equal(e.message,
                      "f.jsonl:1: expected answers of at most 1048576 bytes, to be scored by rouge_l, found one of 1048577");
  words[METRIC_TEXT_BYTES] = 0;
  assert_true(tasks_plan(a, &o, &s, &e));
  arena_free(a);
}

// Two tasks of one cluster with one metric, one with another; another cluster.
static void scores_and_rows(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  const double likely[] = {-4, -3}, base_likely[] = {-1, -9};
  task_item items[] = {
      item("a", "x", "red", ONE("red")),   item("a", "x", "blue", ONE("red")), item("b", "x", "a b", ONE("a b")),
      item("c", "y", "nothing", ONE("z")), item("w", "x", "", ONE("yes")),
  };
  items[4].choices = TWO("yes", "no, not"), items[4].loglikelihoods = likely;
  items[0].prompt = "Name it. Answer in at most 1 word.";
  items[1].prompt = "Name it. Use exactly 2 words.";
  enum { N = sizeof items / sizeof *items };
  const tasks_options o = {.metric = VKIFT_METRIC_AUTO};
  task_scores s = {.items = items, .n = N}, base;
  assert_true(tasks_plan(a, &o, &s, NULL) && tasks_score(a, &o, &s, NULL));
  task_item others[N];
  memcpy(others, items, sizeof items);
  others[0].prediction = "green", others[4].loglikelihoods = base_likely;
  base = (task_scores){.items = others, .n = N};
  assert_true(tasks_plan(a, &o, &base, NULL) && tasks_score(a, &o, &base, NULL));
  assert_string_equal(items[4].prediction, "no, not");
  assert_string_equal(others[4].prediction, "yes");
  vkift_task_score *rows;
  uint64_t n;
  tasks_summarise(a, &s, &base, 1, &rows, &n);
  // rouge_l: x, its tasks a and b, y, its task c, all; accuracy: x, its task w, all
  const struct {
    vkift_score_level level;
    const char *name;
    double score, base;
    int64_t examples, limits, met;
  } wanted[] = {{VKIFT_SCORE_CLUSTER, "x", 75, 50, 3, 2, 1}, {VKIFT_SCORE_TASK, "a", 50, 0, 2, 2, 1},
                {VKIFT_SCORE_TASK, "b", 100, 100, 1, 0, 0},  {VKIFT_SCORE_CLUSTER, "y", 0, 0, 1, 0, 0},
                {VKIFT_SCORE_TASK, "c", 0, 0, 1, 0, 0},      {VKIFT_SCORE_ALL, "", 37.5, 25, 4, 2, 1},
                {VKIFT_SCORE_CLUSTER, "x", 0, 100, 1, 0, 0}, {VKIFT_SCORE_TASK, "w", 0, 100, 1, 0, 0},
                {VKIFT_SCORE_ALL, "", 0, 100, 1, 0, 0}};
  assert_int_equal(n, sizeof wanted / sizeof *wanted);
  for (uint64_t i = 0; i < n; i++) {
    assert_int_equal(rows[i].level, wanted[i].level);
    assert_string_equal(rows[i].name, wanted[i].name);
    assert_int_equal(rows[i].metric, i < 6 ? VKIFT_METRIC_ROUGE_L : VKIFT_METRIC_ACCURACY);
    near(rows[i].score, wanted[i].score);
    near(rows[i].base, wanted[i].base);
    near(rows[i].difference, wanted[i].score - wanted[i].base);
    assert_int_equal(rows[i].examples, wanted[i].examples);
    assert_int_equal(rows[i].limits, wanted[i].limits);
    assert_int_equal(rows[i].limits_met, wanted[i].met);
  }
  near(rows[1].constant, 100);
  assert_string_equal(rows[1].frequent_answer, "red");
  arena_free(a);
}

static void accuracy_by_character(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  const double likely[] = {-4, -6, -6};
  task_item x = item("t", "", "", ONE("длинный"));
  x.choices = (strings){(const char *const[]){"no", "длинный", "longest"}, 3}; // both of 7 characters: the first counts
  x.loglikelihoods = likely;
  for (int by_character = 0; by_character < 2; by_character++) {
    const tasks_options o = {.metric = by_character ? VKIFT_METRIC_ACCURACY_NORM : VKIFT_METRIC_ACCURACY};
    task_scores s = {.items = &x, .n = 1};
    assert_true(tasks_plan(a, &o, &s, NULL) && tasks_score(a, &o, &s, NULL));
    assert_string_equal(x.prediction, by_character ? "длинный" : "no");
    near(x.result.score, by_character ? 100 : 0);
  }
  arena_free(a);
}

static void written_and_read(void **state) {
  (void)state;
  arena *a = arena_new("tasks");
  const double likely[] = {-0.1, -1e-300};
  task_item items[] = {item("a", "x", "\"quoted\"\n", TWO("r", "да")), item("w", "", "", ONE("yes"))};
  items[0].category = "Kind", items[0].prompt = "Prompt. Answer in 2 to 3 sentences.", items[0].metric = "f1";
  items[1].choices = TWO("yes", "no"), items[1].loglikelihoods = likely;
  const tasks_options o = {.metric = VKIFT_METRIC_AUTO};
  task_scores s = {.items = items, .n = 2}, again;
  err e = {0};
  assert_true(tasks_plan(a, &o, &s, NULL) && tasks_score(a, &o, &s, NULL));
  const char *path = test_path(test_directory(), "answers.jsonl");
  if (!predictions_write(path, &s, &e) || !predictions_load(a, path, &again, &e)) fail_msg("%s", e.message);
  assert_int_equal(again.n, 2);
  assert_true(tasks_plan(a, &o, &again, NULL) && tasks_score(a, &o, &again, NULL));
  for (int i = 0; i < 2; i++) {
    const task_item *x = &items[i], *y = &again.items[i];
    const char *const pairs[][2] = {
        {x->task, y->task},     {x->cluster, y->cluster},       {x->category, y->category},
        {x->prompt, y->prompt}, {x->prediction, y->prediction}, {metric_name(s.tasks[x->of].metric), y->metric}};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) assert_string_equal(pairs[k][0], pairs[k][1]);
    assert_int_equal(y->references.n, x->references.n);
    near(y->result.score, x->result.score);
    assert_int_equal(y->has_limit, x->has_limit);
  }
  assert_true(again.items[1].loglikelihoods[1] < 0 && again.items[1].loglikelihoods[1] > -1e-299);
  assert_int_equal(again.items[0].limit.most, 3);
  again.items[0].prediction = "base's";
  if (!predictions_write_compared(path, &s, &again, &e) || !predictions_load(a, path, &again, &e)) fail_msg("%s", e.message);
  char *written;
  uint64_t size;
  assert_true(file_read(a, path, 1 << 20, &written, &size, NULL));
  assert_non_null(strstr(written, ", \"prediction_base\": \"base's\", \"score_base\": 0"));
  assert_non_null(strstr(written, ", \"loglikelihoods_base\": [-0.1, -1e-300]"));
  assert_string_equal(again.items[0].prediction, items[0].prediction);
  arena_free(a);
}

static void limit(void **state) {
  (void)state;
  const example_origin one = {.task = "one", .cluster = "c"}, two = {.task = "two", .cluster = "c"};
  const example_origin other = {.task = "one", .cluster = "d"};
  example items[] = {{.origin = &one, .n = 1},
                     {.origin = &two, .n = 2},
                     {.origin = &one, .n = 3},
                     {.origin = &one, .n = 4},
                     {.origin = &two, .n = 5}};
  dataset set = {.items = items, .n = 5, .n_tokens = 15};
  tasks_limit(&set, 0);
  assert_int_equal(set.n, 5);
  tasks_limit(&set, 2);
  assert_int_equal(set.n, 4);
  assert_int_equal(set.n_tokens, 11);
  assert_int_equal(set.items[3].n, 5);
  items[1].origin = &other; // a task of the same name in another cluster
  tasks_limit(&set, 1);
  assert_int_equal(set.n, 3);
}

// Each choice stands where the answer does, up to its own end; what it has in common with the example is not kept twice.
static void choices_in_the_answers_place(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.choices = true;
  dataset set = data_fixture_read(&f, "c.jsonl",
                                  "{\"prompt\":\"Is it?\",\"completion\":\"yes\",\"choices\":[\"yes\",\"yesterday\",\"no\"],"
                                  "\"references\":[\"aye\"],\"category\":[\"K\",\"L\"],\"metric\":\"f1\"}\n"
                                  "{\"prompt\":\"And?\",\"completion\":\"no\"}\n");
  const example *x = &set.items[0];
  assert_string_equal(x->origin->category, "K");
  assert_string_equal(x->origin->cluster, "K");
  assert_string_equal(x->origin->metric, "f1");
  assert_string_equal(x->references->data, "aye");
  assert_null(set.items[1].as_answers);
  const tasks_options automatic = {.metric = VKIFT_METRIC_AUTO}, by_choices = {.metric = VKIFT_METRIC_ACCURACY};
  err e = {0};
  assert_true(tasks_check(&set, f.t, &automatic, &e));
  assert_false(tasks_check(&set, f.t, &by_choices, &e));
  assert_string_equal(e.message, "c.jsonl:2: expected choices, since the task c is scored by accuracy, found none");
  assert_int_equal(x->as_answers->n, 3);
  const char *const texts[] = {"yes", "yesterday", "no"};
  uint32_t at = 0;
  for (int i = 0; i < 3; i++) {
    const choice_sequence s = choice_tokens_next(x->as_answers, &at);
    int32_t ids[100];
    assert_in_range(s.n, 1, 99);
    memcpy(ids, x->ids, s.shared * sizeof *ids);
    memcpy(ids + s.shared, s.ids, (s.n - s.shared) * sizeof *ids);
    assert_int_equal(s.first, x->prompt_n);
    text found = {0};
    assert_true(tokenizer_decode(f.t, ids + s.first, s.n - s.first, false, &found, NULL));
    assert_string_equal(found.data, texts[i]);
    assert_memory_equal(ids, x->ids, s.first * sizeof *ids);
    assert_true(s.shared >= s.first);
    text_free(&found);
  }
  f.options.max_length = x->n;
  assert_non_null(
      data_fixture_read(&f, "c.jsonl", "{\"prompt\":\"Is it?\",\"completion\":\"yes\",\"choices\":[\"yes\",\"no\"]}\n")
          .items[0]
          .as_answers);
  f.options.max_length--, f.options.excess = EXCESS_TRUNCATE;
  assert_null(data_fixture_read(&f, "c.jsonl", "{\"prompt\":\"Is it?\",\"completion\":\"yes\",\"choices\":[\"yes\",\"no\"]}\n")
                  .items[0]
                  .as_answers);
  const char *empty = "{\"prompt\":\"a\",\"completion\":\"b\",\"choices\":[\"b\",\"\"]}\n";
  data_fixture_refuse(&f, "c.jsonl", empty, strlen(empty), "choices: expected texts that become tokens, found \"\"");
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(which_metric),
      cmocka_unit_test(refused),
      cmocka_unit_test(long_references_are_refused),
      cmocka_unit_test(scores_and_rows),
      cmocka_unit_test(accuracy_by_character),
      cmocka_unit_test(written_and_read),
      cmocka_unit_test(limit),
      cmocka_unit_test(choices_in_the_answers_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
