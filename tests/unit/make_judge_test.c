// What a model wrote for vkift data make is taken apart and judged; the guidelines and seeds that this depends on.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "eval/make_judge.h"
#include "eval/make_parse.h"
#include "eval/rouge.h"
#include "eval/similar_pool.h"
#include "support/make_fixture.h"

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
  assert_string_equal(make_parse_clean(a,
                                       "a\xFF"
                                       "b\0c",
                                       5),
                      "a\xEF\xBF\xBD"
                      "b\xEF\xBF\xBD"
                      "c");
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
  near(nearest_to("\U0001F600 \U0001F602 !", "\U0001F600 \U0001F602 ?"), 4.0 / 6, "emoji");
  near(nearest_to("\u00E9 ?", "\u00E9 ?"), 1, "Latin letters that rouge_score does not count");
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

static void guidelines_say_what_examples_are_like(void **state) {
  (void)state;
  arena *a = arena_new("test");
  guidelines all = make_fixture_guidelines(
      a, make_fixture_file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": "
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
  g = make_fixture_guidelines(a, make_fixture_file("few.json", LABELLED "\"Instances\": []}")).items;
  assert_int_equal(g->labels.n, 0);
  assert_int_equal(g->least_words, 4);
  g = make_fixture_guidelines(a, make_fixture_file("copy.json",
                                                   "{\"Definition\": \"Copy it.\", \"Positive Examples\": [{\"input\": \"a b\", "
                                                   "\"output\": \"a b\"}]}"))
          .items;
  assert_true(g->copies);
  all =
      make_fixture_guidelines(a, make_fixture_file("notes.yaml", "b: {definition: B}\na: {definition: A, things_to_avoid: X}\n"));
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
    const char *path = arena_strdup(a, make_fixture_file(bad_guidelines[i].name, bad_guidelines[i].content));
    guidelines all;
    err e = {0};
    assert_false(guidelines_read(a, &path, 1, &all, &e));
    if (!strstr(e.message, bad_guidelines[i].message)) fail_msg("%s: %s", path, e.message);
  }
  const char *once = arena_strdup(a, make_fixture_file("twice.json", "{\"Definition\": \"D\"}")), *twice[] = {once, once};
  guidelines all;
  err e = {0};
  assert_false(guidelines_read(a, twice, 2, &all, &e));
  assert_non_null(strstr(e.message, "found the task twice again"));
  arena_free(a);
}

static void seeds_come_from_any_form(void **state) {
  (void)state;
  arena *a = arena_new("test");
  seeds s =
      make_fixture_seeds(a, "self.jsonl",
                         "{\"instruction\": \"I\", \"instances\": [{\"input\": \"x\", \"output\": \"1\"}, {\"input\": \"\", "
                         "\"output\": \"2\"}]}\n");
  assert_int_equal(s.n, 2);
  assert_string_equal(s.items[0].instruction, "I");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[1].output, "2");
  assert_string_equal(s.items[1].name, "self.jsonl:1");
  assert_string_equal(s.items[1].task, "self");
  s = make_fixture_seeds(a, "alpaca.jsonl", "\n{\"instruction\": \"I\", \"input\": \"x\", \"output\": \"1\", \"task\": \"t\"}\n");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[0].task, "t");
  assert_string_equal(s.items[0].name, "alpaca.jsonl:2");
  s = make_fixture_seeds(a, "chat.jsonl",
                         "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"U\"}, "
                         "{\"role\": \"assistant\", \"content\": \"A\"}]}");
  assert_string_equal(s.items[0].instruction, "U");
  assert_string_equal(s.items[0].output, "A");
  s = make_fixture_seeds(a, "task.json", LABELLED "\"Instances\": [{\"input\": \"x\", \"output\": [\"no\"]}]}");
  assert_string_equal(s.items[0].input, "x");
  assert_string_equal(s.items[0].output, "no");
  const char *path = make_fixture_file("plain.jsonl", "{\"text\": \"T\"}");
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
    {"a wooden spoon in soup", "...", VKIFT_MADE_EMPTY},
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
  const guidelines all = make_fixture_guidelines(
      a, make_fixture_file("floats.json", LABELLED "\"Instances\": [{\"input\": \"an old shoe in oil\", \"output\": [\"no\"]}, "
                                                   "{\"input\": \"ice in gin\", \"output\": \"yes\"}]}"));
  const seeds from = make_fixture_seeds(a, "alpaca.jsonl",
                                        "{\"instruction\": \"Name a colour of the rainbow.\", \"input\": \"a very long "
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
  f = (make_fields){.instruction = "Tell how heavy this is.", .output = "."};
  assert_int_equal(make_judge_fields(j, all.items, VKIFT_MAKE_INSTRUCTIONS, &f).verdict, VKIFT_MADE_EMPTY);
  // A task that copies does; one whose answers are marks has them.
  const guidelines copies = make_fixture_guidelines(
      a, make_fixture_file("copy.json",
                           "{\"Definition\": \"Copy it.\", \"Positive Examples\": [{\"input\": \"a b\", \"output\": \"a b\"}]}"));
  f = (make_fields){.input = "x y z", .output = "x y z"};
  assert_int_equal(make_judge_fields(j, copies.items, VKIFT_MAKE_INPUTS, &f).verdict, VKIFT_MADE_ROW);
  const guidelines marks = make_fixture_guidelines(
      a,
      make_fixture_file("marks.json",
                        "{\"Definition\": \"End it.\", \"Positive Examples\": [{\"input\": \"go away\", \"output\": \"!\"}]}"));
  f = (make_fields){.input = "is it you", .output = "!"};
  assert_int_equal(make_judge_fields(j, marks.items, VKIFT_MAKE_INPUTS, &f).verdict, VKIFT_MADE_ROW);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_taken_apart),
      cmocka_unit_test(similarity_is_rouge_without_stems),
      cmocka_unit_test(guidelines_say_what_examples_are_like),
      cmocka_unit_test(bad_guidelines_are_named),
      cmocka_unit_test(seeds_come_from_any_form),
      cmocka_unit_test(rows_are_judged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
