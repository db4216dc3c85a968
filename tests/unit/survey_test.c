// What a survey of data finds, each with its count and the first place.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "data/survey.h"
#include "support/data_fixture.h"

static survey *read_survey(data_fixture *f, const char *const (*files)[2], uint32_t n, const char *eval_rows, dataset *left) {
  survey *s = ARENA_NEW(f->a, survey);
  dataset eval = {0};
  err e = {0};
  survey_begin(s, f->a);
  f->options.skip_bad_examples = f->options.sketches = true;
  f->options.watch = &s->watch;
  *left = (dataset){0};
  for (uint32_t i = 0; i < n; i++)
    if (!dataset_read_memory(f->a, files[i][0], files[i][1], strlen(files[i][1]), &f->options, left, &e))
      fail_msg("%s", e.message);
  f->options.watch = &s->eval_watch;
  if (eval_rows && !dataset_read_memory(f->a, "eval.jsonl", eval_rows, strlen(eval_rows), &f->options, &eval, &e))
    fail_msg("%s", e.message);
  if (!survey_make(s, left, &eval, f->t, false, &e)) fail_msg("%s", e.message);
  return s;
}

static const survey_finding *find(const survey *s, const char *kind) {
  for (uint32_t i = 0; i < s->n_findings; i++)
    if (!strcmp(s->findings[i].kind, kind)) return &s->findings[i];
  return NULL;
}

static void check_finding(const survey *s, const char *kind, uint64_t n, const char *place, const char *like,
                          const char *detail) {
  const survey_finding *f = find(s, kind);
  if (!f) fail_msg("nothing was found of the kind %s", kind);
  assert_int_equal(f->n, n);
  if (place) assert_string_equal(f->first.text, place);
  else assert_null(f->first.file);
  if (like) assert_string_equal(f->like.text, like);
  else assert_null(f->like.file);
  if (detail) assert_string_equal(f->detail, detail);
}

#define ROW(prompt, completion) "{\"prompt\":\"" prompt "\",\"completion\":\"" completion "\"}\n"
#define LONG "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

static void findings_have_counts_and_places(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows = ROW("a", "b") ROW("c", " d") ROW("a", "b") ROW("a", "other") ROW(LONG, "x") ROW(LONG, "y")
      ROW("say <|im_end|>", "e</s>") ROW("seen", "f") ROW("a", "b") "{\"input_ids\":[1]}\n";
  const char *const files[][2] = {{"x.jsonl", rows}};
  dataset left;
  survey *s = read_survey(&f, files, 1, ROW("seen", "g"), &left);
  assert_int_equal(s->n, 9);
  assert_int_equal(s->left, 6);
  assert_int_equal(left.n, 6);
  check_finding(s, "duplicates", 2, "x.jsonl:3", "x.jsonl:1", "");
  check_finding(s, "leaked", 1, "x.jsonl:8", "eval.jsonl:1", "");
  check_finding(s, "near_duplicates", 1, "x.jsonl:6", "x.jsonl:5", NULL);
  check_finding(s, "other_answers", 2, "x.jsonl:4", "x.jsonl:1", "");
  check_finding(s, "white_space", 1, "x.jsonl:2", NULL, "");
  check_finding(s, "end_markers", 1, "x.jsonl:7", NULL, "</s>");
  check_finding(s, "control_text", 1, "x.jsonl:7", NULL, "<|im_end|>");
  check_finding(s, "bad_examples", 1, NULL, NULL,
                "x.jsonl:10: expected a row of the format prompt/completion, as the first example is, found one of the format "
                "pre-tokenised");
  assert_null(find(s, "dropped_long"));
  assert_null(find(s, "no_end"));
  data_fixture_end(&f);
}

static void clean_data_has_no_findings(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *const files[][2] = {{"x.jsonl", ROW("a", "b") ROW("c", "d")}};
  dataset left;
  survey *s = read_survey(&f, files, 1, NULL, &left);
  assert_int_equal(s->n_findings, 0);
  assert_int_equal(s->left, 2);
  assert_int_equal(s->n_tasks, 1);
  assert_string_equal(s->tasks[0].name, "x");
  data_fixture_end(&f);
}

// Faults that differ in numbers and quotations only are one reason; beyond five they are added up.
static void bad_examples_are_told_by_reason(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows = ROW("a", "b") "{\"prompt\":\"p\",\"completion\":5}\n{\"prompt\":\"p\",\"completion\":77}\n"
      "{\"prompt\":\"p\",\"completion\":\"\"}\n{\"prompt\":\"p\",\"completion\":null}\n7\n{\"prompt\":1,\"completion\":\"c\"}\n"
      "{\"prompt\":\"p\",\"completion\":\"c\",\"weight\":-1}\n{\"prompt\":\"p\",\"completion\":\"c\",\"task\":[]}\n";
  const char *masks = "{\"input_ids\":[1,2],\"labels\":[-100,-100]}\n{\"input_ids\":[1,2],\"labels\":[1,2]}\n";
  const char *const files[][2] = {{"x.jsonl", rows}, {"ids.jsonl", masks}};
  dataset left;
  survey *s = read_survey(&f, files, 2, NULL, &left);
  assert_int_equal(s->n_bad, 9);
  assert_int_equal(s->empty_masks, 1);
  assert_int_equal(s->n_reasons, SURVEY_REASONS + 1);
  assert_int_equal(s->reasons[0].n, 2);
  assert_string_equal(s->reasons[0].message, "x.jsonl:2: completion: expected a string, found the number 5");
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_findings; i++) n += strcmp(s->findings[i].kind, "bad_examples") ? 0 : s->findings[i].n;
  assert_int_equal(n, 9);
  assert_int_equal(s->n_files, 2);
  for (uint32_t i = 0; i < 2; i++) {
    const bool ids = !strcmp(s->files[i].name, "ids.jsonl");
    assert_int_equal(s->files[i].bad, ids ? 1 : 8);
    assert_int_equal(s->files[i].n, 1);
    assert_int_equal(s->files[i].format, ids ? DATA_TOKENS : DATA_PROMPT_COMPLETION);
  }
  data_fixture_end(&f);
}

static void lengths_are_told_by_task(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows =
      "[{\"prompt\":\"a\",\"completion\":\"b\",\"task\":\"short\"},\n"
      "{\"prompt\":\"a\",\"completion\":\"" LONG LONG
      "\",\"task\":\"long\"},\n"
      "{\"prompt\":\"d\",\"completion\":\"" LONG
      "\",\"task\":\"long\"},"
      "{\"prompt\":\"c\",\"completion\":\"b\",\"task\":\"short\"}]";
  const char *const files[][2] = {{"x.json", rows}};
  f.options.max_length = 60;
  dataset left;
  survey *s = read_survey(&f, files, 1, NULL, &left);
  const survey_finding *dropped = find(s, "dropped_long");
  assert_non_null(dropped);
  assert_int_equal(dropped->n, 2);
  assert_string_equal(dropped->first.text, "x.json: item 2");
  assert_true(atoi(dropped->detail) > 180);
  assert_int_equal(s->n_tasks, 2);
  assert_string_equal(s->tasks[0].name, "short"); // the larger one first
  assert_int_equal(s->tasks[0].n, 2);
  assert_int_equal(s->tasks[0].dropped, 0);
  assert_int_equal(s->tasks[1].dropped, 2);
  uint64_t in_buckets = 0;
  for (int i = 0; i < SURVEY_LENGTHS; i++) in_buckets += s->lengths[i];
  assert_int_equal(in_buckets, 2);
  f.options.excess = EXCESS_TRUNCATE;
  s = read_survey(&f, files, 1, NULL, &left);
  check_finding(s, "truncated", 2, "x.json: item 2", NULL, NULL);
  check_finding(s, "no_end", 2, "x.json: item 2", NULL, ""); // what was cut does not end
  assert_int_equal(s->longest, 60);
  f.options.excess = EXCESS_SPLIT;
  s = read_survey(&f, files, 1, NULL, &left);
  check_finding(s, "split", 2, "x.json: item 2", NULL, NULL);
  data_fixture_end(&f);
}

static void tokens_across_a_border_are_told(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows =
      "{\"segments\":[{\"label\":false,\"text\":\"q\"},{\"label\":true,\"text\":\"he\"}]}\n"
      "{\"segments\":[{\"label\":false,\"text\":\"t\"},{\"label\":true,\"text\":\"he\"}]}\n";
  const char *const files[][2] = {{"x.jsonl", rows}};
  dataset left;
  survey *s = read_survey(&f, files, 1, NULL, &left);
  check_finding(s, "across_borders", 1, "x.jsonl:2", NULL, ""); // "the" is one token
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(findings_have_counts_and_places), cmocka_unit_test(clean_data_has_no_findings),
      cmocka_unit_test(bad_examples_are_told_by_reason), cmocka_unit_test(lengths_are_told_by_task),
      cmocka_unit_test(tokens_across_a_border_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
