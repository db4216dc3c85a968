// An answer as it grows: what ends it, stop strings within and across tokens, and which bytes no later token changes.
#include "support/byte_tokenizer.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "eval/writer.h"

typedef struct fixture {
  arena *memory;
  model model;
  loaded loaded;
  writer_options options;
  writer writer;
} fixture;

// A model that only has a tokenizer: ids below 256 are bytes; 256 is "th", 257 "the", 258 two newlines.
static fixture *open_with(const char *const *stop, size_t n_stop, uint32_t max_new_tokens, bool streams) {
  arena *a = arena_new("writer");
  fixture *f = ARENA_NEW(a, fixture);
  f->memory = a;
  f->model = (model){.path = "test", .tokenizer = byte_tokenizer(a, false)};
  f->model.config = (model_config){.vocab_size = BYTE_VOCAB, .eos_ids = {BYTE_EOS}, .n_eos = 1};
  f->loaded = (loaded){.model = &f->model, .prompt = {.end_of_turn = "<|im_end|>"}};
  f->options = (writer_options){.max_new_tokens = max_new_tokens, .stop = {stop, n_stop}};
  writer_open(a, &f->loaded, &f->options, 100, streams, &f->writer);
  writer_begin(&f->writer, 0, (int32_t[]){'x'}, 1);
  return f;
}

static void close_it(fixture *f) {
  writer_close(&f->writer);
  tokenizer_free(f->model.tokenizer);
  arena_free(f->memory);
}

// The model's likeliest token is `id`.
static void write_token(fixture *f, int32_t id) {
  float logits[BYTE_VOCAB] = {0};
  err e = {0};
  logits[id] = 5;
  assert_false(f->writer.ended);
  if (!writer_take(&f->writer, logits, false, &e)) fail_msg("%s", e.message);
}

static void write_bytes(fixture *f, const char *bytes) {
  for (; *bytes; bytes++) write_token(f, (unsigned char)*bytes);
}

static void expect_text(fixture *f, const char *want) {
  assert_string_equal(f->writer.text.data, want);
  assert_int_equal(f->writer.text.length, strlen(want));
}

static void expect_settled(const fixture *f, const char *want) {
  const size_t n = writer_settled(&f->writer);
  if (n != strlen(want) || memcmp(f->writer.text.data, want, n))
    fail_msg("expected '%s', found '%.*s'", want, (int)n, f->writer.text.data);
}

static void finds_the_first_stop_string(void **state) {
  (void)state;
  const vkift_strings two = {(const char *[]){"end", "nd."}, 2};
  assert_int_equal(writer_find_stop(&two, "the end.", 8), 4);
  assert_int_equal(writer_find_stop(&two, "and.end", 7), 1);
  assert_int_equal(writer_find_stop(&two, "en d", 4), 4);
  assert_int_equal(writer_find_stop(&two, "the end", 6), 6); // not beyond the length
  assert_int_equal(writer_find_stop(&two, "", 0), 0);
  const vkift_strings none = {NULL, 0};
  assert_int_equal(writer_find_stop(&none, "abc", 3), 3);
}

static void finds_what_a_stop_string_may_begin_with(void **state) {
  (void)state;
  const vkift_strings two = {(const char *[]){"\n\nUser:", "aab"}, 2};
  assert_int_equal(writer_begun_stop(&two, "x", 1), 0);
  assert_int_equal(writer_begun_stop(&two, "x\n", 2), 1);
  assert_int_equal(writer_begun_stop(&two, "x\n\nUs", 5), 4);
  assert_int_equal(writer_begun_stop(&two, "aaa", 3), 2);
  assert_int_equal(writer_begun_stop(&two, "a", 1), 1);
  assert_int_equal(writer_begun_stop(&two, "", 0), 0);
}

static void an_end_token_ends(void **state) {
  (void)state;
  const int32_t ends[] = {BYTE_EOS, BYTE_IM_END};
  for (int i = 0; i < 2; i++) {
    fixture *f = open_with(NULL, 0, 10, false);
    write_bytes(f, "ab");
    write_token(f, ends[i]);
    assert_true(f->writer.ended);
    assert_int_equal(f->writer.finish, VKIFT_FINISH_END);
    assert_int_equal(f->writer.n, 2);
    expect_text(f, "ab");
    close_it(f);
  }
}

static void it_is_long_enough(void **state) {
  (void)state;
  fixture *f = open_with(NULL, 0, 3, false);
  write_bytes(f, "abc");
  assert_true(f->writer.ended);
  assert_int_equal(f->writer.finish, VKIFT_FINISH_LENGTH);
  expect_text(f, "abc");
  float logits[BYTE_VOCAB] = {0};
  logits['d'] = 1;
  err e = {0};
  writer_begin(&f->writer, 1, (int32_t[]){'x'}, 1); // the next prompt; there is no room for a second token
  assert_true(writer_take(&f->writer, logits, true, &e));
  assert_true(f->writer.ended);
  assert_int_equal(f->writer.finish, VKIFT_FINISH_LENGTH);
  expect_text(f, "d");
  close_it(f);
}

static void a_stop_string_ends_across_tokens(void **state) {
  (void)state;
  fixture *f = open_with((const char *[]){"\n\nQ", "hex"}, 2, 50, false);
  write_bytes(f, "a");
  write_token(f, BYTE_NEWLINES);
  assert_false(f->writer.ended);
  write_token(f, 'Q');
  assert_true(f->writer.ended);
  assert_int_equal(f->writer.finish, VKIFT_FINISH_STOP_STRING);
  assert_int_equal(f->writer.n, 3);
  expect_text(f, "a");
  close_it(f);

  f = open_with((const char *[]){"hex"}, 1, 50, false); // it begins within the token "the"
  write_bytes(f, "is ");
  write_token(f, BYTE_THE);
  write_token(f, 'x');
  assert_int_equal(f->writer.finish, VKIFT_FINISH_STOP_STRING);
  expect_text(f, "is t");
  close_it(f);

  f = open_with((const char *[]){"h"}, 1, 50, false); // … and ends there
  write_token(f, BYTE_THE);
  assert_int_equal(f->writer.finish, VKIFT_FINISH_STOP_STRING);
  expect_text(f, "t");
  close_it(f);
}

static void what_was_begun_and_not_ended_stays(void **state) {
  (void)state;
  fixture *f = open_with((const char *[]){"STOP"}, 1, 50, true);
  write_bytes(f, "aST");
  expect_settled(f, "a");
  write_bytes(f, "U");
  expect_settled(f, "aSTU");
  write_bytes(f, "ST");
  expect_settled(f, "aSTU");
  write_token(f, BYTE_EOS);
  expect_settled(f, "aSTUST");
  close_it(f);
}

static void no_half_characters_are_settled(void **state) {
  (void)state;
  fixture *f = open_with(NULL, 0, 50, true);
  write_bytes(f, "a\xE2\x82");
  expect_settled(f, "a");
  write_bytes(f, "\xAC");
  expect_settled(f, "a\xE2\x82\xAC");
  write_bytes(f, "\xF0\x9F\x98");
  expect_settled(f, "a\xE2\x82\xAC");
  write_token(f, BYTE_EOS); // there it ends: what is missing is said
  assert_true(f->writer.text.length > 4);
  assert_true(utf8_valid(f->writer.text.data, f->writer.text.length, NULL));
  close_it(f);
}

static void the_penalty_counts_prompt_and_answer(void **state) {
  (void)state;
  fixture *f = open_with(NULL, 0, 50, false);
  f->options.sample.repetition_penalty = 2;
  writer_close(&f->writer);
  writer_open(f->memory, &f->loaded, &f->options, 100, false, &f->writer);
  writer_begin(&f->writer, 0, (int32_t[]){'x', 'x'}, 2);
  float logits[BYTE_VOCAB] = {0};
  logits['x'] = 10, logits['y'] = 9, logits['z'] = 6; // 'x' stood in the prompt: 5
  err e = {0};
  for (int i = 0; i < 3; i++) assert_true(writer_take(&f->writer, logits, false, &e));
  assert_int_equal(f->writer.ids[0], 'y');
  assert_int_equal(f->writer.ids[1], 'z');
  assert_int_equal(f->writer.ids[2], 'x'); // 5 against 4.5 and 3
  close_it(f);
}

static void a_damaged_model_is_said(void **state) {
  (void)state;
  fixture *f = open_with(NULL, 0, 50, false);
  float logits[BYTE_VOCAB] = {0};
  logits[5] = NAN;
  err e = {0};
  assert_false(writer_take(&f->writer, logits, false, &e));
  assert_non_null(strstr(e.message, "not finite"));
  close_it(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_first_stop_string),
      cmocka_unit_test(finds_what_a_stop_string_may_begin_with),
      cmocka_unit_test(an_end_token_ends),
      cmocka_unit_test(it_is_long_enough),
      cmocka_unit_test(a_stop_string_ends_across_tokens),
      cmocka_unit_test(what_was_begun_and_not_ended_stays),
      cmocka_unit_test(no_half_characters_are_settled),
      cmocka_unit_test(the_penalty_counts_prompt_and_answer),
      cmocka_unit_test(a_damaged_model_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
