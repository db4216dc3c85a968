// Making data with a model: what it wrote is taken apart and judged; and a whole run with a scripted model, which is interrupted
// everywhere and gives the same bytes.
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "eval/make.h"
#include "eval/make_journal.h"
#include "eval/make_judge.h"
#include "eval/make_parse.h"
#include "eval/rouge.h"
#include "eval/similar_pool.h"

// --- parsing -----------------------------------------------------------------------------------------------------------

#define NONE NULL
static const struct {
  const char *written, *instruction, *input, *output;
  bool followed;
} written[] = {
    {"Input: a b\nOutput: c", NONE, "a b", "c", false},
    {"Instruction: do it\nInput: x\nOutput: y\n", "do it", "x", "y", false},
    {"Instruction: do it\nOutput: y", "do it", NONE, "y", false},
    {"Input:\nsome\n\nlines\nOutput:\n\n- one\n- two\n", NONE, "some\n\nlines", "- one\n- two", false},
    {"**Input:** a\n**Output:** b", NONE, "a", "b", false},
    {"### Input 2:\na\n### Output 2:\nb", NONE, "a", "b", false},
    {" - input : a\n - OUTPUT\xEF\xBC\x9A b", NONE, "a", "b", false},
    {"Input: a Output: b", NONE, "a", "b", false},
    {"Input: Question: who? Answer: me\nOutput: yes", NONE, "Question: who? Answer: me", "yes", false},
    {"Input: a\nAnswer: b", NONE, "a", "b", false},
    {"Input: a\nOutput: b\nInput: c\nOutput: d", NONE, "a", "b", true},
    {"Input: a\nInput: b\nOutput: c", NONE, "a", NONE, false},
    {"Input: a\nOutput: b\nOutput: c", NONE, "a", NONE, false},
    {"Input: a\nOutput: b\nInput: c\nOutput: d\nOutput: e", NONE, "a", "b", true},
    {"Input: a\nOutput: b\nExplanation: since", NONE, "a", "b", false},
    {"Explanation: none\nInput: a\nOutput: b", NONE, "a", "b", false},
    {"Sure! Here it is.\nInput: a\nOutput: b", NONE, "a", "b", false},
    {"Input: a", NONE, "a", NONE, false},
    {"Input:\nOutput:", NONE, "", "", false},
    {"Input: \xC2\xA0  a\xE3\x80\x80\nOutput: b", NONE, "a", "b", false},
    {"Inputs and Outputs: none", NONE, NONE, NONE, false},
    {"", NONE, NONE, NONE, false},
};

static void is_equal(const char *found, const char *wanted, const char *in, const char *what) {
  if (!found != !wanted || (found && strcmp(found, wanted)))
    fail_msg("'%s': %s: expected '%s', found '%s'", in, what, wanted ? wanted : "(none)", found ? found : "(none)");
}

static void what_is_written_is_taken_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
    const make_fields f = make_parse(a, written[i].written);
    is_equal(f.instruction, written[i].instruction, written[i].written, "instruction");
    is_equal(f.input, written[i].input, written[i].written, "input");
    is_equal(f.output, written[i].output, written[i].written, "output");
    if (f.followed != written[i].followed) fail_msg("'%s': followed: %d", written[i].written, f.followed);
  }
  assert_true(make_parse_is_none("None") && make_parse_is_none("<noinput>") && make_parse_is_none("N/A"));
  assert_false(make_parse_is_none("nonesuch") || make_parse_is_none(""));
  assert_string_equal(make_parse_clean(a, "a\xFF" "b\0c", 5), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" "c");
  assert_string_equal(make_parse_clean(a, "\xE4\xBD", 2), "\xEF\xBF\xBD\xEF\xBF\xBD");
  arena_free(a);
}

// --- similarity --------------------------------------------------------------------------------------------------------

static double nearest_to(const char *in, const char *of) {
  arena *a = arena_new("test");
  similar_pool *p = similar_pool_new(a);
  const char *name;
  similar_pool_add(p, "quite another text of some words", "other");
  similar_pool_add(p, in, "it");
  const double f1 = similar_pool_nearest(p, of, &name);
  if (f1 > 0.5) assert_string_equal(name, "it");
  arena_free(a);
  return f1;
}

static void near(double found, double wanted, const char *what) {
  if (!(fabs(found - wanted) <= 1e-12)) fail_msg("%s: expected %.12g, found %.12g", what, wanted, found);
}

static void similarity_is_rouge_without_stems(void **state) {
  (void)state;
  near(nearest_to("the cat sat on the mat", "the cat sat on a mat"), 10.0 / 12, "one word of six");
  near(nearest_to("The CAT, sat!", "the cat sat"), 1, "case and marks");
  near(nearest_to("a cat sits", "a cats sit"), 2.0 / 6, "stems");
  near(nearest_to("a b c d", "e f g"), 0, "nothing");
  near(nearest_to("", "a"), 0, "no word");
  near(nearest_to("\u041a\u043e\u0442 \u0441\u0438\u0434\u0438\u0442 \u0434\u043e\u043c\u0430",
                  "\u043a\u043e\u0442 \u0441\u043f\u0438\u0442 \u0434\u043e\u043c\u0430!"),
       4.0 / 6, "Russian words");
  near(nearest_to("\u732b\u5728\u5bb6", "\u732b\u5728\u5e8a\u4e0a"), 4.0 / 7, "Chinese characters");
  // Without stems it is rouge_l of words that have none, whatever else was compared before.
  static const char *const words[] = {"ab", "cd", "ef", "gh", "ij"};
  arena *a = arena_new("test");
  similar_pool *p = similar_pool_new(a);
  rng r = rng_new(1, RNG_TEST);
  char texts[60][100];
  for (int i = 0; i < 60; i++) {
    texts[i][0] = 0;
    for (uint32_t n = rng_below(&r, 12); n; n--) strcat(strcat(texts[i], words[rng_below(&r, 5)]), " ");
  }
  for (int i = 0; i < 60; i++) {
    double wanted = 0;
    const char *name;
    for (int k = 0; k < i; k++) wanted = fmax(wanted, rouge_l(texts[i], texts[k]));
    near(similar_pool_nearest(p, texts[i], &name), wanted, texts[i]);
    similar_pool_add(p, texts[i], texts[i]);
  }
  arena_free(a);
}

// --- guidelines and seeds ----------------------------------------------------------------------------------------------

static const char *file(const char *name, const char *content) {
  const char *path = test_path(test_directory(), name);
  test_write(path, content, strlen(content));
  return path;
}

#define LABELLED                                                                                                        \
  "{\"Definition\": [\" Say whether it floats. \"], \"Things to Avoid\": \"-\", \"Emphasis & Caution\": \"Be sure.\", "  \
  "\"Categories\": [\"Physics\"], \"Positive Examples\": [{\"input\": \"a cork in water\", \"output\": \"yes\"}, "       \
  "{\"input\": \"a stone in water\", \"output\": \"no\"}], \"Negative Examples\": [{\"input\": \"a brick in a pond\", "  \
  "\"output\": \"yes\", \"explanation\": \"it sinks\"}], "

static guidelines read_guidelines(arena *a, const char *path) {
  guidelines all;
  err e = {0};
  test_ok(guidelines_read(a, &path, 1, &all, &e), &e);
  return all;
}

static void guidelines_say_what_examples_are_like(void **state) {
  (void)state;
  arena *a = arena_new("test");
  guidelines all = read_guidelines(a, file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": "
                                                                   "[\"no\"]}, {\"input\": \"ice\", \"output\": \"yes\"}]}"));
  assert_int_equal(all.n, 1);
  const guideline *g = &all.items[0];
  assert_string_equal(g->definition, "Say whether it floats.");
  assert_string_equal(g->caution, "Be sure.");
  assert_null(g->avoid);
  assert_string_equal(g->task, "floats");
  assert_string_equal(g->file, "floats.json");
  assert_string_equal(g->category, "Physics");
  assert_int_equal(g->n_positive, 2);
  assert_int_equal(g->n_negative, 1);
  assert_int_equal(g->inputs.n, 2);
  assert_int_equal(g->least_words, 1);
  assert_int_equal(g->labels.n, 2);
  assert_false(g->copies);
  // Without instances, two answers say nothing of others.
  g = read_guidelines(a, file("few.json", LABELLED "\"Instances\": []}")).items;
  assert_int_equal(g->labels.n, 0);
  assert_int_equal(g->least_words, 4);
  g = read_guidelines(a, file("copy.json", "{\"Definition\": \"Copy it.\", \"Positive Examples\": [{\"input\": \"a b\", "
                                           "\"output\": \"a b\"}]}"))
          .items;
  assert_true(g->copies);
  all = read_guidelines(a, file("notes.yaml", "b: {definition: B}\na: {definition: A, things_to_avoid: X}\n"));
  assert_int_equal(all.n, 2);
  assert_string_equal(all.items[0].task, "a");
  assert_string_equal(all.items[0].avoid, "X");
  static const char *const answers[] = {"1", "2", "3", "1", "2", "3", "4", "4"};
  assert_int_equal(guideline_labels(a, answers, 8).n, 4);
  assert_int_equal(guideline_labels(a, answers, 7).n, 0);
  assert_int_equal(guideline_labels(a, answers, 3).n, 0);
  arena_free(a);
}

static const struct {
  const char *name, *content, *message;
} bad_guidelines[] = {
    {"none.json", "{\"Positive Examples\": []}", "none.json: Definition: expected a string or a list of strings, found nothing"},
    {"blank.json", "{\"Definition\": \"  \"}", "blank.json: Definition: expected what the task is, found an empty text"},
    {"list.json", "[1]", "list.json: expected a guideline (an object with \"Definition\"), found an array of 1"},
    {"pos.json", "{\"Definition\": \"D\", \"Positive Examples\": [{\"input\": \"a\"}]}", "Positive Examples[0].output"},
    {"inst.json", "{\"Definition\": \"D\", \"Instances\": [{\"input\": \"a\", \"output\": 1}]}", "Instances[0].output: expected"},
    {"broken.json", "{\"Definition\": ", "broken.json"},
    {"note.yaml", "a: {things_to_avoid: X}", "note.yaml: a: definition: expected what the task is, found nothing"},
    {"nothing.yaml", "{}", "nothing.yaml: expected at least one task, found none"},
};

static void bad_guidelines_are_named(void **state) {
  (void)state;
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof bad_guidelines / sizeof *bad_guidelines; i++) {
    const char *path = arena_strdup(a, file(bad_guidelines[i].name, bad_guidelines[i].content));
    guidelines all;
    err e = {0};
    assert_false(guidelines_read(a, &path, 1, &all, &e));
    if (!strstr(e.message, bad_guidelines[i].message)) fail_msg("%s: %s", path, e.message);
  }
  const char *once = arena_strdup(a, file("twice.json", "{\"Definition\": \"D\"}")), *twice[] = {once, once};
  guidelines all;
  err e = {0};
  assert_false(guidelines_read(a, twice, 2, &all, &e));
  assert_non_null(strstr(e.message, "found the task twice again"));
  arena_free(a);
}

static seeds read_seeds(arena *a, const char *name, const char *content) {
  const char *path = file(name, content);
  const dataset_options options = {.format = DATA_AUTO};
  seeds from;
  err e = {0};
  test_ok(seeds_read(a, &path, 1, &options, &from, &e), &e);
  return from;
}

static void seeds_come_from_any_form(void **state) {
  (void)state;
  arena *a = arena_new("test");
  seeds s = read_seeds(a, "self.jsonl",
                       "{\"instruction\": \"I\", \"instances\": [{\"input\": \"x\", \"output\": \"1\"}, {\"input\": \"\", "
                       "\"output\": \"2\"}]}\n");
  assert_int_equal(s.n, 2);
  assert_string_equal(s.items[0].instruction, "I");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[1].output, "2");
  assert_string_equal(s.items[1].name, "self.jsonl:1");
  assert_string_equal(s.items[1].task, "self");
  s = read_seeds(a, "alpaca.jsonl", "\n{\"instruction\": \"I\", \"input\": \"x\", \"output\": \"1\", \"task\": \"t\"}\n");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[0].task, "t");
  assert_string_equal(s.items[0].name, "alpaca.jsonl:2");
  s = read_seeds(a, "chat.jsonl",
                 "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"U\"}, "
                 "{\"role\": \"assistant\", \"content\": \"A\"}]}");
  assert_string_equal(s.items[0].instruction, "U");
  assert_string_equal(s.items[0].output, "A");
  s = read_seeds(a, "task.json", LABELLED "\"Instances\": [{\"input\": \"x\", \"output\": [\"no\"]}]}");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[0].output, "no");
  const char *path = file("plain.jsonl", "{\"text\": \"T\"}");
  const dataset_options options = {.format = DATA_AUTO};
  err e = {0};
  assert_false(seeds_read(a, &path, 1, &options, &s, &e));
  assert_non_null(strstr(e.message, "expected seeds with an instruction and an answer, found a row of the format text"));
  arena_free(a);
}

// --- judging -----------------------------------------------------------------------------------------------------------

static const struct {
  const char *input, *output;
  vkift_made verdict;
} judged_inputs[] = {
    {"a wooden spoon in soup", "yes", VKIFT_MADE_ROW},
    {"a wooden spoon in soup", "Yes.", VKIFT_MADE_ROW},
    {"a wooden spoon in soup", "perhaps", VKIFT_MADE_NOT_A_LABEL},
    {NULL, "yes", VKIFT_MADE_NO_FORM},
    {"a wooden spoon in soup", NULL, VKIFT_MADE_NO_FORM},
    {"", "yes", VKIFT_MADE_EMPTY},
    {"a wooden spoon in soup", "", VKIFT_MADE_EMPTY},
    {"spoon soup", "yes", VKIFT_MADE_TOO_SHORT},
    {"one two three four five six seven eight nine ten eleven twelve thirteen", "yes", VKIFT_MADE_TOO_LONG},
    {"a spoon \xEF\xBF\xBD in soup", "yes", VKIFT_MADE_NOT_TEXT},
    {"a spoon \x01 in soup", "yes", VKIFT_MADE_NOT_TEXT},
    {"say whether it floats", "yes", VKIFT_MADE_REPEATS_PROMPT},
    {"spoon spoon spoon spoon spoon spoon", "yes", VKIFT_MADE_REPEATS_ITSELF},
    {"a spoon, a spoon, a spoon", "yes", VKIFT_MADE_REPEATS_ITSELF},
    {"the spoon is here\nit floats\nthe spoon is here", "yes", VKIFT_MADE_REPEATS_ITSELF},
    {"a wooden spoon in soup", "A wooden spoon in soup", VKIFT_MADE_ANSWER_IS_INPUT},
    {"a cork in cold water", "yes", VKIFT_MADE_NEAR_DUPLICATE},
    {"an old shoe in the oil", "no", VKIFT_MADE_NEAR_DUPLICATE},
    {"a very long seed", "no", VKIFT_MADE_NEAR_DUPLICATE},
};

static void rows_are_judged(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const guidelines all =
      read_guidelines(a, file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": [\"no\"]}, "
                                                      "{\"input\": \"ice in gin\", \"output\": \"yes\"}]}"));
  const seeds from = read_seeds(a, "alpaca.jsonl", "{\"instruction\": \"Name a colour of the rainbow.\", \"input\": \"a very long "
                                                   "seed\", \"output\": \"1\"}");
  const make_rules rules = {.similarity = 0.7, .min_words = 3, .max_words = 12};
  make_judge *j = make_judge_new(a, &all, &from, &rules);
  for (size_t i = 0; i < sizeof judged_inputs / sizeof *judged_inputs; i++) {
    make_fields f = {.input = judged_inputs[i].input, .output = judged_inputs[i].output};
    const make_judged r = make_judge_fields(j, all.items, VKIFT_MAKE_INPUTS, &f);
    if (r.verdict != judged_inputs[i].verdict)
      fail_msg("%s -> %s: expected %s, found %s", judged_inputs[i].input, judged_inputs[i].output,
               make_judge_name(judged_inputs[i].verdict), make_judge_name(r.verdict));
    if (r.verdict == VKIFT_MADE_ROW) assert_string_equal(f.output, "yes"); // as the guideline writes it
  }
  make_fields f = {.input = "a wooden spoon in soup", .output = "yes"};
  make_judge_add(j, VKIFT_MAKE_INPUTS, &f, "attempt 0");
  make_judged r = make_judge_fields(j, all.items, VKIFT_MAKE_INPUTS, &f);
  assert_int_equal(r.verdict, VKIFT_MADE_NEAR_DUPLICATE);
  assert_string_equal(r.nearest, "attempt 0");
  // New instructions are compared with instructions, and have no label to keep to.
  f = (make_fields){.instruction = "Name a colour of the sky.", .input = "none", .output = "blue"};
  r = make_judge_fields(j, all.items, VKIFT_MAKE_INSTRUCTIONS, &f);
  assert_int_equal(r.verdict, VKIFT_MADE_NEAR_DUPLICATE);
  assert_string_equal(r.nearest, "alpaca.jsonl:1");
  f = (make_fields){.instruction = "Tell how heavy this is.", .input = "none", .output = "ten pounds"};
  assert_int_equal(make_judge_fields(j, all.items, VKIFT_MAKE_INSTRUCTIONS, &f).verdict, VKIFT_MADE_ROW);
  assert_string_equal(f.input, "");
  f = (make_fields){.instruction = "Weigh it.", .output = "ten"};
  assert_int_equal(make_judge_fields(j, all.items, VKIFT_MAKE_INSTRUCTIONS, &f).verdict, VKIFT_MADE_TOO_SHORT);
  f = (make_fields){.instruction = "Weigh it for me.", .output = "Weigh it for me."};
  assert_int_equal(make_judge_fields(j, all.items, VKIFT_MAKE_INSTRUCTIONS, &f).verdict, VKIFT_MADE_ANSWER_IS_INPUT);
  // A task that copies does.
  const guidelines copies = read_guidelines(
      a, file("copy.json", "{\"Definition\": \"Copy it.\", \"Positive Examples\": [{\"input\": \"a b\", \"output\": \"a b\"}]}"));
  f = (make_fields){.input = "x y z", .output = "x y z"};
  assert_int_equal(make_judge_fields(j, copies.items, VKIFT_MAKE_INPUTS, &f).verdict, VKIFT_MADE_ROW);
  arena_free(a);
}

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
  paths[0] = arena_strdup(r.a, file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": "
                                                            "[\"no\"]}, {\"input\": \"ice in gin\", \"output\": \"yes\"}]}"));
  paths[1] = arena_strdup(r.a, file("sinks.json", "{\"Definition\": \"Think of what sinks.\", \"Things to Avoid\": \"Lies.\", "
                                                  "\"Positive Examples\": [{\"input\": \"where is it now\", \"output\": "
                                                  "\"below\"}]}"));
  test_ok(guidelines_read(r.a, paths, 2, &r.all, &e), &e);
  r.from = read_seeds(r.a, "alpaca.jsonl",
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
  assert_non_null(strstr(made, "\"task\": \"floats\", \"category\": \"Physics\", \"source\": \"floats.json, script\", \"made\": "
                               "{\"new\": \"input\", \"guideline\": \"floats.json\", \"model\": \"script\", \"seed\": 42, "
                               "\"attempt\": 0, \"from\": ["));
  assert_non_null(strstr(made, "\"new\": \"instruction\""));
  assert_non_null(strstr(made, "\"things_to_avoid\": \"Lies.\""));
  assert_non_null(strstr(made, "\"from\": [\"alpaca.jsonl:"));
  assert_non_null(strstr(made, "\"attempt 0\"")); // a later prompt showed the first row
  // They are rows that can be seeds themselves.
  const seeds again = read_seeds(r.a, "again.jsonl", made);
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
      cmocka_unit_test(what_is_written_is_taken_apart), cmocka_unit_test(similarity_is_rouge_without_stems),
      cmocka_unit_test(guidelines_say_what_examples_are_like), cmocka_unit_test(bad_guidelines_are_named),
      cmocka_unit_test(seeds_come_from_any_form), cmocka_unit_test(rows_are_judged), cmocka_unit_test(a_run_makes_rows),
      cmocka_unit_test(interruptions_change_nothing), cmocka_unit_test(limits_hold), cmocka_unit_test(bad_journals_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
