// Written GGUF files, read back by vkift's own reader.
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "io/gguf_write.h"

static void put_everything(gguf_meta *m) {
  gguf_put_string(m, "general.architecture", "llama");
  gguf_put_u32(m, "u32", UINT32_MAX);
  gguf_put_f32(m, "f32", -0.15625f);
  gguf_put_bool(m, "yes", true);
  gguf_put_bool(m, "no", false);
  gguf_put_string(m, "empty", "");
  gguf_put_strings(m, "words", (const char *const[]){"\xE2\x96\x81the", "", "a b"}, 3);
  gguf_put_i32s(m, "numbers", (const int32_t[]){-1, 0, INT32_MAX}, 3);
  gguf_put_f32s(m, "scores", (const float[]){0.5f, -1e30f}, 2);
  gguf_put_strings(m, "none", NULL, 0);
}

static const gguf_tensor tensors[] = {
    {"norm", DTYPE_F32, 1, {5}},       {"f32", DTYPE_F32, 2, {3, 7}},     {"half", DTYPE_F16, 2, {3, 5}},
    {"brain", DTYPE_BF16, 2, {1, 1}},  {"eight", DTYPE_Q8_0, 2, {3, 32}}, {"four", DTYPE_Q4_0, 2, {2, 64}},
    {"cube", DTYPE_F32, 3, {2, 3, 4}},
};
enum { N_TENSORS = sizeof tensors / sizeof *tensors };

static uint8_t byte_of(uint64_t tensor, uint64_t i) {
  return (uint8_t)(31 * tensor + 7 * i + i / 256);
}

static void write_all(const char *path, const gguf_meta *m) {
  err e = {0};
  gguf_writer w;
  uint8_t data[512];
  test_ok(gguf_create(path, m, tensors, N_TENSORS, &w, &e), &e);
  for (uint64_t t = 0; t < N_TENSORS; t++) {
    const uint64_t bytes = gguf_tensor_bytes(&tensors[t]);
    assert_true(bytes <= sizeof data);
    for (uint64_t i = 0; i < bytes; i++) data[i] = byte_of(t, i);
    test_ok(gguf_write(&w, data, &e), &e);
  }
  test_ok(gguf_commit(&w, &e), &e);
}

static void check_all(const char *path) {
  arena *a = arena_new("test");
  gguf g;
  err e = {0};
  const char *s;
  bool b = true;
  uint32_t u;
  float f;
  test_ok(gguf_open(a, path, &g, &e), &e);
  assert_int_equal(g.version, 3);
  assert_int_equal(g.n_values, 10);
  test_ok(gguf_get_string(a, &g, "general.architecture", &s, &e) && gguf_get_u32(&g, "u32", &u, &e) &&
              gguf_get_f32(&g, "f32", &f, &e) && gguf_get_bool_or(&g, "no", &b, &e),
          &e);
  assert_string_equal(s, "llama");
  assert_true(u == UINT32_MAX && f == -0.15625f && !b);
  test_ok(gguf_get_bool_or(&g, "yes", &b, &e) && gguf_get_string(a, &g, "empty", &s, &e), &e);
  assert_true(b && !*s);
  const gguf_value *words = gguf_find(&g, "words"), *numbers = gguf_find(&g, "numbers"), *scores = gguf_find(&g, "scores");
  assert_int_equal(words->n, 3);
  assert_memory_equal(words->strings[0].data, "\xE2\x96\x81the", 6);
  assert_int_equal(words->strings[1].length, 0);
  assert_true(gguf_int_at(numbers, 0) == -1 && gguf_int_at(numbers, 2) == INT32_MAX);
  assert_true(gguf_float_at(scores, 1) == -1e30f);
  assert_int_equal(gguf_find(&g, "none")->n, 0);
  assert_int_equal(g.weights.n, N_TENSORS);
  for (uint64_t t = 0; t < N_TENSORS; t++) {
    const weight *w = weights_find(&g.weights, tensors[t].name);
    assert_non_null(w);
    assert_int_equal(w->type, tensors[t].type);
    assert_int_equal(w->n_dims, tensors[t].n_dims);
    assert_memory_equal(w->shape, tensors[t].shape, w->n_dims * sizeof *w->shape);
    assert_int_equal(w->bytes, gguf_tensor_bytes(&tensors[t]));
    assert_int_equal((w->data - g.weights.maps[0].data) % 32, 0);
    for (uint64_t i = 0; i < w->bytes; i++) assert_int_equal(w->data[i], byte_of(t, i));
  }
  gguf_close(&g);
  arena_free(a);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  gguf_meta m = {0};
  put_everything(&m);
  assert_true(gguf_meta_has(&m, "scores") && !gguf_meta_has(&m, "score"));
  const char *path = test_path(test_directory(), "all.gguf");
  write_all(path, &m);
  check_all(path);
  gguf_meta_free(&m);
}

// Values of a file go into another byte by byte.
static void values_are_copied(void **state) {
  (void)state;
  gguf_meta m = {0}, copy = {0};
  put_everything(&m);
  const char *path = test_path(test_directory(), "first.gguf"), *other = test_path(test_directory(), "second.gguf");
  write_all(path, &m);
  arena *a = arena_new("test");
  gguf g;
  err e = {0};
  test_ok(gguf_open(a, path, &g, &e), &e);
  for (uint64_t i = 0; i < g.n_values; i++) gguf_put_value(&copy, &g.values[i]);
  assert_int_equal(copy.n, m.n);
  assert_int_equal(copy.bytes.length, m.bytes.length);
  gguf_close(&g);
  write_all(other, &copy);
  check_all(other);
  arena_free(a);
  gguf_meta_free(&m);
  gguf_meta_free(&copy);
}

static void nothing_is_there_until_it_is_whole(void **state) {
  (void)state;
  gguf_meta m = {0};
  gguf_writer w;
  err e = {0};
  const float x[5] = {0};
  const char *path = test_path(test_directory(), "half.gguf");
  test_ok(gguf_create(path, &m, tensors, N_TENSORS, &w, &e), &e);
  test_ok(gguf_write(&w, x, &e), &e);
  assert_false(file_exists(path));
  gguf_abort(&w);
  assert_false(file_exists(path));
  assert_false(gguf_create(test_path(test_directory(), "none/x.gguf"), &m, tensors, N_TENSORS, &w, &e));
  assert_non_null(strstr(e.message, "none/x.gguf"));
}

static void a_file_may_be_empty(void **state) {
  (void)state;
  gguf_meta m = {0};
  gguf_writer w;
  gguf g;
  err e = {0};
  arena *a = arena_new("test");
  const char *path = test_path(test_directory(), "empty.gguf");
  test_ok(gguf_create(path, &m, NULL, 0, &w, &e) && gguf_commit(&w, &e), &e);
  test_ok(gguf_open(a, path, &g, &e), &e);
  assert_true(!g.n_values && !g.weights.n);
  gguf_close(&g);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests_[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(values_are_copied),
      cmocka_unit_test(nothing_is_there_until_it_is_whole),
      cmocka_unit_test(a_file_may_be_empty),
  };
  return cmocka_run_group_tests(tests_, NULL, NULL);
}
