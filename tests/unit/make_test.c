// Making data with a model that follows a script: rows, limits, and interruptions everywhere, which change no byte.
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "eval/make.h"
#include "eval/make_journal.h"
#include "support/make_fixture.h"

// --- a whole run ---------------------------------------------------------------------------------------------------------

// A model that answers by the number of the attempt and by what it was shown, each group from its end to its beginning, and that is
// killed after some answers.
typedef struct script {
  int64_t answers_left; // −1: never killed
  uint32_t n_asked;
  size_t room; // bytes of a prompt
} script;

static bool script_fits(void *user, const make_prompt *p, bool *fits, err *e) {
  (void)e;
  size_t bytes = 0;
  for (uint32_t i = 0; i < p->n; i++) bytes += strlen(p->messages[i].content);
  *fits = bytes <= ((const script *)user)->room;
  return true;
}

static void script_write(const make_prompt *p, uint64_t number, vkift_make_what what, text *out) {
  static const char *const things[] = {"ship", "barrel", "feather", "anchor", "plank", "coin", "leaf"};
  static const char *const places[] = {"in a lake", "under the bridge", "at sea", "over there", "inside the jar"};
  rng r = rng_new(number, RNG_TEST);
  uint32_t shown = 0;
  for (uint32_t i = 0; i < p->n; i++) shown += (uint32_t)strlen(p->messages[i].content);
  if (number % 7 == 3) return text_puts(out, " nothing of any form");
  if (what == VKIFT_MAKE_INSTRUCTIONS) text_printf(out, " Say %u about the %s\nInput: none", shown, things[rng_below(&r, 7)]);
  else text_printf(out, " the %s number %u %s", things[rng_below(&r, 7)], shown, places[rng_below(&r, 5)]);
  text_printf(out, "\nOutput: %s", rng_below(&r, 4) ? "yes" : "no");
}

static bool script_answer(void *user, const make_prompt *prompts, uint32_t n, uint64_t first, vkift_make_what what,
                          const make_sink *sink, err *e) {
  script *s = user;
  for (uint32_t i = n; i-- > 0;) {
    if (!s->answers_left) return ERR(e, "killed");
    text out = {0};
    script_write(&prompts[i], first + i, what, &out);
    const vkift_finish finish = (first + i) % 11 == 5 ? VKIFT_FINISH_LENGTH : VKIFT_FINISH_END;
    const bool ok = sink->answered(sink->making, i, out.data, out.length, finish, e);
    text_free(&out);
    if (!ok) return false;
    s->answers_left--;
    s->n_asked++;
  }
  return true;
}

typedef struct run {
  arena *a;
  guidelines all;
  seeds from;
  vkift_make_options options;
} run;

static run run_begin(void) {
  run r = {.a = arena_new("test"), .options = vkift_make_defaults()};
  const char *paths[2];
  err e = {0};
  paths[0] = arena_strdup(
      r.a, make_fixture_file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": "
                                                     "[\"no\"]}, {\"input\": \"ice in gin\", \"output\": \"yes\"}]}"));
  paths[1] =
      arena_strdup(r.a, make_fixture_file("sinks.json",
                                          "{\"Definition\": \"Think of what sinks.\", \"Things to Avoid\": \"Lies.\", "
                                          "\"Positive Examples\": [{\"input\": \"where is it now\", \"output\": "
                                          "\"below\"}], \"Negative Examples\": [{\"input\": \"who\", \"output\": \"me\"}]}"));
  test_ok(guidelines_read(r.a, paths, 2, &r.all, &e), &e);
  r.from = make_fixture_seeds(r.a, "alpaca.jsonl",
                              "{\"instruction\": \"Greet somebody\", \"input\": \"Ann\", \"output\": \"Hello Ann\"}\n"
                              "{\"instruction\": \"Add up numbers\", \"input\": \"1 2 3\", \"output\": \"6\"}\n"
                              "{\"instruction\": \"Write a line of verse\", \"output\": \"The rose is red\"}\n");
  r.options.batch_size = 4;
  r.options.num_rows = 9;
  r.options.output = arena_strdup(r.a, test_path(test_directory(), "made.jsonl"));
  remove(r.options.output);
  remove(make_journal_path(r.a, r.options.output));
  return r;
}

static bool run_once(const run *r, script *s, vkift_make_result *result, err *e) {
  const make_job job = {.options = &r->options,
                        .guidelines = &r->all,
                        .seeds = &r->from,
                        .header = "{\"vkift_data_make\": 1, \"seed\": 42}",
                        .model = {.user = s, .name = "script", .fits = script_fits, .answer = script_answer}};
  arena *a = arena_new("one call");
  const bool ok = make_run(a, &job, result, e);
  arena_free(a);
  return ok;
}

static const char *content(arena *a, const char *path) {
  char *data;
  uint64_t size;
  err e = {0};
  test_ok(file_read(a, path, 1 << 20, &data, &size, &e), &e);
  return data;
}

static void a_run_makes_rows(void **state) {
  (void)state;
  run r = run_begin();
  script s = {.answers_left = -1, .room = 4000};
  vkift_make_result result;
  err e = {0};
  test_ok(run_once(&r, &s, &result, &e), &e);
  assert_int_equal(result.rows, 9);
  int64_t sum = 0;
  for (int i = 0; i < VKIFT_MADE_KINDS; i++) sum += result.counts[i];
  assert_int_equal(sum, result.attempts);
  assert_true(result.counts[VKIFT_MADE_NO_FORM] > 0 && result.counts[VKIFT_MADE_UNFINISHED] > 0);
  const char *made = content(r.a, r.options.output);
  uint32_t lines = 0;
  for (const char *at = made; *at; at++) lines += *at == '\n';
  assert_int_equal(lines, 9);
  assert_non_null(strstr(made, "\"instruction\": \"Say whether it floats.\\n\\nBe sure.\", \"input\": \"the "));
  assert_non_null(strstr(made,
                         "\"task\": \"floats\", \"category\": \"Physics\", \"source\": \"floats.json, script\", \"made\": "
                         "{\"new\": \"input\", \"guideline\": \"floats.json\", \"model\": \"script\", \"seed\": 42, "
                         "\"attempt\": 0, \"from\": ["));
  assert_non_null(strstr(made, "\"new\": \"instruction\""));
  assert_non_null(strstr(made, "\"things_to_avoid\": \"Lies.\""));
  assert_non_null(strstr(made, "\"from\": [\"alpaca.jsonl:"));
  assert_non_null(strstr(made, "\"attempt 0\"")); // a later prompt showed the first row
  assert_non_null(strstr(made, "\"sinks.json: positive example 1\""));
  assert_non_null(strstr(made, "\"sinks.json: negative example 1\""));
  // They are rows that can be seeds themselves.
  const seeds again = make_fixture_seeds(r.a, "again.jsonl", made);
  assert_int_equal(again.n, 9);
  assert_string_equal(again.items[0].task, "floats");
  arena_free(r.a);
}

// Killed after every number of answers, and with a last line that was cut: what is made is the same.
static void interruptions_change_nothing(void **state) {
  (void)state;
  run r = run_begin();
  const char *journal = make_journal_path(r.a, r.options.output);
  script whole = {.answers_left = -1, .room = 4000};
  vkift_make_result result;
  err e = {0};
  test_ok(run_once(&r, &whole, &result, &e), &e);
  const char *rows = content(r.a, r.options.output), *attempts = content(r.a, journal);
  for (uint32_t kill = 1; kill < whole.n_asked + 4; kill++) {
    remove(r.options.output);
    remove(journal);
    bool done = false;
    for (uint32_t calls = 0; !done && calls < 100; calls++) {
      script s = {.answers_left = (int64_t)kill + (calls ? 4 : 0), .room = 4000}; // a group is four answers
      err killed = {0};
      done = run_once(&r, &s, &result, &killed);
      if (done) break;
      assert_string_equal(killed.message, "killed");
      assert_false(file_exists(r.options.output));
      FILE *f = fopen(journal, "ab");
      assert_true(fputs("{\"attempt\": 1, \"gui", f) >= 0 && !fclose(f));
    }
    assert_true(done);
    if (strcmp(content(r.a, r.options.output), rows)) fail_msg("other rows after a kill at %u", kill);
    if (strcmp(content(r.a, journal), attempts)) fail_msg("other attempts after a kill at %u", kill);
  }
  // The same call again asks nothing and writes the same; one for more rows goes on; one for fewer is refused.
  script s = {.answers_left = -1, .room = 4000};
  remove(r.options.output);
  test_ok(run_once(&r, &s, &result, &e), &e);
  assert_int_equal(s.n_asked, 0);
  assert_int_equal(result.earlier_attempts, result.attempts);
  assert_string_equal(content(r.a, r.options.output), rows);
  r.options.num_rows = 12;
  test_ok(run_once(&r, &s, &result, &e), &e);
  const char *more = content(r.a, r.options.output);
  assert_int_equal(strncmp(more, rows, strlen(rows)), 0);
  assert_true(strlen(more) > strlen(rows));
  r.options.num_rows = 5;
  assert_false(run_once(&r, &s, &result, &e));
  assert_non_null(strstr(e.message, "num_rows: expected at least the 12 rows that"));
  assert_string_equal(content(r.a, r.options.output), more);
  arena_free(r.a);
}

static bool always(void *user) {
  (void)user;
  return true;
}

static void limits_hold(void **state) {
  (void)state;
  run r = run_begin();
  vkift_make_result result;
  err e = {0};
  script s = {.answers_left = -1, .room = 4000};
  r.options.max_attempts = 6; // within the second group
  test_ok(run_once(&r, &s, &result, &e), &e);
  assert_int_equal(result.attempts, 6);
  assert_true(result.rows < 9 && result.rows > 0);
  // Where it is too long, a prompt shows less; where it is still, the guideline is named.
  remove(r.options.output);
  remove(make_journal_path(r.a, r.options.output));
  s.room = 250;
  test_ok(run_once(&r, &s, &result, &e), &e);
  assert_null(strstr(content(r.a, r.options.output), "\"from\": [\"alpaca"));
  remove(r.options.output);
  remove(make_journal_path(r.a, r.options.output));
  s.room = 50;
  assert_false(run_once(&r, &s, &result, &e));
  assert_non_null(strstr(e.message, "floats.json: its prompt does not fit, even without examples"));
  // Stopped, it leaves the journal alone.
  e = (err){0};
  s.room = 4000;
  const vkift_make_events events = {.should_stop = always};
  const make_job job = {.options = &r.options,
                        .guidelines = &r.all,
                        .seeds = &r.from,
                        .header = "{\"vkift_data_make\": 1, \"seed\": 42}",
                        .events = &events,
                        .model = {.user = &s, .name = "script", .fits = script_fits, .answer = script_answer}};
  test_ok(make_run(r.a, &job, &result, &e), &e);
  assert_true(result.stopped);
  assert_false(file_exists(r.options.output));
  // Nothing that is a row is a failure.
  r.options.max_words = 1;
  assert_false(run_once(&r, &s, &result, &e));
  assert_non_null(strstr(e.message, "none of 6 attempts gave a row (unfinished 1, no_form 1, too_long 4)"));
  arena_free(r.a);
}

// --- the journal ---------------------------------------------------------------------------------------------------------

#define ATTEMPT "{\"attempt\": 0, \"finish\": \"end\", \"from\": [], \"text\": \"\"}\n"
static const struct {
  const char *content, *message;
} bad_journals[] = {
    {"{\"vkift_data_make\": 1, \"seed\": 43}\n" ATTEMPT, ":1: it belongs to another command line: its seed is 43, now it is 42"},
    {"{\"vkift_data_make\": 1}\n" ATTEMPT, ":1: it belongs to another command line: its seed is nothing, now it is 42"},
    {"{\"seed\": 42}\n", ":1: expected a journal of vkift data make, found something else"},
    {"[]\n", ":1: expected a journal of vkift data make, found something else"},
    {"no JSON\n", ":1: "},
    {"somebody's notes without a line's end", ": expected a journal of vkift data make, found something else"},
    {"{\"vkift_data_make\": 1, \"seed\": 42}\n{\"attempt\": 1, \"finish\": \"end\", \"from\": [], \"text\": \"\"}\n",
     ":2: attempt: expected 0, found 1"},
    {"{\"vkift_data_make\": 1, \"seed\": 42}\n{\"attempt\": 0, \"finish\": \"soon\", \"from\": [], \"text\": \"\"}\n",
     ":2: finish: expected how an answer ends, found 'soon'"},
    {"{\"vkift_data_make\": 1, \"seed\": 42}\n{\"attempt\": 0, \"finish\": \"end\", \"from\": []}\n", ":2: text: expected"},
    {"{\"vkift_data_make\": 1, \"seed\": 42}\n\n", ":2: "},
};

static void bad_journals_are_named(void **state) {
  (void)state;
  run r = run_begin();
  const char *journal = make_journal_path(r.a, r.options.output);
  for (size_t i = 0; i < sizeof bad_journals / sizeof *bad_journals; i++) {
    test_write(journal, bad_journals[i].content, strlen(bad_journals[i].content));
    script s = {.answers_left = -1, .room = 4000};
    err e = {0};
    assert_false(run_once(&r, &s, NULL, &e));
    if (strncmp(e.message, journal, strlen(journal)) || !strstr(e.message, bad_journals[i].message))
      fail_msg("%s: %s", bad_journals[i].content, e.message);
    assert_string_equal(content(r.a, journal), bad_journals[i].content); // it stays as it is
  }
  // Where another command made no attempt, nothing is lost.
  static const char theirs[] = "{\"vkift_data_make\": 1, \"seed\": 43}\n{", ours[] = "{\"vkift_data_make\": 1, \"seed\": 42}\n";
  test_write(journal, theirs, sizeof theirs - 1);
  script fresh = {.answers_left = -1, .room = 4000};
  err none = {0};
  test_ok(run_once(&r, &fresh, NULL, &none), &none);
  assert_int_equal(strncmp(content(r.a, journal), ours, sizeof ours - 1), 0);
  // Two at once are refused.
  make_journal j;
  err e = {0};
  remove(journal);
  test_ok(make_journal_open(r.a, journal, "{\"vkift_data_make\": 1, \"seed\": 42}", &j, &e), &e);
  script s = {.answers_left = -1, .room = 4000};
  assert_false(run_once(&r, &s, NULL, &e));
  assert_non_null(strstr(e.message, "another vkift data make writes it"));
  make_journal_close(&j);
  arena_free(r.a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_makes_rows),
      cmocka_unit_test(interruptions_change_nothing),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(bad_journals_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
