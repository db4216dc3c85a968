// Control tokens that a model never trained, in each of the ways in which its weights show it.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "models/prompt_choice.h"
#include "models/prompt_untrained.h"
#include "support/byte_tokenizer.h"
#include "support/tiny_model.h"

// The tiny model (vocabulary 263, of which the last has no token; width 44; σ 0.2 at the start) with weights of `length`.
typedef struct fixture {
  arena *a;
  model *m;
  prompt_style style;
  float *rows[2]; // of the embedding and of the head
  weight weights[2];
} fixture;

static void set_row(const fixture *f, int of, uint32_t id, double length, uint64_t seed) {
  const uint32_t n = f->weights[of].shape[1];
  float *row = f->rows[of] + (uint64_t)id * n;
  rng r = rng_new(seed, RNG_TEST);
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) row[i] = (float)rng_normal(&r), sum += row[i] * row[i];
  for (uint32_t i = 0; i < n; i++) row[i] = (float)(row[i] * length / sqrt(sum));
}

static fixture *begin(const char *template) {
  fixture *f = NULL;
  arena *a = arena_new("test");
  f = ARENA_NEW(a, fixture);
  f->a = a;
  err e = {0};
  if (!model_open(a, tiny_model("tiny"), true, &f->m, &e) || !prompt_choose(a, f->m, template, &f->style, &e))
    fail_msg("%s", e.message);
  const char *const names[] = {"model.embed_tokens.weight", "lm_head.weight"};
  for (int of = 0; of < 2; of++) {
    model_param *p = model_find(f->m, names[of]);
    f->rows[of] = ARENA_ARRAY(a, float, (uint64_t)p->shape[0] * p->shape[1]);
    f->weights[of] = (weight){.name = p->name,
                              .type = DTYPE_F32,
                              .n_dims = 2,
                              .shape = {p->shape[0], p->shape[1]},
                              .data = (const uint8_t *)f->rows[of],
                              .bytes = (uint64_t)p->shape[0] * p->shape[1] * 4};
    p->source = &f->weights[of];
    for (uint32_t id = 0; id < p->shape[0]; id++) set_row(f, of, id, 3 + 0.01 * (id % 50), 1 + id + 1000 * (uint64_t)of);
  }
  return f;
}

static void expect(fixture *f, const char *names) {
  text found = {0};
  err e = {0};
  if (!prompt_untrained_find(f->m, &f->style, &found, &e)) fail_msg("%s", e.message);
  assert_string_equal(found.data ? found.data : "", names);
  text_free(&found);
}

static void end(fixture *f) {
  model_close(f->m);
  arena_free(f->a);
}

static void trained_tokens_pass(void **state) {
  (void)state;
  fixture *f = begin("chatml");
  expect(f, "");
  // Near to another, but moved away from it, as finetuning does.
  memcpy(f->rows[0] + (uint64_t)BYTE_IM_START * 44, f->rows[0] + (uint64_t)262 * 44, 44 * 4);
  f->rows[0][(uint64_t)BYTE_IM_START * 44] += 0.3F;
  expect(f, "");
  // Of a model without weights nothing is said.
  model_find(f->m, "lm_head.weight")->source = NULL;
  memset(f->rows[0], 0, (uint64_t)263 * 44 * 4);
  expect(f, "");
  end(f);
}

static void rows_all_alike(void **state) {
  (void)state;
  fixture *f = begin("chatml");
  set_row(f, 0, BYTE_IM_START, 3, 7);
  set_row(f, 0, 262, 3, 7); // a row without a token
  expect(f, "<|im_start|>");
  set_row(f, 0, BYTE_IM_END, 3, 7);
  f->rows[0][(uint64_t)BYTE_IM_END * 44] += 0.01F;
  expect(f, "<|im_start|>, <|im_end|>");
  end(f);
}

static void rows_that_vanished(void **state) {
  (void)state;
  fixture *f = begin("chatml");
  set_row(f, 0, BYTE_IM_END, 1e-20, 7);
  expect(f, "<|im_end|>");
  set_row(f, 0, BYTE_IM_END, 0, 7);
  expect(f, "<|im_end|>");
  set_row(f, 0, BYTE_IM_END, 0.6, 7); // a fifth of the others: short, but there
  expect(f, "");
  set_row(f, 0, BYTE_IM_END, NAN, 7);
  expect(f, "<|im_end|>");
  end(f);
}

static void rows_as_initialised(void **state) {
  (void)state;
  fixture *f = begin("chatml");
  set_row(f, 0, BYTE_IM_START, 0.2 * sqrt(44) * 1.1, 7);
  expect(f, "<|im_start|>");
  for (uint32_t id = 0; id < 263; id++) set_row(f, 0, id, 0.2 * sqrt(44), id + 1); // all are: the model is new
  expect(f, "");
  end(f);
}

static void heads_count_for_what_is_learned(void **state) {
  (void)state;
  fixture *f = begin("chatml");
  set_row(f, 1, BYTE_IM_START, 0, 7); // never written by the model
  expect(f, "");
  set_row(f, 1, BYTE_IM_END, 0, 7);
  expect(f, "<|im_end|>");
  end(f);
}

static void other_prompts_and_types(void **state) {
  (void)state;
  fixture *f = begin(NULL); // Alpaca's, which ends with the EOS
  set_row(f, 0, BYTE_IM_START, 0, 7);
  expect(f, "");
  text sentence = {0};
  err e = {0};
  assert_true(prompt_untrained_describe(f->m, &f->style, false, &sentence, &e));
  assert_int_equal(sentence.length, 0);
  uint16_t *half = ARENA_ARRAY(f->a, uint16_t, 263 * 44);
  for (uint32_t i = 0; i < 263 * 44; i++) half[i] = f32_to_bf16(f->rows[0][i]);
  f->weights[0].type = DTYPE_BF16;
  f->weights[0].bytes /= 2;
  f->weights[0].data = (const uint8_t *)half;
  expect(f, "");
  const int32_t eos = f->m->config.eos_ids[0];
  memset(half + (uint64_t)eos * 44, 0, 88);
  expect(f, tokenizer_content(f->m->tokenizer, eos));
  assert_true(prompt_untrained_describe(f->m, &f->style, false, &sentence, &e));
  assert_non_null(strstr(sentence.data, "--modules-to-save embed_tokens,lm_head"));
  assert_null(strstr(sentence.data, "--chat-template alpaca")); // that is what it has
  text_clear(&sentence);
  assert_true(prompt_untrained_describe(f->m, &f->style, true, &sentence, &e));
  assert_non_null(strstr(sentence.data, "freeze leaves tokens as they are: --trainable embed_tokens,lm_head trains them too"));
  text_free(&sentence);
  end(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trained_tokens_pass),
      cmocka_unit_test(rows_all_alike),
      cmocka_unit_test(rows_that_vanished),
      cmocka_unit_test(rows_as_initialised),
      cmocka_unit_test(heads_count_for_what_is_learned),
      cmocka_unit_test(other_prompts_and_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
