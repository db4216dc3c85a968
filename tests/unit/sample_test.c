// Choosing tokens: the likeliest with the lowest id among equals, and shares of draws against their probabilities.
#include "support/test.h"

#include <math.h>

#include "eval/sample.h"

enum { N = 6, DRAWS = 10000 };
// Probabilities 0.05, 0.4, 0.15, 0.25, 0.1, 0.05 at temperature 1, with a constant added that must not matter.
static const double p[N] = {0.05, 0.4, 0.15, 0.25, 0.1, 0.05};

static void fill(float *logits) {
  for (int i = 0; i < N; i++) logits[i] = (float)(log(p[i]) + 30);
}

static void greedy(void **state) {
  (void)state;
  rng r = rng_new(1, RNG_TEST);
  const sample_options o = {.temperature = 0, .top_p = 1};
  assert_int_equal(sample_token((float[]){-1, 3, 2, 3}, 4, &o, &r), 1); // the lowest id among equals
  assert_int_equal(sample_token((float[]){5, 5, 5}, 3, &o, &r), 0);
  assert_int_equal(sample_token((float[]){-3, -2, -1}, 3, &o, &r), 2);
  assert_int_equal(sample_token((float[]){-INFINITY, -1e30f}, 2, &o, &r), 1);
  assert_int_equal(sample_token((float[]){0}, 1, &o, &r), 0);
  assert_int_equal(r.drawn, 0); // nothing is drawn where nothing is random
}

// Each token's share of the draws within five standard errors of `want`; a share of 0 exactly.
static void check_shares(const sample_options *o, const double *want) {
  float logits[N];
  uint32_t count[N] = {0};
  rng r = rng_new(17, RNG_SAMPLE);
  fill(logits);
  for (int i = 0; i < DRAWS; i++) {
    const int32_t id = sample_token(logits, N, o, &r);
    assert_in_range(id, 0, N - 1);
    count[id]++;
  }
  for (int i = 0; i < N; i++) {
    const double share = (double)count[i] / DRAWS, error = sqrt(want[i] * (1 - want[i]) / DRAWS);
    if (!(fabs(share - want[i]) <= 5 * error)) fail_msg("token %d: expected a share of %.4f, found %.4f", i, want[i], share);
  }
}

static void temperature(void **state) {
  (void)state;
  check_shares(&(sample_options){.temperature = 1, .top_p = 1}, p);
  double cold[N], sum = 0;
  for (int i = 0; i < N; i++) sum += cold[i] = p[i] * p[i]; // temperature ½ squares
  for (int i = 0; i < N; i++) cold[i] /= sum;
  check_shares(&(sample_options){.temperature = 0.5, .top_p = 1}, cold);
  check_shares(&(sample_options){.temperature = 1e-3, .top_p = 1}, (double[]){0, 1, 0, 0, 0, 0});
}

// The smallest set of likeliest tokens whose probabilities reach top_p, divided by their sum.
static void top_p(void **state) {
  (void)state;
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.3}, (double[]){0, 1, 0, 0, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.6}, (double[]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.7}, (double[]){0, 0.5, 0.1875, 0.3125, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1e-9}, (double[]){0, 1, 0, 0, 0, 0});
}

static void top_k(void **state) {
  (void)state;
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = 1}, (double[]){0, 1, 0, 0, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = 3}, (double[]){0, 0.5, 0.1875, 0.3125, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = N}, p);
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = 1000}, p);
  // Equals at the border: the lower id. Tokens 0 and 5 have 0.05.
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = 5},
               (double[]){0.05 / 0.95, 0.4 / 0.95, 0.15 / 0.95, 0.25 / 0.95, 0.1 / 0.95, 0});
}

// top_p is of what top_k left: 0.4, 0.25 and 0.15 are 0.5, 0.3125 and 0.1875 of it.
static void top_p_after_top_k(void **state) {
  (void)state;
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.8, .top_k = 3}, (double[]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.82, .top_k = 3}, (double[]){0, 0.5, 0.1875, 0.3125, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.45, .top_k = 3}, (double[]){0, 1, 0, 0, 0, 0});
}

// Against 0.4: 0.25 is 0.625 of it, 0.15 is 0.375, 0.1 is 0.25.
static void min_p(void **state) {
  (void)state;
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .min_p = 1}, (double[]){0, 1, 0, 0, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .min_p = 0.6}, (double[]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .min_p = 0.37}, (double[]){0, 0.5, 0.1875, 0.3125, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 0.6, .min_p = 0.37}, (double[]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0, 0});
  check_shares(&(sample_options){.temperature = 1, .top_p = 1, .top_k = 4, .min_p = 0.2},
               (double[]){0, 0.4 / 0.9, 0.15 / 0.9, 0.25 / 0.9, 0.1 / 0.9, 0});
}

static void the_penalty_counts_each_token_once(void **state) {
  (void)state;
  const float logits[] = {3, -1.5f, 0, 2, -4};
  float out[] = {3, -1.5f, 0, 2, -4};
  sample_penalize(logits, (int32_t[]){0, 1, 0, 2, 0}, 5, 1.5, out);
  const float want[] = {2, -2.25f, 0, 2, -4};
  for (int i = 0; i < 5; i++) assert_true(out[i] == want[i]);
  sample_penalize(logits, (int32_t[]){4}, 1, 0.5, out); // below 1: a token is made likelier
  assert_true(out[4] == -2);
}

// Nothing but the seed, the prompt and the place decides what is drawn.
static void random_numbers_are_a_tokens_own(void **state) {
  (void)state;
  rng again = sample_rng(42, 3, 7), r = again;
  const double first = rng_uniform(&r);
  assert_true(rng_uniform(&again) == first);
  const rng others[] = {sample_rng(43, 3, 7), sample_rng(42, 4, 7), sample_rng(42, 3, 8), sample_rng(42, 2, 7)};
  for (int i = 0; i < 4; i++) {
    rng other = others[i];
    assert_true(rng_uniform(&other) != first);
  }
}

static void the_same_seed_gives_the_same_tokens(void **state) {
  (void)state;
  float logits[N];
  fill(logits);
  const sample_options o = {.temperature = 1, .top_p = 0.9};
  int differ = 0;
  rng a = rng_new(3, RNG_SAMPLE), b = rng_new(3, RNG_SAMPLE), c = rng_new(4, RNG_SAMPLE);
  for (int i = 0; i < 100; i++) {
    const int32_t id = sample_token(logits, N, &o, &a);
    assert_int_equal(id, sample_token(logits, N, &o, &b));
    differ += id != sample_token(logits, N, &o, &c);
  }
  assert_true(differ > 20);
}

static void what_is_not_finite_is_no_token(void **state) {
  (void)state;
  float logits[3] = {1, 2, 0};
  const sample_options greedy_options = {.top_p = 1}, warm = {.temperature = 1, .top_p = 1};
  rng r = rng_new(1, RNG_SAMPLE);
  const float bad[] = {NAN, INFINITY};
  for (int place = 0; place < 3; place++)
    for (int i = 0; i < 2; i++) {
      const float kept = logits[place];
      logits[place] = bad[i];
      assert_int_equal(sample_token(logits, 3, &greedy_options, &r), -1);
      assert_int_equal(sample_token(logits, 3, &warm, &r), -1);
      logits[place] = kept;
    }
  logits[0] = -INFINITY; // a token that never comes
  assert_int_equal(sample_token(logits, 3, &greedy_options, &r), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(greedy),
      cmocka_unit_test(temperature),
      cmocka_unit_test(top_p),
      cmocka_unit_test(top_k),
      cmocka_unit_test(top_p_after_top_k),
      cmocka_unit_test(min_p),
      cmocka_unit_test(the_penalty_counts_each_token_once),
      cmocka_unit_test(random_numbers_are_a_tokens_own),
      cmocka_unit_test(the_same_seed_gives_the_same_tokens),
      cmocka_unit_test(what_is_not_finite_is_no_token),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
