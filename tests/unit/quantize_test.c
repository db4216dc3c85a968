// Blocks of Q8_0 and Q4_0 against those of ggml's own implementation (gguf 0.19.0 for Python), and what reading them back gives.
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/quantize.h"
#include "base/rng.h"

static void check_hex(dtype t, const float *x, uint64_t n, const char *expected) {
  uint8_t blocks[4 * 34];
  char hex[2 * sizeof blocks + 1] = "";
  quantize(t, x, blocks, n);
  for (uint64_t i = 0; i < dtype_bytes(t, n); i++) snprintf(hex + 2 * i, 3, "%02x", blocks[i]);
  assert_string_equal(hex, expected);
}

static void blocks_are_ggmls(void **state) {
  (void)state;
  float x[64], ties[32] = {[3] = 1.5f, [7] = -1.5f, [9] = 0.75f, [11] = -0.76f};
  for (int i = 0; i < 64; i++) x[i] = (float)(((i * 37 + 11) % 97 - 48) * (i < 32 ? 0.013 : 0.37) + 0.003 * i);
  x[40] = -30.25f;
  check_hex(DTYPE_Q8_0, x, 64,
            "5d1da4015dc92591ed4ab5126eda36a2fe5bc6237feb47b30f6cd7349ffc58c4207d9f33e61fc2fc35d8124b8127ca043de019bcf62fd20c45e8"
            "21c4fe37da13b6f029cc");
  check_hex(DTYPE_Q4_0, x, 64, "52adce68029b46df7913bd57e18a25ce6802904376ba5498cb65a94d80ba65983c76ba54");
  // Of equal magnitudes the first gives Q4_0's sign; a half rounds away from zero.
  check_hex(DTYPE_Q8_0, ties, 32, "0c220000007f00000081004000c00000000000000000000000000000000000000000");
  check_hex(DTYPE_Q4_0, ties, 32, "00b2888888808888888f8884888c88888888");
}

static void zeros_stay_zeros(void **state) {
  (void)state;
  static const dtype types[] = {DTYPE_Q8_0, DTYPE_Q4_0};
  const float zeros[32] = {0};
  for (int k = 0; k < 2; k++) {
    uint8_t block[34];
    float back[32];
    quantize(types[k], zeros, block, 32);
    dtype_to_f32(types[k], block, back, 32);
    for (int i = 0; i < 32; i++) assert_true(back[i] == 0);
  }
}

// Of numbers whose scale has no inverse in f32 the integers are 0, not what an infinity becomes.
static void subnormal_numbers_become_zeros(void **state) {
  (void)state;
  float x[32];
  for (int i = 0; i < 32; i++) x[i] = 1e-41f * (float)(i + 1);
  check_hex(DTYPE_Q8_0, x, 32, "00000000000000000000000000000000000000000000000000000000000000000000");
  check_hex(DTYPE_Q4_0, x, 32, "008088888888888888888888888888888888");
}

// Half a step away at most (Q4_0: a whole one at the end of the range that has no code), and what f16 rounds the step by.
static void what_is_read_back_is_near(void **state) {
  (void)state;
  rng r = rng_new(3, RNG_TEST);
  for (int round = 0; round < 1000; round++) {
    float x[32], back[32], most = 0;
    uint8_t block[34];
    const double scale = exp(8 * rng_uniform(&r) - 6);
    for (int i = 0; i < 32; i++) {
      x[i] = (float)(scale * rng_normal(&r));
      most = fmaxf(most, fabsf(x[i]));
    }
    quantize(DTYPE_Q8_0, x, block, 32);
    dtype_to_f32(DTYPE_Q8_0, block, back, 32);
    for (int i = 0; i < 32; i++) assert_true(fabsf(back[i] - x[i]) <= most * (0.5f / 127 + 1e-3f));
    quantize(DTYPE_Q4_0, x, block, 32);
    dtype_to_f32(DTYPE_Q4_0, block, back, 32);
    for (int i = 0; i < 32; i++) assert_true(fabsf(back[i] - x[i]) <= most * (1.0f / 8 + 1e-3f));
  }
}

static void other_types_round_as_ever(void **state) {
  (void)state;
  const float x[3] = {1.0f / 3, -65504, 1e-8f};
  uint16_t half[3], expected[3];
  float same[3];
  quantize(DTYPE_F16, x, half, 3);
  dtype_from_f32(DTYPE_F16, x, expected, 3);
  assert_memory_equal(half, expected, sizeof half);
  quantize(DTYPE_F32, x, same, 3);
  assert_memory_equal(same, x, sizeof x);
  assert_true(quantize_makes(DTYPE_Q4_0) && !quantize_makes(DTYPE_Q4_1) && !quantize_makes(DTYPE_I32));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_ggmls),
      cmocka_unit_test(zeros_stay_zeros),
      cmocka_unit_test(subnormal_numbers_become_zeros),
      cmocka_unit_test(what_is_read_back_is_near),
      cmocka_unit_test(other_types_round_as_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
