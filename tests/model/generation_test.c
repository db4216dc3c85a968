// Answers do not depend on what else is answered: 200 prompts of mixed length one at a time, and in batches of two sizes, by
// the built-in model through the public interface; greedily, and with sampling.
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "vkift.h"

enum { PROMPTS = 200, NEW_TOKENS = 10, SAMPLED = 60, LARGE = 16, SMALL = 3 };

typedef struct answers {
  arena *memory;
  const char *text[PROMPTS];
  int64_t tokens[PROMPTS], prompt_tokens[PROMPTS];
  vkift_finish finish[PROMPTS];
  text growing;
} answers;

typedef struct fixture {
  arena *memory;
  vkift_generator *generator;
  vkift_prompt prompts[PROMPTS];
} fixture;

// Words of the built-in data: 1 to 120 of them.
static const char *make_prompt(arena *a, uint32_t i) {
  static const char *const words[] = {"Translate", "into",  "Russian:", "black", "house", "красный", "дом.",
                                      "Who",       "lives", "in",       "the",   "old",   "mill?",   "3",
                                      "+",         "14",    "=",        "Sort",  "these", "words:"};
  static const uint32_t lengths[] = {1, 3, 7, 12, 30, 60, 120};
  text t = {0};
  uint32_t state = i * 2654435761u + 1;
  for (uint32_t w = 0; w < lengths[i % 7]; w++) {
    state = state * 1664525u + 1013904223u;
    text_printf(&t, "%s%s", w ? " " : "", words[(state >> 16) % (sizeof words / sizeof *words)]);
  }
  const char *copy = arena_strndup(a, t.data, t.length);
  text_free(&t);
  return copy;
}

static fixture *open_all(void) {
  const char *repository = getenv("VKIFT_SOURCE_DIR");
  if (!repository) fail_msg("VKIFT_SOURCE_DIR is not set: run this through ctest");
  arena *a = arena_new("generation");
  fixture *f = ARENA_NEW(a, fixture);
  f->memory = a;
  const vkift_source source = {.model = arena_printf(a, "%s/assets/base", repository), .device = getenv("VKIFT_DEVICE")};
  vkift_error error = {0};
  if (vkift_generator_open(&source, &f->generator, &error)) fail_msg("%s", error.message);
  for (uint32_t i = 0; i < PROMPTS; i++) {
    vkift_message *m = ARENA_NEW(a, vkift_message);
    *m = (vkift_message){VKIFT_USER, make_prompt(a, i)};
    f->prompts[i] = (vkift_prompt){m, 1};
  }
  return f;
}

static void on_text(void *user, const char *bytes, size_t length) {
  text_put(&((answers *)user)->growing, bytes, length);
}

static void on_answer(void *user, const vkift_answer *x) {
  answers *w = user;
  assert_null(w->text[x->index]);
  w->text[x->index] = arena_strndup(w->memory, x->text, x->length);
  w->tokens[x->index] = x->new_tokens;
  w->prompt_tokens[x->index] = x->prompt_tokens;
  w->finish[x->index] = x->finish;
}

static answers *alone(fixture *f, const vkift_generate_options *options, uint32_t n) {
  answers *w = ARENA_NEW(f->memory, answers);
  w->memory = f->memory;
  vkift_generate_options o = *options;
  o.user = w;
  o.text = on_text;
  for (uint32_t i = 0; i < n; i++) {
    vkift_generate_result r;
    vkift_error error = {0};
    text_clear(&w->growing);
    text_puts(&w->growing, "");
    o.number = i;
    if (vkift_generate(f->generator, f->prompts[i].messages, 1, &o, &r, &error)) fail_msg("%s", error.message);
    on_answer(w, &(vkift_answer){i, w->growing.data, w->growing.length, r.prompt_tokens, r.new_tokens, r.finish});
  }
  text_free(&w->growing);
  return w;
}

static answers *together(fixture *f, const vkift_generate_options *options, uint32_t n, int64_t batch_size) {
  answers *w = ARENA_NEW(f->memory, answers);
  w->memory = f->memory;
  vkift_generate_options o = *options;
  vkift_error error = {0};
  o.user = w;
  o.batch_size = batch_size;
  if (vkift_generate_all(f->generator, f->prompts, n, &o, on_answer, &error)) fail_msg("%s", error.message);
  return w;
}

static void expect_same(const fixture *f, const answers *a, const answers *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    assert_non_null(b->text[i]);
    if (strcmp(a->text[i], b->text[i]) || a->tokens[i] != b->tokens[i] || a->finish[i] != b->finish[i] ||
        a->prompt_tokens[i] != b->prompt_tokens[i])
      fail_msg("prompt %u, “%.60s…”: '%s' (%d tokens, finish %d) and '%s' (%d, %d)", i, f->prompts[i].messages[0].content,
               a->text[i], (int)a->tokens[i], a->finish[i], b->text[i], (int)b->tokens[i], b->finish[i]);
  }
}

static void batches_answer_as_one_at_a_time(void **state) {
  fixture *f = *state;
  vkift_generate_options o = vkift_generate_defaults();
  o.max_new_tokens = NEW_TOKENS;
  const answers *one = alone(f, &o, PROMPTS);
  expect_same(f, one, together(f, &o, PROMPTS, LARGE), PROMPTS);
  expect_same(f, one, together(f, &o, PROMPTS, SMALL), PROMPTS);
  int64_t least = INT64_MAX, most = 0;
  for (int i = 0; i < PROMPTS; i++) {
    if (one->prompt_tokens[i] < least) least = one->prompt_tokens[i];
    if (one->prompt_tokens[i] > most) most = one->prompt_tokens[i];
  }
  print_message("prompts of %d to %d tokens\n", (int)least, (int)most);
  assert_true(most > 5 * least);
}

static void so_do_they_with_sampling(void **state) {
  fixture *f = *state;
  vkift_generate_options o = vkift_generate_defaults();
  o.max_new_tokens = NEW_TOKENS;
  o.temperature = 1.2;
  o.top_k = 100;
  o.top_p = 0.95;
  o.repetition_penalty = 1.1;
  o.stop = (vkift_strings){(const char *[]){"е", "on"}, 2};
  const answers *large = together(f, &o, SAMPLED, LARGE);
  expect_same(f, alone(f, &o, SAMPLED), large, SAMPLED);
  expect_same(f, together(f, &o, SAMPLED, 1), large, SAMPLED);
  uint32_t stopped = 0;
  for (int i = 0; i < SAMPLED; i++) {
    stopped += large->finish[i] == VKIFT_FINISH_STOP_STRING;
    assert_null(strstr(large->text[i], "on"));
  }
  assert_true(stopped > 0);
  o.seed++;
  const answers *other = together(f, &o, SAMPLED, LARGE);
  uint32_t differ = 0;
  for (int i = 0; i < SAMPLED; i++) differ += strcmp(other->text[i], large->text[i]) != 0;
  assert_true(differ > SAMPLED / 2);
}

static bool at_once(void *user) {
  (void)user;
  return true;
}

static void what_is_wrong_is_said(void **state) {
  fixture *f = *state;
  const vkift_generate_options good = vkift_generate_defaults();
  vkift_generate_options bad[] = {good, good, good, good, good, good};
  bad[0].top_p = 0, bad[1].min_p = -1, bad[2].repetition_penalty = 0, bad[3].top_k = -1, bad[4].batch_size = 65;
  bad[5].stop = (vkift_strings){(const char *[]){""}, 1};
  static const char *const wanted[] = {
      "top_p: expected above 0",    "min_p: expected 0 to 1",       "repetition_penalty: expected above 0",
      "top_k: expected at least 0", "batch_size: expected 1 to 64", "stop: expected text"};
  for (int i = 0; i < 6; i++) {
    vkift_error error = {0};
    assert_int_equal(vkift_generate_all(f->generator, f->prompts, 1, &bad[i], on_answer, &error), VKIFT_USAGE);
    if (!strstr(error.message, wanted[i])) fail_msg("expected '%s' in: %s", wanted[i], error.message);
  }
  vkift_error error = {0};
  vkift_generate_options stops = good;
  answers none = {0};
  stops.user = &none;
  stops.should_stop = at_once;
  assert_int_equal(vkift_generate_all(f->generator, f->prompts, 2, &stops, on_answer, &error), VKIFT_FAILED);
  assert_string_equal(error.message, "stopped after 0 of 2 answers");
  assert_true(vkift_generator_has_end(f->generator));
}

static int open_fixture(void **state) {
  *state = open_all();
  return 0;
}

static int close_fixture(void **state) {
  fixture *f = *state;
  vkift_generator_close(f->generator);
  arena_free(f->memory);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_answer_as_one_at_a_time),
      cmocka_unit_test(so_do_they_with_sampling),
      cmocka_unit_test(what_is_wrong_is_said),
  };
  return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
