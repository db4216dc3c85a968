// GGUF: real files, values of every type, and files that are wrong in one thing each.
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "support/bad_files.h"

static bool open_and_read(const char *path, err *e) {
  arena *a = arena_new("test");
  gguf g;
  bool ok = gguf_open(a, path, &g, e);
  for (uint64_t i = 0; ok && i < g.n_values; i++) {
    const gguf_value *v = &g.values[i];
    for (uint64_t j = 0; j < v->n; j++) {
      if (v->strings) bad_files_touch(v->strings[j].data, v->strings[j].length);
      else gguf_float_at(v, j);
    }
  }
  for (uint64_t i = 0; ok && i < g.weights.n; i++) bad_files_touch(g.weights.items[i].data, g.weights.items[i].bytes);
  if (ok) gguf_close(&g);
  arena_free(a);
  return ok;
}

static void put_string(text *t, const char *s) {
  put_u64(t, strlen(s));
  text_puts(t, s);
}

static void put_header(text *t, uint32_t version, uint64_t n_tensors, uint64_t n_values) {
  text_puts(t, "GGUF");
  put_u32(t, version);
  put_u64(t, n_tensors);
  put_u64(t, n_values);
}

static void put_key(text *t, const char *key, uint32_t type) {
  put_string(t, key);
  put_u32(t, type);
}

static void put_tensor(text *t, const char *name, uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset) {
  put_string(t, name);
  put_u32(t, 2);
  put_u64(t, columns), put_u64(t, rows);
  put_u32(t, type);
  put_u64(t, offset);
}

static void pad(text *t, size_t alignment) {
  while (t->length % alignment) text_putc(t, 0);
}

// Values of every type, two tensors.
static text example(void) {
  text t = {0};
  double wide = 0.5;
  uint64_t bits;
  memcpy(&bits, &wide, 8);
  put_header(&t, 3, 2, 15);
  put_key(&t, "u8", GGUF_U8), text_putc(&t, (char)200);
  put_key(&t, "i8", GGUF_I8), text_putc(&t, (char)-5);
  put_key(&t, "u16", GGUF_U16), text_put(&t, "\xFF\xFF", 2);
  put_key(&t, "i16", GGUF_I16), text_put(&t, "\xFE\xFF", 2);
  put_key(&t, "u32", GGUF_U32), put_u32(&t, UINT32_MAX);
  put_key(&t, "i32", GGUF_I32), put_u32(&t, (uint32_t)-7);
  put_key(&t, "f32", GGUF_F32), put_u32(&t, 0x3F000000);
  put_key(&t, "bool", GGUF_BOOL), text_putc(&t, 1);
  put_key(&t, "string", GGUF_STRING), put_string(&t, "h\xC3\xA9");
  put_key(&t, "u64", GGUF_U64), put_u64(&t, UINT64_MAX);
  put_key(&t, "i64", GGUF_I64), put_u64(&t, (uint64_t)-9);
  put_key(&t, "f64", GGUF_F64), put_u64(&t, bits);
  put_key(&t, "strings", GGUF_ARRAY), put_u32(&t, GGUF_STRING), put_u64(&t, 3);
  put_string(&t, "a"), put_string(&t, ""), put_string(&t, "\xFF\xFE");
  put_key(&t, "numbers", GGUF_ARRAY), put_u32(&t, GGUF_I16), put_u64(&t, 2), text_put(&t, "\x01\x00\xFF\xFF", 4);
  put_key(&t, "general.alignment", GGUF_U32), put_u32(&t, 16);
  put_tensor(&t, "w", 3, 2, 0, 0);   // 24 bytes of F32
  put_tensor(&t, "q", 32, 2, 8, 32); // 68 bytes of Q8_0
  pad(&t, 16);
  for (int i = 0; i < 32 + 68; i++) text_putc(&t, (char)i);
  return t;
}

static void values_of_every_type_are_read(void **state) {
  (void)state;
  text t = example();
  const char *path = test_path(test_directory(), "example.gguf");
  test_write(path, t.data, t.length);
  arena *a = arena_new("test");
  gguf g;
  err e = {0};
  if (!gguf_open(a, path, &g, &e)) fail_msg("%s", e.message);
  assert_int_equal(g.n_values, 15);
  static const struct {
    const char *key;
    int64_t value;
  } integers[] = {{"u8", 200}, {"i8", -5},         {"u16", 65535}, {"i16", -2}, {"u32", UINT32_MAX},
                  {"i32", -7}, {"u64", INT64_MAX}, {"i64", -9},    {"bool", 1}};
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
    assert_int_equal(gguf_int_at(gguf_find(&g, integers[i].key), 0), integers[i].value);
  const char *s;
  uint32_t u = 3;
  float f = 0;
  bool b = false;
  assert_true(gguf_get_string(a, &g, "string", &s, &e));
  assert_string_equal(s, "h\xC3\xA9");
  assert_true(gguf_get_u32(&g, "u32", &u, &e) && u == UINT32_MAX);
  assert_true(gguf_get_u32(&g, "u8", &u, &e) && u == 200);
  assert_true(gguf_get_u32_or(&g, "missing", &u, &e) && u == 200);
  assert_true(gguf_get_f32(&g, "f32", &f, &e) && f == 0.5f);
  assert_true(gguf_get_f32(&g, "f64", &f, &e) && f == 0.5f);
  assert_true(gguf_get_f32_or(&g, "missing", &f, &e) && f == 0.5f);
  assert_true(gguf_get_bool_or(&g, "bool", &b, &e) && b);
  assert_true(gguf_get_bool_or(&g, "missing", &b, &e) && b);
  const gguf_value *strings = gguf_find(&g, "strings"), *list = gguf_find(&g, "numbers");
  assert_int_equal(strings->n, 3);
  assert_memory_equal(strings->strings[2].data, "\xFF\xFE", 2); // a token may be any bytes
  assert_int_equal(strings->strings[1].length, 0);
  assert_int_equal(gguf_int_at(list, 1), -1);
  assert_true(gguf_float_at(list, 1) == -1);
  const weight *w = weights_find(&g.weights, "w"), *q = weights_find(&g.weights, "q");
  assert_int_equal(w->shape[0], 2); // slowest first
  assert_int_equal(w->shape[1], 3);
  assert_int_equal(q->bytes, 68);
  assert_int_equal(q->data - w->data, 32);
  assert_int_equal(w->data[5], 5);
  assert_ptr_equal(q->data + q->bytes, g.weights.maps[0].data + g.weights.maps[0].size);
  gguf_close(&g);
  arena_free(a);
  text_free(&t);
}

static void getters_name_key_expected_and_found(void **state) {
  (void)state;
  text t = example();
  const char *path = test_path(test_directory(), "getters.gguf");
  test_write(path, t.data, t.length);
  arena *a = arena_new("test");
  gguf g;
  const char *s;
  uint32_t u;
  float f;
  bool b;
  err e = {0};
  assert_true(gguf_open(a, path, &g, &e));
#define SAYS(call, what)                                      \
  do {                                                        \
    e = (err){0};                                             \
    assert_false(call);                                       \
    assert_non_null(strstr(e.message, "getters.gguf: key ")); \
    assert_non_null(strstr(e.message, what));                 \
  } while (0)
  SAYS(gguf_get_u32(&g, "i32", &u, &e), "key i32: expected a whole number from 0 to 4294967295, found the i32 -7");
  SAYS(gguf_get_u32(&g, "u64", &u, &e), "found the u64 18446744073709551615");
  SAYS(gguf_get_u32(&g, "f32", &u, &e), "found the f32 0.5");
  SAYS(gguf_get_u32_or(&g, "string", &u, &e), "found a string \"h\xC3\xA9\"");
  SAYS(gguf_get_u32(&g, "bool", &u, &e), "found the bool 1");
  SAYS(gguf_get_u32(&g, "missing", &u, &e), "found nothing");
  SAYS(gguf_get_f32(&g, "numbers", &f, &e), "key numbers: expected a finite f32, found an array of 2 i16");
  SAYS(gguf_get_f32_or(&g, "u32", &f, &e), "found the u32 4294967295");
  SAYS(gguf_get_bool_or(&g, "u8", &b, &e), "key u8: expected a bool, found the u8 200");
  SAYS(gguf_get_string(a, &g, "strings", &s, &e), "key strings: expected a string, found an array of 3 string");
#undef SAYS
  gguf_close(&g);
  arena_free(a);
  text_free(&t);
}

// A file with one key, whose value's bytes are given.
static void refuse_value(uint32_t type, const char *value, size_t bytes, const char *message) {
  text t = {0};
  put_header(&t, 3, 0, 1);
  put_key(&t, "k", type);
  text_put(&t, value, bytes);
  bad_files_refuse(open_and_read, "bad.gguf", &t, message);
  text_free(&t);
}

static void bad_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t length;
    const char *message;
  } cases[] = {
      {"", 0, "byte 0: header: expected 4 × 1 bytes (\"GGUF\"), found 0 before the end of the file"},
      {"ggjt\3\0\0\0", 8, "byte 0: header: expected \"GGUF\", found \"ggjt\""},
      {"\x1b[2J", 4, "found \"\\x1B[2J\""},
      {"GGUF\1\0\0\0", 8, "byte 4: header: expected version 2 or 3, found 1"},
      {"GGUF\4\0\0\0", 8, "byte 4: header: expected version 2 or 3, found 4"},
      {"GGUF\0\0\0\3", 8, "byte 4: header: expected a little-endian file, found a big-endian one"},
      {"GGUF\3\0\0\0\0\0", 10, "byte 8: header: expected 1 × 8 bytes (number of tensors), found 2 before the end of the file"},
      {"GGUF\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24,
       "byte 8: header: expected no more tensors than 0 bytes can hold, found 1"},
      {"GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0", 24,
       "byte 16: header: expected no more keys than 0 bytes can hold, found 1099511627776"},
      {"GGUF\3\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\0", 24,
       "expected no more tensors than 0 bytes can hold, found 18446744073709551615"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text t = {0};
    text_put(&t, cases[i].bytes, cases[i].length);
    bad_files_refuse(open_and_read, "bad.gguf", &t, cases[i].message);
    text_free(&t);
  }
}

static void bad_values_are_refused(void **state) {
  (void)state;
  refuse_value(13, "\0\0\0\0", 4, "byte 33: key \"k\": expected a type from 0 to 12, found 13");
  refuse_value(GGUF_BOOL, "\2", 1, "byte 37: key \"k\": expected a bool as 0 or 1, found 2");
  refuse_value(GGUF_U32, "\0\0\0", 3, "byte 37: key \"k\": expected 1 × 4 bytes (u32), found 3 before the end of the file");
  refuse_value(GGUF_STRING, "\5\0\0\0\0\0\0\0abcd", 12, "byte 45: key \"k\": expected 5 × 1 bytes (a string), found 4");
  refuse_value(GGUF_STRING, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, "expected 18446744073709551615 × 1 bytes (a string), found 0");
  refuse_value(GGUF_ARRAY, "\x09\0\0\0\1\0\0\0\0\0\0\0", 12,
               "byte 37: key \"k\": expected an array of numbers, bools or strings, found an array of arrays");
  refuse_value(GGUF_ARRAY, "\x0D\0\0\0\1\0\0\0\0\0\0\0", 12, "byte 37: key \"k\": expected a type from 0 to 12, found 13");
  refuse_value(GGUF_ARRAY, "\x04\0\0\0\0\0\0\0\0\1\0\0", 12,
               "byte 49: key \"k\": expected 1099511627776 × 4 bytes (u32), found 0");
  refuse_value(GGUF_ARRAY, "\x04\0\0\0\0\0\0\0\0\0\0\x40", 12,
               "expected 4611686018427387904 × 4 bytes (u32), found 0"); // 2^62 · 4 = 0 mod 2^64
  refuse_value(GGUF_ARRAY, "\x08\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20,
               "expected no more strings than 8 bytes can hold, found 2");
  refuse_value(GGUF_ARRAY, "\x08\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 20,
               "byte 57: key \"k\": expected 1 × 1 bytes (a string), found 0");
  refuse_value(GGUF_ARRAY, "\x07\0\0\0\3\0\0\0\0\0\0\0\0\1\3", 15, "byte 51: key \"k\": expected a bool as 0 or 1, found 3");
}

static void refuse_key(const char *name, size_t length, uint64_t claimed, const char *message) {
  text t = {0};
  put_header(&t, 3, 0, 1);
  put_u64(&t, claimed);
  text_put(&t, name, length);
  put_u32(&t, GGUF_U32), put_u32(&t, 1);
  bad_files_refuse(open_and_read, "bad.gguf", &t, message);
  text_free(&t);
}

static void bad_keys_are_refused(void **state) {
  (void)state;
  refuse_key("", 0, 0, "byte 24: key number 0: expected a name of 1 to 65535 bytes, found 0");
  refuse_key("a\0b", 3, 3, "byte 24: key number 0: expected a name in UTF-8 without NUL characters, found \"a\\x00b\"");
  refuse_key("a\xFF", 2, 2, "expected a name in UTF-8 without NUL characters, found \"a\\xFF\"");
  refuse_key("abc", 3, UINT64_MAX, "key number 0: expected 18446744073709551615 × 1 bytes (its name), found 11");
  char *longest = calloc(1, 70000);
  assert_non_null(longest);
  memset(longest, 'a', 70000);
  refuse_key(longest, 70000, 70000, "expected a name of 1 to 65535 bytes, found 70000");
  free(longest);
  text t = {0};
  put_header(&t, 3, 0, 3);
  put_key(&t, "twice", GGUF_U8), text_putc(&t, 1);
  put_key(&t, "once", GGUF_U8), text_putc(&t, 1);
  put_key(&t, "twice", GGUF_U8), text_putc(&t, 2);
  bad_files_refuse(open_and_read, "bad.gguf", &t, "key \"twice\": expected each key once, found it again");
  text_free(&t);
}

static void bad_alignments_are_refused(void **state) {
  (void)state;
  static const uint32_t bad[] = {0, 1, 4, 33, 48, UINT32_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    text t = {0};
    put_header(&t, 3, 0, 1);
    put_key(&t, "general.alignment", GGUF_U32), put_u32(&t, bad[i]);
    bad_files_refuse(open_and_read, "bad.gguf", &t, "key general.alignment: expected a power of two from 8 on, found ");
    text_free(&t);
  }
  text t = {0};
  put_header(&t, 3, 0, 1);
  put_key(&t, "general.alignment", GGUF_STRING), put_string(&t, "32");
  bad_files_refuse(open_and_read, "bad.gguf", &t,
                   "key general.alignment: expected a whole number from 0 to 4294967295, found a string \"32\"");
  text_free(&t);
}

// One tensor of 2 rows of `columns`, and 128 bytes of data.
static void refuse_tensor(uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset, const char *message) {
  text t = {0};
  put_header(&t, 2, 1, 0);
  put_tensor(&t, "blk.0.x", columns, rows, type, offset);
  pad(&t, 32);
  for (int i = 0; i < 128; i++) text_putc(&t, 0);
  bad_files_refuse(open_and_read, "bad.gguf", &t, message);
  text_free(&t);
}

static void bad_tensors_are_refused(void **state) {
  (void)state;
  refuse_tensor(0, 2, 0, 0, "byte 43: tensor \"blk.0.x\": expected a dimension from 1 to 4294967295, found 0");
  refuse_tensor(2, 1ull << 32, 0, 0, "byte 51: tensor \"blk.0.x\": expected a dimension from 1 to 4294967295, found 4294967296");
  refuse_tensor(UINT64_MAX, 2, 0, 0, "found 18446744073709551615");
  refuse_tensor(1u << 31, 1u << 31, 0, 0,
                "tensor \"blk.0.x\": expected a size below 2^64 bytes, found the shape [2147483648, 2147483648]");
  refuse_tensor(1u << 31, (1u << 31) - 1, 0, 0,
                "expected 18446744065119617024 bytes from offset 0 on, found the end of the file at offset 128");
  refuse_tensor(33, 2, 8, 0, "tensor \"blk.0.x\": expected rows in blocks of 32 elements, as q8_0 has, found the shape [2, 33]");
  refuse_tensor(16, 4, 2, 0, "expected rows in blocks of 32 elements");
  refuse_tensor(32, 1, 12, 0, "expected rows in blocks of 256 elements, as q4_k has, found the shape [1, 32]");
  refuse_tensor(24, 1, 6, 0, "expected rows in blocks of 32 elements, as q5_0 has");
  refuse_tensor(128, 1, 14, 0, "expected rows in blocks of 256 elements, as q6_k has");
  refuse_tensor(
      256, 1, 10, 0,
      "byte 59: tensor \"blk.0.x\": expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K, found Q2_K, "
      "which vkift does not read");
  refuse_tensor(256, 1, 16, 0, "found IQ2_XXS, which");
  refuse_tensor(256, 1, 20, 0, "found IQ4_NL, which");
  refuse_tensor(256, 1, 29, 0, "found IQ1_M, which");
  refuse_tensor(32, 1, 26, 0, "found I32, which");
  refuse_tensor(32, 1, 39, 0, "found MXFP4, which");
  refuse_tensor(32, 1, 4711, 0, "found the unknown type 4711");
  refuse_tensor(4, 2, 0, 16, "byte 96: tensor \"blk.0.x\": expected an offset that is a multiple of 32, found 16");
  refuse_tensor(4, 2, 0, 128, "expected 32 bytes from offset 128 on, found the end of the file at offset 128");
  refuse_tensor(4, 2, 0, UINT64_MAX - 31, "expected 32 bytes from offset 18446744073709551584 on");
  refuse_tensor(33, 1, 0, 0, "expected 132 bytes from offset 0 on, found the end of the file at offset 128");
  refuse_tensor(32, 4, 8, 0, "expected 136 bytes from offset 0 on, found the end of the file at offset 128"); // four blocks
  for (uint32_t n_dims = 0; n_dims <= 5; n_dims += 5) {
    text t = {0};
    put_header(&t, 3, 1, 0);
    put_string(&t, "t"), put_u32(&t, n_dims);
    for (int i = 0; i < 20; i++) put_u64(&t, 1);
    bad_files_refuse(open_and_read, "bad.gguf", &t, "byte 33: tensor \"t\": expected 1 to 4 dimensions, found ");
    text_free(&t);
  }
}

static void refuse_pair(const char *first, const char *second, uint64_t offset, const char *message) {
  text t = {0};
  put_header(&t, 3, 2, 0);
  put_tensor(&t, first, 12, 1, 0, 0);
  put_tensor(&t, second, 12, 1, 0, offset);
  pad(&t, 32);
  for (int i = 0; i < 128; i++) text_putc(&t, 0);
  bad_files_refuse(open_and_read, "bad.gguf", &t, message);
  text_free(&t);
}

static void tensors_that_share_names_or_bytes_are_refused(void **state) {
  (void)state;
  refuse_pair("a", "a", 64, "tensor \"a\": expected each name once, found it again");
  refuse_pair("a", "b", 32,
              "byte 160: tensor \"b\": expected data of its own, found that of tensor \"a\", which ends at byte 176");
  refuse_pair("a", "b", 0, "expected data of its own");
}

static void cuts_and_changed_bytes_never_crash(void **state) {
  (void)state;
  text good = example();
  bad_files_cut(open_and_read, "cut.gguf", &good, 1);
  int refused = bad_files_mutate(open_and_read, "changed.gguf", &good, 3000);
  print_message("3,000 changed bytes: %d refused\n", refused);
  assert_true(refused > 1000);
  text_free(&good);
}

static const char *model(const char *type) {
  char name[64];
  snprintf(name, sizeof name, "models/stories260K/gguf/stories260K.%s.gguf", type);
  return test_path(test_shared_data(), name);
}

static void open_model(arena *a, const char *type, gguf *g) {
  err e = {0};
  if (!gguf_open(a, model(type), g, &e)) fail_msg("%s", e.message);
  assert_int_equal(g->weights.n, 47);
}

static float *floats(arena *a, const weight *w) {
  uint64_t n = 1;
  for (uint32_t d = 0; d < w->n_dims; d++) n *= w->shape[d];
  float *out = ARENA_ARRAY(a, float, n);
  dtype_to_f32(w->type, w->data, out, n);
  return out;
}

// How far a type may be from f32 in a block whose largest magnitude is `most`: half a step of f16 (whose smallest is
// 2⁻²⁴) or of 127 levels, or a whole step of 8 levels (Q4_0 has one more below zero than above).
static float allowed(dtype type, float most) {
  switch (type) {
    case DTYPE_F32: return 0;
    case DTYPE_F16: return most * 0x1p-11f + 0x1p-25f;
    case DTYPE_Q8_0: return most * (0.5f / 127 + 0x1p-10f);
    case DTYPE_Q4_0: return most * (1.0f / 8 + 0x1p-9f);
    default: fail_msg("unexpected type %d", (int)type); return 0;
  }
}

static void quantized_files_agree_with_the_f32_one(void **state) {
  (void)state;
  static const char *const types[] = {"f16", "q8_0", "q4_0"};
  arena *a = arena_new("test");
  gguf exact;
  open_model(a, "f32", &exact);
  for (int k = 0; k < 3; k++) {
    gguf g;
    open_model(a, types[k], &g);
    int quantized = 0;
    for (uint64_t i = 0; i < g.weights.n; i++) {
      const weight *x = &exact.weights.items[i], *y = &g.weights.items[i];
      assert_string_equal(x->name, y->name);
      assert_int_equal(x->n_dims, y->n_dims);
      assert_memory_equal(x->shape, y->shape, sizeof x->shape);
      assert_int_equal(x->type, DTYPE_F32);
      quantized += y->type != DTYPE_F32;
      const float *p = floats(a, x), *q = floats(a, y);
      uint64_t n = x->bytes / 4, block = dtype_get(y->type)->block_elements;
      for (uint64_t b = 0; b < n; b += block) {
        float most = 0;
        for (uint64_t j = b; j < b + block; j++) most = fmaxf(most, fabsf(p[j]));
        for (uint64_t j = b; j < b + block; j++)
          if (!(fabsf(p[j] - q[j]) <= allowed(y->type, most)))
            fail_msg("%s %s[%llu]: expected %g within %g, found %g", types[k], x->name, (unsigned long long)j, (double)p[j],
                     (double)allowed(y->type, most), (double)q[j]);
      }
    }
    assert_int_equal(quantized, 36); // the seven matrices of five layers, and the embedding
    gguf_close(&g);
  }
  gguf_close(&exact);
  arena_free(a);
}

// The same tensors as the Hugging Face form; q and k in another order of rows, so as sorted rows' sums.
static void the_hugging_face_form_has_the_same_values(void **state) {
  (void)state;
  static const char *const names[][2] = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"blk.3.attn_norm.weight", "model.layers.3.input_layernorm.weight"},
      {"blk.3.attn_v.weight", "model.layers.3.self_attn.v_proj.weight"},
      {"blk.3.attn_output.weight", "model.layers.3.self_attn.o_proj.weight"},
      {"blk.3.ffn_down.weight", "model.layers.3.mlp.down_proj.weight"},
      {"blk.3.ffn_gate.weight", "model.layers.3.mlp.gate_proj.weight"},
      {"blk.3.ffn_up.weight", "model.layers.3.mlp.up_proj.weight"},
      {"blk.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"},
  };
  arena *a = arena_new("test");
  gguf g;
  weights hf;
  err e = {0};
  open_model(a, "f32", &g);
  if (!safetensors_open_model(a, test_path(test_shared_data(), "models/stories260K/hf"), &hf, &e)) fail_msg("%s", e.message);
  assert_int_equal(hf.n, g.weights.n);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const weight *x = weights_find(&g.weights, names[i][0]), *y = weights_find(&hf, names[i][1]);
    assert_non_null(x);
    assert_non_null(y);
    assert_int_equal(x->n_dims, y->n_dims);
    assert_memory_equal(x->shape, y->shape, sizeof x->shape);
    assert_memory_equal(x->data, y->data, x->bytes);
  }
  const weight *q = weights_find(&g.weights, "blk.3.attn_q.weight"),
               *hf_q = weights_find(&hf, "model.layers.3.self_attn.q_proj.weight");
  uint64_t row = 64 * sizeof(float); // heads of 8 rows: row 2i + j of a head is the half-split form's row i + 4j
  for (uint64_t head = 0; head < 8; head++)
    for (uint64_t i = 0; i < 4; i++)
      for (uint64_t j = 0; j < 2; j++)
        assert_memory_equal(q->data + (8 * head + 2 * i + j) * row, hf_q->data + (8 * head + i + 4 * j) * row, row);
  weights_close(&hf);
  gguf_close(&g);
  arena_free(a);
}

static void metadata_of_a_real_model(void **state) {
  (void)state;
  arena *a = arena_new("test");
  gguf g;
  const char *architecture = NULL;
  uint32_t layers = 0;
  float epsilon = 0;
  bool bos = false;
  err e = {0};
  open_model(a, "q8_0", &g);
  assert_true(gguf_get_string(a, &g, "general.architecture", &architecture, &e));
  assert_string_equal(architecture, "llama");
  assert_true(gguf_get_u32(&g, "llama.block_count", &layers, &e) && layers == 5);
  assert_true(gguf_get_f32(&g, "llama.attention.layer_norm_rms_epsilon", &epsilon, &e));
  assert_true(fabsf(epsilon - 1e-5f) < 1e-9f);
  assert_true(gguf_get_bool_or(&g, "tokenizer.ggml.add_bos_token", &bos, &e) && bos);
  const gguf_value *tokens = gguf_find(&g, "tokenizer.ggml.tokens");
  assert_int_equal(tokens->n, 512);
  assert_int_equal(tokens->item_type, GGUF_STRING);
  assert_memory_equal(tokens->strings[1].data, "<s>", 3);
  gguf_close(&g);
  arena_free(a);
}

static void a_vocabulary_without_tensors_is_a_good_file(void **state) {
  (void)state;
  arena *a = arena_new("test");
  gguf g;
  err e = {0};
  if (!gguf_open(a, test_path(test_shared_data(), "gguf-vocab/ggml-vocab-gpt-2.gguf"), &g, &e)) fail_msg("%s", e.message);
  assert_int_equal(g.weights.n, 0);
  assert_int_equal(gguf_find(&g, "tokenizer.ggml.tokens")->n, 50257);
  assert_int_equal(gguf_find(&g, "tokenizer.ggml.merges")->n, 50000);
  gguf_close(&g);
  arena_free(a);
}

// A real file, cut at many places and changed at some.
static void a_real_file_cut_and_changed(void **state) {
  (void)state;
  arena *a = arena_new("test");
  char *data;
  uint64_t size;
  err e = {0};
  assert_true(file_read(a, model("q4_0"), 1 << 24, &data, &size, &e));
  text good = {0};
  text_put(&good, data, size);
  bad_files_cut(open_and_read, "cut.gguf", &good, 997);
  bad_files_mutate(open_and_read, "changed.gguf", &good, 100);
  text_free(&good);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_of_every_type_are_read),
      cmocka_unit_test(getters_name_key_expected_and_found),
      cmocka_unit_test(bad_headers_are_refused),
      cmocka_unit_test(bad_values_are_refused),
      cmocka_unit_test(bad_keys_are_refused),
      cmocka_unit_test(bad_alignments_are_refused),
      cmocka_unit_test(bad_tensors_are_refused),
      cmocka_unit_test(tensors_that_share_names_or_bytes_are_refused),
      cmocka_unit_test(cuts_and_changed_bytes_never_crash),
      cmocka_unit_test(quantized_files_agree_with_the_f32_one),
      cmocka_unit_test(the_hugging_face_form_has_the_same_values),
      cmocka_unit_test(metadata_of_a_real_model),
      cmocka_unit_test(a_vocabulary_without_tensors_is_a_good_file),
      cmocka_unit_test(a_real_file_cut_and_changed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
