// What a report is made of: numbers as they are shown, words that cannot become markup, the history of a run, the choice of
// predictions, and results that are wrong in one thing each.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/best_worst.h"
#include "report/doc.h"
#include "report/history.h"
#include "report/number.h"
#include "report/report.h"
#include "report/results.h"

static arena *memory;

static int setup(void **state) {
  (void)state;
  memory = arena_new("test");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(memory);
  return 0;
}

static const char *file(const char *name, const char *words) {
  err e = {0};
  const char *path = path_join(memory, test_directory(), name);
  assert_true(dir_make(path_directory(memory, path), &e));
  test_write(path, words, strlen(words));
  return path;
}

// --- numbers ---------------------------------------------------------------------------------------------------------------

static void numbers_are_shown(void **state) {
  (void)state;
  const struct {
    double value;
    number_form form;
    int digits;
    const char *shown;
  } rows[] = {
      {1234567, NUMBER_COUNT, 0, "1,234,567"},
      {0, NUMBER_COUNT, 0, "0"},
      {-3.456, NUMBER_DECIMALS, 1,
       "\xE2\x88\x92"
       "3.5"},
      {-0.04, NUMBER_DECIMALS, 1, "0.0"},
      {0.25, NUMBER_SIGNED, 1, "+0.2"},
      {-0.35, NUMBER_SIGNED, 2,
       "\xE2\x88\x92"
       "0.35"},
      {0.001, NUMBER_SIGNED, 1, "0.0"},
      {0.0848372, NUMBER_DIGITS, 3, "0.0848"},
      {9.7712, NUMBER_DIGITS, 3, "9.77"},
      {299.4, NUMBER_DIGITS, 3, "299"},
      {2381.3, NUMBER_DIGITS, 3, "2,381"},
      {2e-4, NUMBER_DIGITS, 3, "2.00e-4"},
      {0, NUMBER_DIGITS, 3, "0"},
      {0.115, NUMBER_PERCENT, 1, "11.5\xC2\xA0%"},
      {1536, NUMBER_BYTES, 0, "1.5 KiB"},
      {42.06, NUMBER_TIME, 0, "42.1 s"},
      {59.96, NUMBER_TIME, 0, "1 min 00 s"},
      {171.4, NUMBER_TIME, 0, "2 min 51 s"},
      {3599.6, NUMBER_TIME, 0, "1 h 00 min"},
      {11220, NUMBER_TIME, 0, "3 h 07 min"},
      {NAN, NUMBER_COUNT, 0, "\xE2\x80\x93"},
      {INFINITY, NUMBER_TIME, 0, "\xE2\x80\x93"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    text out = {0};
    number_put(&out, rows[i].value, rows[i].form, rows[i].digits);
    assert_string_equal(out.data, rows[i].shown);
    text_free(&out);
  }
}

static void marks_are_short(void **state) {
  (void)state;
  const struct {
    double value, step;
    const char *shown;
  } rows[] = {{0, 5, "0"},          {15, 5, "15"},        {20000, 5000, "20,000"}, {0.5, 0.5, "0.5"},       {1, 0.5, "1.0"},
              {0.05, 0.01, "0.05"}, {5e-4, 5e-4, "5e-4"}, {1e-3, 5e-4, "1e-3"},    {1.5e-4, 5e-5, "1.5e-4"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    text out = {0};
    number_put_tick(&out, rows[i].value, rows[i].step);
    assert_string_equal(out.data, rows[i].shown);
    text_free(&out);
  }
  assert_true(number_nice(0.3) == 0.5 && number_nice(2) == 2 && number_nice(6) == 10 && number_nice(1.1e-3) == 2e-3);
}

// --- words -----------------------------------------------------------------------------------------------------------------

static void words_are_no_markup(void **state) {
  (void)state;
  static const char words[] = "<b>&\"'`|\\*_[x](y)#~\x1b[31m\x7f\xff\xC2\x85\nnext";
  doc d = {0};
  doc_quote(&d, words);
  assert_string_equal(
      d.out.data, "<bdi>&lt;b&gt;&amp;&quot;&#39;`|\\*_[x](y)#~\xE2\x90\x9B[31m\xE2\x90\xA1\xEF\xBF\xBD\xEF\xBF\xBD\nnext</bdi>");
  doc_free(&d);
  doc m = {.markdown = true};
  doc_quote(&m, words);
  assert_string_equal(
      m.out.data, "&lt;b&gt;&amp;\"'\\`\\|\\\\\\*\\_\\[x\\](y)\\#\\~\xE2\x90\x9B\\[31m\xE2\x90\xA1\xEF\xBF\xBD\xEF\xBF\xBD next");
  doc_free(&m);
}

static void long_words_are_cut_between_characters(void **state) {
  (void)state;
  doc d = {.markdown = true};
  doc_quote_cut(&d, "abc\xD0\xB4\xD0\xB5", 4);
  doc_say(&d, " ");
  doc_quote_cut(&d, "abcd", 4);
  assert_string_equal(d.out.data, "abc\xE2\x80\xA6 abcd");
  doc_free(&d);
}

// A fence that the text cannot close.
static void code_stays_code(void **state) {
  (void)state;
  doc d = {.markdown = true};
  doc_code(&d, "x", "a\n```\n````\nb");
  assert_string_equal(d.out.data, "x:\n\n`````\na\n```\n````\nb\n`````\n\n");
  doc_free(&d);
}

// --- metrics.jsonl -----------------------------------------------------------------------------------------------------------

static void history_is_read(void **state) {
  (void)state;
  const char *path = file("m.jsonl",
                          "{\"step\": 1, \"loss\": 4, \"seconds\": 0.5, \"new_key\": []}\n"
                          "{\"step\": 2, \"loss\": null, \"bad\": true}\n"
                          "{\"step\": 2, \"eval_loss\": 3.5}\n"
                          "{\"step\": 3, \"loss\": 2, \"seconds\": 0.25, \"rewards/margins\": 1.5}\n{\"step\": 4, \"lo");
  history h;
  err e = {0};
  if (!history_read(memory, path, &h, &e)) fail_msg("%s", e.message);
  assert_int_equal(h.steps.n, 3);
  assert_int_equal(h.evals.n, 1);
  assert_int_equal(h.n_bad, 1);
  assert_true(h.is_cut_short);
  assert_true(h.steps.columns[HISTORY_LOSS][0] == 4 && isnan(h.steps.columns[HISTORY_LOSS][1]));
  assert_int_equal(h.steps.line[2], 4);
  assert_true(h.steps.columns[HISTORY_MARGIN][2] == 1.5 && isnan(h.steps.columns[HISTORY_MARGIN][0]));
  assert_true(history_sum(&h.steps, HISTORY_SECONDS) == 0.75);
  assert_int_equal(history_least(&h.steps, HISTORY_LOSS), 2);
  assert_int_equal(history_last(&h.steps, HISTORY_SECONDS), 2);
  assert_true(history_read(memory, "/nowhere/m.jsonl", &h, &e) && h.steps.n == 0);
}

static void broken_histories_are_refused(void **state) {
  (void)state;
  const struct {
    const char *words, *expected;
  } rows[] = {
      {"{\"step\": 1}\n{\"step\": 1}\n", "m.jsonl:2: step: expected a number above 1, found 1"},
      {"{\"step\": 1}\nno\n", "m.jsonl:2"},
      {"{\"step\": 1.5}\n", "m.jsonl:1: step: expected a whole number"},
      {"{\"loss\": 1}\n", "m.jsonl:1: step: expected a whole number"},
      {"{\"step\": 1, \"loss\": \"2\"}\n", "m.jsonl:1: loss: expected a finite number, found a string"},
      {"[1]\n", "m.jsonl:1"},
      {"\x1F\x8B\n", "expected text, found a gzip file"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    history h;
    err e = {0};
    assert_false(history_read(memory, file("m.jsonl", rows[i].words), &h, &e));
    if (!strstr(e.message, rows[i].expected)) fail_msg("expected '%s' in: %s", rows[i].expected, e.message);
  }
}

static void smoothing_is_a_mean(void **state) {
  (void)state;
  const double y[] = {1, 2, NAN, 4, 5, 6, 7};
  assert_true(history_smooth(y, 7, 1, 3) == 4);
  assert_true(history_smooth(y, 7, 3, 4) == 5);
  assert_true(history_smooth(y, 7, 3, 2) == 3); // of 2 and 4
  assert_true(history_smooth(y, 7, 3, 0) == 1); // none is on the left, so none on the right
  assert_true(history_smooth(y, 7, 7, 0) == 1.5);
  assert_int_equal(history_window(39), 1);
  assert_int_equal(history_window(400), 11);
}

// Peaks stay, however many points there are.
static void thinning_keeps_extremes(void **state) {
  (void)state;
  enum { N = 10000 };
  double *y = ARENA_ARRAY(memory, double, N);
  for (int i = 0; i < N; i++) y[i] = sin(i * 0.01);
  y[1234] = 50, y[7777] = -50, y[5000] = NAN;
  uint64_t *places = ARENA_ARRAY(memory, uint64_t, N);
  const uint64_t n = history_thin(y, N, 500, places);
  assert_in_range(n, 400, 502);
  bool high = false, low = false;
  for (uint64_t i = 0; i < n; i++) {
    high |= places[i] == 1234, low |= places[i] == 7777;
    assert_true(i == 0 || places[i] > places[i - 1]);
  }
  assert_true(high && low && places[0] == 0 && places[n - 1] == N - 1);
  assert_int_equal(history_thin(y, 10, 500, places), 10);
}

// --- predictions -------------------------------------------------------------------------------------------------------------

static void predictions_are_ranked(void **state) {
  (void)state;
  file("p/b.jsonl",
       "{\"prediction\": \"a\", \"score\": 0, \"score_base\": 0}\n{\"prediction\": \"b\", \"score\": 1, \"score_base\": 1}\n"
       "{\"prediction\": \"c\", \"score\": 1, \"score_base\": 0}\n{\"prediction\": \"d\", \"score\": 0, \"score_base\": 1}\n"
       "{\"prediction\": \"e\", \"score\": 0.5}\n{\"prediction\": \"f\", \"score\": 0.25}\n"
       "{\"prediction\": \"g\", \"score\": 0.75, \"cluster\": \"other\", \"references\": [\"x\", \"y\"]}\n");
  file("p/c.jsonl",
       "{\"prediction\": \"h\", \"score\": 9, \"metric\": \"perplexity\"}\n"
       "{\"prediction\": \"i\", \"score\": 3, \"metric\": \"perplexity\"}\n");
  file("p/note.txt", "not a prediction");
  best_worst p;
  err e = {0};
  if (!best_worst_read(memory, path_join(memory, test_directory(), "p"), results_lower_is_better, &p, &e))
    fail_msg("%s", e.message);
  assert_int_equal(p.n, 3);
  const prediction_group *b = best_worst_find(&p, "b"), *c = best_worst_find(&p, "c"), *other = best_worst_find(&p, "other");
  assert_true(b && c && other && !best_worst_find(&p, "d"));
  assert_int_equal(b->n, 6);
  const char *best[] = {"c", "b", "e"}, *worst[] = {"d", "a", "f"};
  assert_int_equal(b->n_best, 3);
  assert_int_equal(b->n_worst, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(b->best[i].text, best[i]), assert_string_equal(b->worst[i].text, worst[i]);
  assert_string_equal(other->best[0].references[1], "y");
  assert_int_equal(other->n_worst, 0); // what is among the best is not shown twice
  assert_int_equal(other->best[0].line, 7);
  assert_string_equal(c->best[0].text, "i"); // lower is better
}

static void rows_without_a_score_are_not_ranked(void **state) {
  (void)state;
  file("r/t.jsonl",
       "{\"prediction\": \"a\", \"score\": 100}\n{\"prediction\": \"b\", \"score\": null}\n"
       "{\"prediction\": \"c\"}\n{\"prediction\": \"d\", \"score\": 5, \"cluster\": \"\"}\n");
  best_worst p;
  err e = {0};
  if (!best_worst_read(memory, path_join(memory, test_directory(), "r"), results_lower_is_better, &p, &e))
    fail_msg("%s", e.message);
  assert_int_equal(p.n, 1);
  assert_int_equal(p.groups[0].n, 4);
  assert_int_equal(p.groups[0].n_best, 2);
  assert_string_equal(p.groups[0].best[1].text, "d");
}

static void broken_predictions_are_refused(void **state) {
  (void)state;
  const struct {
    const char *words, *expected;
  } rows[] = {
      {"{\"score\": 1}\n", "x.jsonl:1: prediction: expected a string, found nothing"},
      {"{\"prediction\": \"a\", \"score\": \"1\"}\n", "x.jsonl:1: score: expected a finite number, found a string"},
      {"{\"prediction\": \"a\", \"score\": 1, \"references\": \"b\"}\n", "x.jsonl:1: references: expected an array"},
      {"{\"prediction\": \"a\", \"score\": 1, \"references\": [2]}\n", "x.jsonl:1: references: expected strings"},
      {"{\"prediction\": \"a\", \"score\": 1}\n{\"predi\n", "x.jsonl:2"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    best_worst p;
    err e = {0};
    const char *path = file("q/x.jsonl", rows[i].words);
    assert_false(best_worst_read(memory, path_directory(memory, path), results_lower_is_better, &p, &e));
    if (!strstr(e.message, rows[i].expected)) fail_msg("expected '%s' in: %s", rows[i].expected, e.message);
  }
}

// --- results.json ------------------------------------------------------------------------------------------------------------

#define SCORES "\"base\": 0.5, \"tuned\": 0.25, \"difference\": -0.25, \"low\": -0.5, \"high\": 0.1, \"n\": 8"
#define CLUSTER "{\"name\": \"a\", \"metric\": \"m\", " SCORES "}"

static void results_are_read(void **state) {
  (void)state;
  results r;
  err e = {0};
  const char *path =
      file("results.json", "{\"clusters\": [" CLUSTER
                           ", {\"name\": \"b\", \"metric\": \"perplexity\", \"base\": 31, "
                           "\"tuned\": 40, \"difference\": 9, \"low\": 1, \"high\": 12, \"n\": 3, \"seen\": null}], "
                           "\"overall\": {" SCORES "}, \"control\": {\"later\": 1}}");
  if (!results_read(memory, path, &r, &e)) fail_msg("%s", e.message);
  assert_int_equal(r.n, 2);
  assert_true(results_loss(&r.clusters[0]) == 0.25 && !results_is_surely_worse(&r.clusters[0]));
  assert_true(results_loss(&r.clusters[1]) == 9 && results_is_surely_worse(&r.clusters[1]));
  assert_int_equal(r.clusters[0].digits, 3);
  assert_int_equal(r.clusters[1].digits, 1);
  assert_true(isnan(r.clusters[1].seen) && isnan(r.confidence) && !r.control && !r.overall.metric);
  assert_string_equal(r.clusters[1].place, "/clusters/1");
}

// Clusters with tasks of unlike metrics have a row for each; what holds out tasks says so; an interval without width says nothing.
static void results_by_metric_are_read(void **state) {
  (void)state;
  results r;
  err e = {0};
#define BY(metric, n) "{\"metric\": \"" metric "\", " SCORES ", \"clusters\": " n "}"
  const char *words = "{\"leave_out\": \"task\", \"clusters\": [" CLUSTER
                      ", {\"name\": \"a\", \"metric\": \"k\", \"base\": 9, \"tuned\": 8, "
                      "\"difference\": -1, \"low\": -1, \"high\": -1, \"n\": 1}], \"overall\": {" SCORES
                      "}, \"overall_by_metric\": [" BY("m", "1") ", " BY("k", "1") "]}";
  const char *path = file("run/results.json", words);
  if (!results_read(memory, path, &r, &e)) fail_msg("%s", e.message);
  assert_true(r.are_tasks && r.n == 2 && r.n_names == 1 && r.n_by_metric == 2);
  assert_int_equal(results_count_names(&r, true), 1);
  assert_true(results_has_no_interval(&r.clusters[1]) && !results_is_surely_worse(&r.clusters[1]));
  assert_string_equal(r.by_metric[1].place, "/overall_by_metric/1");
  assert_string_equal(r.by_metric[1].metric, "k");
  text page = {0};
  file("run/config.yaml", "");
  if (!report_make(path_directory(memory, path), true, &page, &e)) fail_msg("%s", e.message);
  assert_non_null(strstr(page.data, "Each of 1 tasks was held out"));
  assert_non_null(strstr(page.data, "no interval: too few examples, or all changed alike"));
  text_free(&page);
}

// The marks of a scale are few, whatever the numbers.
static void odd_losses_are_drawn(void **state) {
  (void)state;
  const char *const losses[] = {"1e-323", "1e-250", "1e-29", "0", "1e300"};
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    text page = {0};
    err e = {0};
    const char *path = file("odd/metrics.jsonl", arena_printf(memory,
                                                              "{\"step\": 1, \"loss\": 5}\n{\"step\": 2, \"loss\": %s}\n"
                                                              "{\"step\": 3, \"loss\": 4}\n",
                                                              losses[i]));
    file("odd/config.yaml", "");
    if (!report_make(path_directory(memory, path), false, &page, &e)) fail_msg("%s", e.message);
    int marks = 0;
    for (const char *at = page.data; (at = strstr(at, "class=\"y\"")); at++) marks++;
    assert_true(marks <= 16);
    text_free(&page);
  }
}

static void broken_results_are_refused(void **state) {
  (void)state;
  const struct {
    const char *words, *expected;
  } rows[] = {
      {"[]", "expected an object"},
      {"{\"clusters\": []}", "overall: expected an object, found nothing"},
      {"{\"clusters\": [], \"overall\": {}}", "clusters: expected 1 to"},
      {"{\"clusters\": [{\"metric\": \"m\", " SCORES "}], \"overall\": {" SCORES "}}", "clusters[0].name: expected a string"},
      {"{\"clusters\": [" CLUSTER ", 3], \"overall\": {" SCORES "}}", "clusters[1]: expected an object"},
      {"{\"clusters\": [{\"name\": \"a\", \"metric\": \"m\", \"base\": \"1\"}], \"overall\": {" SCORES "}}",
       "clusters[0].base: expected a finite number"},
      {"{\"clusters\": [" CLUSTER
       "], \"overall\": {\"base\": 1, \"tuned\": 1, \"difference\": 0, \"low\": 1, \"high\": -1, \"n\": 2}}",
       "overall: expected low to be at most high"},
      {"{\"clusters\": [" CLUSTER
       "], \"overall\": {\"base\": 1, \"tuned\": 1, \"difference\": 0, \"low\": 0, \"high\": 0, \"n\": 1.5}}",
       "overall.n: expected a whole number"},
      {"{\"clusters\": [{\"name\": \"a\", \"metric\": \"m\", " SCORES ", \"tasks\": [{\"name\": \"t\"}]}], \"overall\": {" SCORES
       "}}",
       "clusters[0].tasks[0].base"},
      {"{\"clusters\": [{\"name\": \"a\", \"metric\": \"m\", " SCORES
       ", \"left_out\": {\"neighbours\": -1}}], \"overall\": {" SCORES "}}",
       "clusters[0].left_out.neighbours: expected a whole number"},
      {"{\"clusters\": [" CLUSTER "], \"overall\": {" SCORES "}", "expected a comma or '}', found the end"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    results r;
    err e = {0};
    const char *path = file("results.json", rows[i].words);
    assert_false(results_read(memory, path, &r, &e));
    if (!strstr(e.message, rows[i].expected)) fail_msg("expected '%s' in: %s", rows[i].expected, e.message);
    if (strncmp(e.message, path, strlen(path))) fail_msg("names no file: %s", e.message);
  }
}

// --- pages -------------------------------------------------------------------------------------------------------------------

static const char *example_run(const char *name) {
  const char *source = getenv("VKIFT_SOURCE_DIR");
  return arena_printf(memory, "%s/tests/report/%s", source ? source : ".", name);
}

// Words from files stay words: no tag, no attribute and no script of theirs is on the page.
static void hostile_runs_stay_words(void **state) {
  (void)state;
  static const char *const runs[] = {"hostile_training", "hostile_crossval"};
  for (int i = 0; i < 2; i++) {
    text page = {0};
    err e = {0};
    if (!report_make(example_run(runs[i]), false, &page, &e)) fail_msg("%s", e.message);
    assert_non_null(strstr(page.data, "&lt;script&gt;window.intruder=1&lt;/script&gt;"));
    assert_null(strstr(page.data, "<script>window.intruder"));
    assert_null(strstr(page.data, "<img"));
    const bool classes = strstr(page.data, "data-from=\"predictions/eval.jsonl:confusion(0,1)\">1</data>") != NULL;
    assert_int_equal(classes, i == 0); // whose labels are titles of a table
    int scripts = 0;
    for (const char *at = page.data; (at = strstr(at, "<script")); at++) scripts++;
    assert_int_equal(scripts, 2);
    text_free(&page);
    if (!report_make(example_run(runs[i]), true, &page, &e)) fail_msg("%s", e.message);
    for (const char *at = page.data; i == 1 && (at = strstr(at, "](javascript")); at++) assert_int_equal(at[-1], '\\');
    assert_non_null(strstr(page.data, "](javascript")); // of the training run's it stands in code, as it is
    text_free(&page);
  }
}

static void losses_are_said_first(void **state) {
  (void)state;
  text page = {0};
  err e = {0};
  if (!report_make(example_run("crossval"), true, &page, &e)) fail_msg("%s", e.message);
  const char *said = strstr(page.data, "Tuning made the score worse in 2 of 8 clusters"),
             *table = strstr(page.data, "| cluster ");
  assert_true(said && table && said < table);
  const char *largest = strstr(page.data, "**relations**"), *other = strstr(page.data, "**facts**");
  assert_true(largest && other && largest < other && other < table);
  assert_non_null(strstr(page.data,
                         "| facts | exact\\_match | 120 | 9.2 | 5.8 | \xE2\x88\x92"
                         "3.4 | \xE2\x88\x92"
                         "8.3 to +0.8 |"));
  text_free(&page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_shown),
      cmocka_unit_test(marks_are_short),
      cmocka_unit_test(words_are_no_markup),
      cmocka_unit_test(long_words_are_cut_between_characters),
      cmocka_unit_test(code_stays_code),
      cmocka_unit_test(history_is_read),
      cmocka_unit_test(broken_histories_are_refused),
      cmocka_unit_test(smoothing_is_a_mean),
      cmocka_unit_test(thinning_keeps_extremes),
      cmocka_unit_test(predictions_are_ranked),
      cmocka_unit_test(rows_without_a_score_are_not_ranked),
      cmocka_unit_test(broken_predictions_are_refused),
      cmocka_unit_test(results_are_read),
      cmocka_unit_test(results_by_metric_are_read),
      cmocka_unit_test(odd_losses_are_drawn),
      cmocka_unit_test(broken_results_are_refused),
      cmocka_unit_test(hostile_runs_stay_words),
      cmocka_unit_test(losses_are_said_first),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
