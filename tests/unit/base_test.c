// The base room: number formats, random numbers, UTF-8, files.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"

static void half_floats_round_trip(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 65536; h++) {
    float f = f16_to_f32((uint16_t)h), b = bf16_to_f32((uint16_t)h);
    if (isnan(f)) assert_true((f32_to_f16(f) & 0x7C00) == 0x7C00 && (f32_to_f16(f) & 0x3FF));
    else assert_int_equal(f32_to_f16(f), h);
    if (!isnan(b)) assert_int_equal(f32_to_bf16(b), h);
  }
  assert_int_equal(f32_to_f16(65519.0f), 0x7BFF);
  assert_int_equal(f32_to_f16(65520.0f), 0x7C00);
  assert_int_equal(f32_to_f16(0x1.002p0f), 0x3C00);  // a tie goes to even
  assert_int_equal(f32_to_f16(-0x1.8p-25f), 0x8001); // subnormal
  assert_int_equal(f32_to_bf16(0x1.01p0f), 0x3F80);  // a tie goes to even
}

// Known answers of Random123's kat_vectors for philox4x32 with 10 rounds.
static void philox_known_answers(void **state) {
  (void)state;
  rng_block z = rng_philox((uint32_t[2]){0, 0}, (uint32_t[4]){0, 0, 0, 0});
  assert_int_equal(z.v[0], 0x6627e8d5);
  assert_int_equal(z.v[1], 0xe169c58d);
  assert_int_equal(z.v[2], 0xbc57ac4c);
  assert_int_equal(z.v[3], 0x9b00dbd8);
  uint32_t f = 0xffffffff;
  rng_block o = rng_philox((uint32_t[2]){f, f}, (uint32_t[4]){f, f, f, f});
  assert_int_equal(o.v[0], 0x408f276d);
  assert_int_equal(o.v[3], 0x6d5451fd);
}

static void utf8_accepts_what_rfc3629_does(void **state) {
  (void)state;
  size_t bad;
  assert_true(utf8_valid("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10, &bad));
  const char *broken[] = {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) assert_false(utf8_valid(broken[i], strlen(broken[i]), &bad));
}

static void a_file_appears_whole_or_not_at_all(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "a/b/out.txt");
  err e = {0};
  assert_true(dir_make(test_path(test_directory(), "a/b"), &e));
  assert_true(file_replace(path, "old", 3, &e));
  file_writer w;
  assert_true(file_writer_open(path, &w, &e));
  assert_true(file_write(&w, "new", 3, &e));
  file_writer_abort(&w);
  arena *a = arena_new("test");
  char *data;
  assert_true(file_read(a, path, 100, &data, NULL, &e));
  assert_string_equal(data, "old");
  char **names;
  uint64_t n;
  assert_true(dir_list(a, test_path(test_directory(), "a/b"), &names, &n, &e));
  assert_int_equal(n, 1);
  assert_false(file_read(a, path, 2, &data, NULL, &e));
  assert_non_null(strstr(e.message, "expected at most 2 bytes, found 3"));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(half_floats_round_trip),
      cmocka_unit_test(philox_known_answers),
      cmocka_unit_test(utf8_accepts_what_rfc3629_does),
      cmocka_unit_test(a_file_appears_whole_or_not_at_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
