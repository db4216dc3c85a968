// Blocks of quantized types against the package gguf (blocks_golden.txt, made by tests/reference/blocks), to the bit, and nf4
// against its definition and bitsandbytes (nf4_golden.txt, made by tests/reference/nf4). blocks_test FILE FILE: others of that form.
#include "base/blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "support/test.h"

enum { TYPES = 8, NIBBLES = 8192, CODES = 256, PART = NIBBLES + CODES + 8 };
static const char *golden, *nf4_golden;

static dtype type_named(const char *name, size_t length) {
  for (int t = 0; t < DTYPE_COUNT; t++)
    if (strlen(dtype_get((dtype)t)->name) == length && !memcmp(dtype_get((dtype)t)->name, name, length)) return (dtype)t;
  fail_msg("no type %.10s", name);
  return DTYPE_COUNT;
}

// Bytes in hexadecimal, up to a space or the line's end, where *at then stands.
static void *read_hex(arena *a, const char **at, uint64_t *n) {
  uint8_t *out = ARENA_ARRAY(a, uint8_t, strcspn(*at, " \n") / 2);
  for (*n = 0; **at != ' ' && **at != '\n'; *at += 2) {
    const char digits[] = {(*at)[0], (*at)[1], 0};
    out[(*n)++] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return out;
}

static void values_are_the_package_s(void **state) {
  (void)state;
  arena *a = arena_new("golden blocks");
  char *text;
  err e = {0};
  uint32_t seen[DTYPE_COUNT] = {0}, types = 0, lines = 0;
  if (!file_read(a, golden, 64 << 20, &text, NULL, &e)) fail_msg("%s", e.message);
  for (const char *at = text; *at; at++, lines++) {
    const char *space = strchr(at, ' ');
    const dtype t = type_named(at, (size_t)(space - at));
    uint64_t n_block, n_want;
    float found[256];
    at = space + 1;
    const uint8_t *block = read_hex(a, &at, &n_block);
    at++;
    const uint8_t *want = read_hex(a, &at, &n_want);
    assert_int_equal(n_block, dtype_get(t)->block_bytes);
    assert_int_equal(n_want, 4 * dtype_get(t)->block_elements);
    blocks_to_f32(t, block, found);
    for (uint32_t i = 0; i < n_want / 4; i++) {
      float w;
      memcpy(&w, want + 4 * i, 4);
      if (w != found[i]) // zeros may have either sign
        fail_msg("line %u: element %u of %s: expected %.9g, found %.9g", lines + 1, i, dtype_get(t)->name, (double)w,
                 (double)found[i]);
    }
    types += !seen[t]++;
  }
  assert_int_equal(types, TYPES);
  print_message("%u blocks of %u types\n", lines, types);
  arena_free(a);
}

// The same 64 weights to a block: of `scales` its largest one, beside zeros.
static float *spread_scales(arena *a, const float *scales, uint64_t n) {
  float *x = ARENA_ARRAY(a, float, 64 * n);
  memset(x, 0, (size_t)(64 * n) * sizeof *x);
  for (uint64_t i = 0; i < n; i++) x[64 * i] = scales[i];
  return x;
}

// Codes are the same. Values are the same with one level; with two a scale is the map's value times another scale and the mean,
// of which vkift has the map's within its last bits.
static void compare_with_bitsandbytes(uint32_t line, dtype t, const uint8_t *stored, const uint8_t *codes, uint64_t n_codes,
                                      const float *found, const float *want, uint64_t n, uint64_t step) {
  float largest = 0;
  for (uint64_t i = 0; i < n_codes; i++)
    if (codes[i] != stored[i / CODES * PART + NIBBLES + i % CODES])
      fail_msg("line %u: scale %llu: expected the code %u, found %u", line, (unsigned long long)i, codes[i],
               stored[i / CODES * PART + NIBBLES + i % CODES]);
  for (uint64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(want[i]));
  const float allowed = t == DTYPE_NF4 ? 0 : 2e-7f * largest;
  for (uint64_t i = 0; i < n; i++)
    if (!(fabsf(found[i * step] - want[i]) <= allowed))
      fail_msg("line %u: element %llu: expected %.9g, found %.9g", line, (unsigned long long)i, (double)want[i],
               (double)found[i * step]);
}

static void nf4_is_that_of_bitsandbytes(void **state) {
  (void)state;
  char *text;
  err e = {0};
  uint32_t lines = 0;
  arena *a = arena_new("nf4 of bitsandbytes");
  if (!file_read(a, nf4_golden, 64 << 20, &text, NULL, &e)) fail_msg("%s", e.message);
  for (const char *at = text; *at; at++) {
    const char *space = strchr(at, ' ');
    const bool scales = !strncmp(at, "scales ", 7);
    const dtype t = scales ? DTYPE_NF4_DOUBLE : type_named(at, (size_t)(space - at));
    uint64_t n_in, n_want, n_codes;
    at = space + 1;
    const float *in = read_hex(a, &at, &n_in);
    at++;
    const float *want = read_hex(a, &at, &n_want);
    at++;
    const uint8_t *codes = t == DTYPE_NF4 ? (at++, n_codes = 0, NULL) : read_hex(a, &at, &n_codes);
    assert_true(n_in == n_want && n_in % 4 == 0);
    const uint64_t n = (scales ? 64 : 1) * n_in / 4;
    assert_true(n % 64 == 0 && (t == DTYPE_NF4 || n_codes == n / 64));
    if (scales) in = spread_scales(a, in, n_in / 4);
    uint8_t *stored = arena_alloc(a, dtype_bytes(t, n));
    float *found = ARENA_ARRAY(a, float, n);
    dtype_from_f32(t, in, stored, n);
    dtype_to_f32(t, stored, found, n);
    compare_with_bitsandbytes(++lines, t, stored, codes, n_codes, found, want, n_want / 4, scales ? 64 : 1);
  }
  assert_true(lines >= 4);
  print_message("%u tensors as bitsandbytes makes them\n", lines);
  arena_free(a);
}

// The table as formats name it, to seven digits.
static const double table[16] = {-1,        -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0,
                                 0.0795803, 0.1609302,  0.2461123,  0.3379152,  0.4407098,  0.5626170,  0.7229568,  1};

static void nf4_takes_the_nearest(void **state) {
  (void)state;
  rng r = rng_new(3, RNG_TEST);
  float in[64], out[64], again[64];
  uint8_t block[36], second[36];
  for (int round = 0; round < 100; round++) {
    float largest = 0;
    for (int i = 0; i < 64; i++) {
      in[i] = (float)rng_normal(&r) * 0.02f;
      largest = fmaxf(largest, fabsf(in[i]));
    }
    blocks_from_f32_nf4(in, block);
    blocks_to_f32(DTYPE_NF4, block, out);
    for (int i = 0; i < 64; i++) {
      double nearest = INFINITY;
      for (int k = 0; k < 16; k++) nearest = fmin(nearest, fabs(in[i] - largest * table[k]));
      const double error = fabs((double)in[i] - out[i]);
      if (!(fabs(error - nearest) <= 1e-7 * largest))
        fail_msg("%g of largest %g became %g: %g away, expected %g", (double)in[i], (double)largest, (double)out[i], error,
                 nearest);
    }
    blocks_from_f32_nf4(out, second); // what is nf4 stays what it is
    blocks_to_f32(DTYPE_NF4, second, again);
    assert_memory_equal(out, again, sizeof out);
  }
}

static void nf4_of_zeros(void **state) {
  (void)state;
  const float zeros[64] = {0};
  float out[64];
  uint8_t block[36];
  blocks_from_f32_nf4(zeros, block);
  blocks_to_f32(DTYPE_NF4, block, out);
  for (int i = 0; i < 64; i++) assert_true(out[i] == 0);
}

// What it scales by is near to what nf4 does: within half a step of the map, whose steps are at most 1.4 % of the largest.
static void nf4_double_scales_nearly_so(void **state) {
  (void)state;
  enum { N = 40000 / 64 * 64 };
  rng r = rng_new(4, RNG_TEST);
  float *in = malloc(3 * N * sizeof *in), *once = in + N, *twice = in + 2 * N;
  uint8_t *stored = malloc(dtype_bytes(DTYPE_NF4, N));
  assert_non_null(in);
  assert_non_null(stored);
  for (int i = 0; i < N; i++) in[i] = (float)(rng_normal(&r) * (0.01 + 0.02 * (i / 64 % 7)));
  dtype_from_f32(DTYPE_NF4, in, stored, N);
  dtype_to_f32(DTYPE_NF4, stored, once, N);
  assert_int_equal(dtype_bytes(DTYPE_NF4_DOUBLE, N), 3 * 8456);
  assert_true(dtype_bytes(DTYPE_NF4_DOUBLE, N) <= dtype_bytes(DTYPE_NF4, N) + 8456);
  uint8_t *twofold = malloc(dtype_bytes(DTYPE_NF4_DOUBLE, N));
  assert_non_null(twofold);
  dtype_from_f32(DTYPE_NF4_DOUBLE, in, twofold, N);
  dtype_to_f32(DTYPE_NF4_DOUBLE, twofold, twice, N);
  float smallest = INFINITY, largest = 0; // of what blocks scale by
  for (int b = 0; b < N; b += 64) {
    float most = 0;
    for (int i = b; i < b + 64; i++) most = fmaxf(most, fabsf(in[i]));
    smallest = fminf(smallest, most), largest = fmaxf(largest, most);
  }
  bool same = true;
  for (int i = 0; i < N; i++) {
    if (!(fabsf(once[i] - twice[i]) <= 0.008f * (largest - smallest)))
      fail_msg("element %d: expected about %g, found %g", i, (double)once[i], (double)twice[i]);
    same &= once[i] == twice[i];
  }
  assert_false(same);
  free(in);
  free(stored);
  free(twofold);
}

static void sizes(void **state) {
  (void)state;
  assert_int_equal(dtype_bytes(DTYPE_Q4_K, 512), 288);
  assert_int_equal(dtype_bytes(DTYPE_Q6_K, 256), 210);
  assert_int_equal(dtype_bytes(DTYPE_NF4, 128), 72);
  assert_true(dtype_is_quantized(DTYPE_Q8_0) && !dtype_is_quantized(DTYPE_BF16));
}

int main(int argc, char **argv) {
  const char *source = getenv("VKIFT_SOURCE_DIR");
  golden = argc > 1 ? argv[1] : test_path(source ? source : ".", "tests/unit/blocks_golden.txt");
  nf4_golden = argc > 2 ? argv[2] : test_path(source ? source : ".", "tests/unit/nf4_golden.txt");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_the_package_s),    cmocka_unit_test(nf4_is_that_of_bitsandbytes),
      cmocka_unit_test(nf4_takes_the_nearest),       cmocka_unit_test(nf4_of_zeros),
      cmocka_unit_test(nf4_double_scales_nearly_so), cmocka_unit_test(sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
