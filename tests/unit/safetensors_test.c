// safetensors: real files, round trips, shards, and files that are wrong in one thing each.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/weights.h"
#include "support/bad_files.h"

static bool open_and_read(const char *path, err *e) {
  arena *a = arena_new("test");
  weights w;
  bool ok = safetensors_open(a, path, &w, e);
  for (uint64_t i = 0; ok && i < w.n; i++) bad_files_touch(w.items[i].data, w.items[i].bytes);
  if (ok) weights_close(&w);
  arena_free(a);
  return ok;
}

// Header and `data_bytes` of data.
static text file_of(const char *header, uint64_t data_bytes) {
  text t = {0};
  put_u64(&t, strlen(header));
  text_puts(&t, header);
  for (uint64_t i = 0; i < data_bytes; i++) text_putc(&t, (char)i);
  return t;
}

static void refuse(const char *header, uint64_t data_bytes, const char *message) {
  text t = file_of(header, data_bytes);
  bad_files_refuse(open_and_read, "bad.safetensors", &t, message);
  text_free(&t);
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define B "\"b\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[24,32]}"
#define GOOD "{\"__metadata__\":{\"format\":\"pt\"}," A "," B "}  "

static void bad_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *header;
    uint64_t data_bytes;
    const char *message;
  } cases[] = {
      {"", 0, "byte 8: expected a header that begins with '{'"},
      {" {}", 0, "byte 8: expected a header that begins with '{'"},
      {"[1]", 0, "byte 8: expected a header that begins with '{'"},
      {"{" A ",}", 24, "header: column 58: expected a key in double quotes, found '}'"},
      {"{} {}", 0, "header: column 4: expected nothing behind the value, found '{'"},
      {"{" A "," A "}", 24, "header: column 58: expected each key once in an object, found \"a\" again"},
      {"{\"\\u0061\":1," A "}", 24, "expected each key once in an object, found \"a\" again"},
      {"{\"\\u0000\":1}", 0, "expected text without NUL characters"},
      {"{\"\xFF\":1}", 0, "header: column 3: expected UTF-8, found byte 0xFF"},
      {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object, found \"[]\""},
      {"{\"__metadata__\":{\"x\":1}}", 0, "__metadata__: \"x\": expected a string, found \"1\""},
      {"{\"a\":3}", 0, "tensor \"a\": expected an object of at most 4096 bytes, found \"3\""},
      {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor \"a\".dtype: expected a string, found nothing"},
      {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
       "tensor \"a\".dtype: expected a string, found the number 7"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor \"a\".shape: expected an array, found nothing"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor \"a\".data_offsets: expected an array, found nothing"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"packed\":true}}", 8,
       "tensor \"a\": expected dtype, shape and data_offsets, found 4 fields"},
      {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
       "tensor \"a\": expected the dtype F32, F16, BF16 or I32, found \"I64\", which vkift does not read"},
      {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8, "found \"F8_E4M3\", which vkift does not read"},
      {"{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "found \"f32\", which vkift does not read"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
       "tensor \"a\": expected at most 4 dimensions, found 5"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,2],\"data_offsets\":[0,0]}}", 0,
       "tensor \"a\": expected dimensions of at least 1, found the shape [0, 2]"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
       "tensor \"a\": shape: expected whole numbers from 0 to 4294967295, found the number -2"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,10]}}", 10,
       "shape: expected whole numbers from 0 to 4294967295"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, "found a string \"2\""},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296],\"data_offsets\":[0,8]}}", 8, "found the number 4294967296"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967295,4294967295,3],\"data_offsets\":[0,8]}}", 8,
       "tensor \"a\": expected a size below 2^64 bytes, found the shape [4294967295, 4294967295, 3]"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648,2147483648],\"data_offsets\":[0,0]}}", 0,
       "expected a size below 2^64 bytes"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "tensor \"a\": expected 2 data_offsets, found 1"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}", 9,
       "tensor \"a\": data_offsets: expected 8 bytes, as dtype and shape say, found 0 to 9"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8,
       "expected 8 bytes, as dtype and shape say, found 8 to 0"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7,
       "tensor \"a\": data_offsets: expected whole numbers from 0 to 7, found the number 8"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1e300,8]}}", 8, "found the number 1e+300"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9,
       "expected 8 bytes of data, as the header says, found 9"},
      {"{}", 1, "expected 0 bytes of data, as the header says, found 1"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
       "tensor \"a\": data_offsets: expected a beginning at 0, where the tensor before it ends, found 4 (a hole)"},
      {"{" A ",\"b\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[20,28]}}", 28,
       "tensor \"b\": data_offsets: expected a beginning at 24, where the tensor before it ends, found 20 (an overlap)"},
      {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 24, "(an overlap)"},
      {"{\"\x1b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "found byte 0x1B"},
      {"{\"\\u001b[2J\":{\"dtype\":\"X\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
       "tensor \"\\x1B[2J\""}, // no colours from a file
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refuse(cases[i].header, cases[i].data_bytes, cases[i].message);
}

static void bad_lengths_are_refused(void **state) {
  (void)state;
  static const struct {
    uint64_t length;
    const char *message;
  } cases[] = {
      {3, "byte 0: expected a header within the 2 bytes that follow, found a length of 3"},
      {100000001, "byte 0: expected a header of at most 100000000 bytes, found 100000001"},
      {UINT64_MAX, "byte 0: expected a header of at most 100000000 bytes, found 18446744073709551615"},
      {UINT64_MAX - 7, "byte 0: expected a header of at most 100000000 bytes"},
      {0x04034b50, "byte 0: expected a header within"},
      {0xfefefe04034b50, "(this looks like a PyTorch pickle)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text t = {0};
    put_u64(&t, cases[i].length);
    text_puts(&t, "{}");
    bad_files_refuse(open_and_read, "bad.safetensors", &t, cases[i].message);
    text_free(&t);
  }
  text empty = {0};
  text_puts(&empty, "");
  bad_files_refuse(open_and_read, "bad.safetensors", &empty,
                   "byte 0: expected 8 bytes with the header's length, found a file of 0");
  text_free(&empty);
}

static void cuts_and_changed_bytes_never_crash(void **state) {
  (void)state;
  text good = file_of(GOOD, 32);
  bad_files_cut(open_and_read, "cut.safetensors", &good, 1);
  int refused = bad_files_mutate(open_and_read, "changed.safetensors", &good, 3000);
  print_message("3,000 changed bytes: %d refused\n", refused);
  assert_true(refused > 1000); // 32 of the file's 170 bytes are data, the name of a tensor may be any
  text_free(&good);
}

// A long header takes neither long nor much memory, be it of honest entries or of one that would be a tree of gigabytes.
static void large_headers_are_proportional(void **state) {
  (void)state;
  text header = {0};
  text_putc(&header, '{');
  int n = 200000;
  for (int i = 0; i < n; i++)
    text_printf(&header, "%s\"t%d\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "", i, 2 * i,
                2 * i + 2);
  text_putc(&header, '}');
  text file = file_of(header.data, (uint64_t)n * 2);
  const char *path = test_path(test_directory(), "many.safetensors");
  test_write(path, file.data, file.length);
  arena *a = arena_new("test");
  weights w;
  err e = {0};
  struct timespec began, ended;
  timespec_get(&began, TIME_UTC);
  if (!safetensors_open(a, path, &w, &e)) fail_msg("%s", e.message);
  timespec_get(&ended, TIME_UTC);
  print_message("%d tensors, a header of %.0f MB: %.0f ms, %.0f MB\n", n, 1e-6 * (double)header.length,
                1e3 * (double)(ended.tv_sec - began.tv_sec) + 1e-6 * (double)(ended.tv_nsec - began.tv_nsec),
                1e-6 * (double)arena_bytes(a));
  assert_int_equal(w.n, n);
  assert_ptr_equal(weights_find(&w, "t777")->data, w.maps[0].data + 8 + header.length + 2 * 777);
  assert_true(arena_bytes(a) < 2 * header.length);
  weights_close(&w);
  arena_free(a);
  text_clear(&header);
  text_puts(&header, "{\"a\":[");
  for (int i = 0; i < 4000000; i++) text_puts(&header, "0,");
  text_puts(&header, "0]}");
  refuse(header.data, 0, "tensor \"a\": expected an object of at most 4096 bytes, found \"[0,0,");
  text_free(&file);
  text_free(&header);
}

static const float numbers[6] = {1, -2.5f, 3e-8f, 0, 1e30f, 5};
static const uint16_t halves[4] = {0x3C00, 0xBC00, 0x0001, 0x7BFF};
static const int32_t integers[1] = {-7};

static void write_example(const char *path, const char *second_name) {
  const safetensors_tensor tensors[] = {
      {"z \"first\"\n", DTYPE_F32, 2, {2, 3}}, {second_name, DTYPE_BF16, 1, {4}}, {"scalar", DTYPE_I32, 0, {0}}};
  const char *const metadata[][2] = {{"format", "pt"}, {"note", "a\tb"}};
  safetensors_writer w;
  err e = {0};
  assert_true(safetensors_create(path, tensors, 3, metadata, 2, &w, &e));
  assert_true(safetensors_write(&w, numbers, 10, &e)); // pieces need not be whole tensors
  assert_true(safetensors_write(&w, (const char *)numbers + 10, 14, &e));
  assert_true(safetensors_write(&w, halves, 8, &e));
  assert_true(safetensors_write(&w, integers, 4, &e));
  if (!safetensors_commit(&w, &e)) fail_msg("%s", e.message);
}

static void what_is_written_is_read_again(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "written.safetensors"),
             *again = test_path(test_directory(), "again.safetensors");
  write_example(path, "m");
  write_example(again, "m");
  arena *a = arena_new("test");
  weights w;
  err e = {0};
  if (!safetensors_open(a, path, &w, &e)) fail_msg("%s", e.message);
  assert_int_equal(w.n, 3);
  assert_string_equal(w.items[0].name, "m"); // sorted
  const weight *z = weights_find(&w, "z \"first\"\n"), *m = weights_find(&w, "m"), *s = weights_find(&w, "scalar");
  assert_non_null(z);
  assert_int_equal(z->type, DTYPE_F32);
  assert_int_equal(z->n_dims, 2);
  assert_int_equal(z->shape[0], 2);
  assert_int_equal(z->shape[1], 3);
  assert_memory_equal(z->data, numbers, 24);
  assert_int_equal(m->type, DTYPE_BF16);
  assert_memory_equal(m->data, halves, 8);
  assert_int_equal(s->n_dims, 0);
  assert_int_equal(s->bytes, 4);
  assert_memory_equal(s->data, integers, 4);
  assert_null(weights_find(&w, "n"));
  assert_int_equal((uintptr_t)z->data % 8, 0);
  char *first, *second;
  uint64_t first_bytes, second_bytes;
  assert_true(file_read(a, path, 1 << 20, &first, &first_bytes, &e));
  assert_true(file_read(a, again, 1 << 20, &second, &second_bytes, &e));
  assert_int_equal(first_bytes, second_bytes);
  assert_memory_equal(first, second, first_bytes);
  assert_memory_equal(
      first + 8,
      "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a\\tb\"},\"z \\\"first\\\"\\n\":{\"dtype\":\"F32\",\"shape\":[2,3],", 80);
  weights_close(&w);
  arena_free(a);
}

static void nothing_is_one_file_too(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "nothing.safetensors");
  safetensors_writer writer;
  arena *a = arena_new("test");
  weights w;
  err e = {0};
  assert_true(safetensors_create(path, NULL, 0, NULL, 0, &writer, &e));
  assert_true(safetensors_commit(&writer, &e));
  if (!safetensors_open(a, path, &w, &e)) fail_msg("%s", e.message);
  assert_int_equal(w.n, 0);
  assert_null(weights_find(&w, "a"));
  weights_close(&w);
  arena_free(a);
}

static void an_unfinished_file_does_not_appear(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "unfinished.safetensors");
  test_write(path, "old", 3);
  const safetensors_tensor tensor = {"t", DTYPE_F32, 1, {2}};
  for (int commit = 0; commit < 2; commit++) {
    safetensors_writer w;
    err e = {0};
    assert_true(safetensors_create(path, &tensor, 1, NULL, 0, &w, &e));
    assert_true(safetensors_write(&w, numbers, 4, &e));
    if (commit) {
      assert_false(safetensors_commit(&w, &e));
      assert_non_null(strstr(e.message, "unfinished.safetensors: expected 8 bytes of data, found 4 written"));
    } else {
      safetensors_abort(&w);
    }
    arena *a = arena_new("test");
    char *data;
    assert_true(file_read(a, path, 100, &data, NULL, &(err){0}));
    assert_string_equal(data, "old");
    arena_free(a);
  }
  safetensors_writer w;
  err e = {0};
  assert_false(safetensors_create(test_path(test_directory(), "no/such/directory/x.safetensors"), &tensor, 1, NULL, 0, &w, &e));
  assert_true(e.failed);
}

static void put_shard(const char *directory, const char *name, const char *tensor) {
  const safetensors_tensor t = {tensor, DTYPE_F32, 1, {2}};
  safetensors_writer w;
  err e = {0};
  assert_true(safetensors_create(test_path(directory, name), &t, 1, NULL, 0, &w, &e));
  assert_true(safetensors_write(&w, numbers, 8, &e));
  assert_true(safetensors_commit(&w, &e));
}

static void shards_are_put_together_as_the_index_says(void **state) {
  (void)state;
  const char *dir = test_path(test_directory(), "sharded");
  err e = {0};
  assert_true(dir_make(dir, &e));
  put_shard(dir, "one.safetensors", "a");
  put_shard(dir, "two.safetensors", "b");
  static const struct {
    const char *index, *message; // NULL: good
  } cases[] = {
      {"{\"metadata\":{\"total_size\":16},\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}", NULL},
      {"{\"weight_map\":{\"b\":\"one.safetensors\",\"a\":\"two.safetensors\"}}",
       "index.json: weight_map: tensor \"a\": expected it in two.safetensors, found it in one.safetensors"},
      {"{\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\",\"c\":\"one.safetensors\"}}",
       "index.json: weight_map: tensor \"c\": expected it in one.safetensors, found it in no shard"},
      {"{\"weight_map\":{\"0\":\"two.safetensors\",\"b\":\"two.safetensors\"}}",
       "tensor \"0\": expected it in two.safetensors, found it in no shard"},
      {"{\"weight_map\":{\"c\":\"two.safetensors\"}}",
       "two.safetensors: tensor \"b\": expected only tensors that the weight_map of model.safetensors.index.json names"},
      {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"three.safetensors\"}}", "three.safetensors: cannot open"},
      {"{\"weight_map\":{\"a\":\"../sharded/one.safetensors\",\"b\":\"two.safetensors\"}}",
       "weight_map: \"a\": expected the name of a file in the same directory, found \"../sharded/one.safetensors\""},
      {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "expected the name of a file in the same directory, found \"/etc/passwd\""},
      {"{\"weight_map\":{\"a\":\"..\"}}", "expected the name of a file in the same directory, found \"..\""},
      {"{\"weight_map\":{\"a\":\"\"}}", "expected the name of a file in the same directory, found \"\""},
      {"{\"weight_map\":{\"a\":1}}", "expected the name of a file in the same directory, found the number 1"},
      {"{\"weight_map\":{}}", "weight_map: expected at least one tensor, found none"},
      {"{\"weight_map\":[]}", "weight_map: expected an object, found an array of 0"},
      {"{}", "weight_map: expected an object, found nothing"},
      {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\",\"a\":\"two.safetensors\"}}",
       "expected each key once"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_write(test_path(dir, "model.safetensors.index.json"), cases[i].index, strlen(cases[i].index));
    arena *a = arena_new("test");
    weights w;
    e = (err){0};
    bool ok = safetensors_open_model(a, dir, &w, &e);
    if (cases[i].message) {
      if (ok || strncmp(e.message, dir, strlen(dir)) || !strstr(e.message, cases[i].message))
        fail_msg("case %zu: expected a message with\n  %s\nfound\n  %s", i, cases[i].message, e.message);
    } else {
      if (!ok) fail_msg("%s", e.message);
      assert_int_equal(w.n, 2);
      assert_int_equal(w.n_maps, 2);
      assert_memory_equal(weights_find(&w, "b")->data, numbers, 8);
      assert_non_null(strstr(weights_find(&w, "b")->file, "two.safetensors"));
      weights_close(&w);
    }
    arena_free(a);
  }
}

static void a_tensor_in_two_shards_is_refused(void **state) {
  (void)state;
  const char *dir = test_path(test_directory(), "twice");
  arena *a = arena_new("test");
  weights w;
  err e = {0};
  assert_true(dir_make(dir, &e));
  put_shard(dir, "one.safetensors", "a");
  put_shard(dir, "two.safetensors", "a");
  const char *index = "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}";
  test_write(test_path(dir, "model.safetensors.index.json"), index, strlen(index));
  assert_false(safetensors_open_model(a, dir, &w, &e));
  assert_non_null(strstr(e.message, "tensor \"a\": expected each name once, found it again in "));
  arena_free(a);
}

static void a_directory_without_weights_is_refused(void **state) {
  (void)state;
  const char *dir = test_path(test_directory(), "without");
  arena *a = arena_new("test");
  weights w;
  err e = {0};
  assert_true(dir_make(dir, &e));
  assert_false(safetensors_open_model(a, dir, &w, &e));
  assert_non_null(strstr(e.message, "expected model.safetensors, or model.safetensors.index.json and its shards, found neither"));
  test_write(test_path(dir, "pytorch_model.bin"), "PK", 2);
  e = (err){0};
  assert_false(safetensors_open_model(a, dir, &w, &e));
  assert_non_null(strstr(e.message, "found pytorch_model.bin, a pickle"));
  arena_free(a);
}

static void a_real_model_is_read_and_written_again(void **state) {
  (void)state;
  const char *dir = test_path(test_shared_data(), "models/stories260K/hf");
  arena *a = arena_new("test");
  weights w, again;
  err e = {0};
  if (!safetensors_open_model(a, dir, &w, &e)) fail_msg("%s", e.message);
  assert_int_equal(w.n, 47);
  const weight *embed = weights_find(&w, "model.embed_tokens.weight"),
               *down = weights_find(&w, "model.layers.4.mlp.down_proj.weight");
  assert_int_equal(embed->type, DTYPE_F32);
  assert_int_equal(embed->shape[0], 512);
  assert_int_equal(embed->shape[1], 64);
  assert_int_equal(down->shape[0], 64);
  assert_int_equal(down->shape[1], 172);
  const char *copy = test_path(test_directory(), "copy.safetensors");
  safetensors_tensor *tensors = ARENA_ARRAY(a, safetensors_tensor, w.n);
  for (uint64_t i = 0; i < w.n; i++) {
    const weight *t = &w.items[i];
    tensors[i] = (safetensors_tensor){t->name, t->type, t->n_dims, {t->shape[0], t->shape[1], t->shape[2], t->shape[3]}};
  }
  safetensors_writer writer;
  assert_true(safetensors_create(copy, tensors, w.n, NULL, 0, &writer, &e));
  for (uint64_t i = 0; i < w.n; i++) assert_true(safetensors_write(&writer, w.items[i].data, w.items[i].bytes, &e));
  assert_true(safetensors_commit(&writer, &e));
  if (!safetensors_open(a, copy, &again, &e)) fail_msg("%s", e.message);
  assert_int_equal(again.n, w.n);
  for (uint64_t i = 0; i < w.n; i++) {
    assert_string_equal(again.items[i].name, w.items[i].name);
    assert_int_equal(again.items[i].n_dims, w.items[i].n_dims);
    assert_memory_equal(again.items[i].shape, w.items[i].shape, sizeof w.items[i].shape);
    assert_int_equal(again.items[i].bytes, w.items[i].bytes);
    assert_memory_equal(again.items[i].data, w.items[i].data, w.items[i].bytes);
  }
  weights_close(&again);
  weights_close(&w);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_headers_are_refused),
      cmocka_unit_test(bad_lengths_are_refused),
      cmocka_unit_test(cuts_and_changed_bytes_never_crash),
      cmocka_unit_test(large_headers_are_proportional),
      cmocka_unit_test(what_is_written_is_read_again),
      cmocka_unit_test(nothing_is_one_file_too),
      cmocka_unit_test(an_unfinished_file_does_not_appear),
      cmocka_unit_test(shards_are_put_together_as_the_index_says),
      cmocka_unit_test(a_tensor_in_two_shards_is_refused),
      cmocka_unit_test(a_directory_without_weights_is_refused),
      cmocka_unit_test(a_real_model_is_read_and_written_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
