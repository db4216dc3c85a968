// TensorBoard's event files: the checksum, the framing and the messages, byte for byte.
#define _GNU_SOURCE // memmem
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "io/tfrecord.h"
#include "train/tensorboard.h"

// RFC 3720, B.4, and the polynomial's check value.
static void crc32c_known_answers(void **state) {
  (void)state;
  unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
  memset(ones, 0xFF, sizeof ones);
  for (int i = 0; i < 32; i++) up[i] = (unsigned char)i, down[i] = (unsigned char)(31 - i);
  assert_int_equal(tfrecord_crc32c("", 0), 0);
  assert_int_equal(tfrecord_crc32c("123456789", 9), 0xE3069283);
  assert_int_equal(tfrecord_crc32c(zeros, 32), 0x8A9136AA);
  assert_int_equal(tfrecord_crc32c(ones, 32), 0x62A8AB43);
  assert_int_equal(tfrecord_crc32c(up, 32), 0x46DD794E);
  assert_int_equal(tfrecord_crc32c(down, 32), 0x113FDB5C);
}

static void same_bytes(const text *found, const char *hex) {
  text shown = {0};
  for (size_t i = 0; i < found->length; i++) text_printf(&shown, "%02x", (unsigned char)found->data[i]);
  assert_string_equal(shown.data, hex);
  text_free(&shown);
}

// Of the data, `data` is what TensorBoard 2.21 makes of the same event (tests/reference/tensorboard prints it).
static void record_is(const text *record, const char *data, size_t length) {
  assert_int_equal(record->length, 8 + 4 + length + 4);
  const text inside = {.data = record->data + 12, .length = length};
  same_bytes(&inside, data);
  assert_int_equal((unsigned char)record->data[0], length);
  for (int i = 1; i < 8; i++) assert_int_equal(record->data[i], 0);
}

static void events_are_tensorboards(void **state) {
  (void)state;
  text out = {0};
  tensorboard_put_scalar(&out, 1700000000.25, 300, "train/loss", 1.5f);
  record_is(&out, "0900001040fc54d94110ac022a130a110a0a747261696e2f6c6f7373150000c03f", 33);
  text_clear(&out);
  tensorboard_put_version(&out, 1700000000.25);
  record_is(&out, "0900001040fc54d9411a0d627261696e2e4576656e743a32", 24);
  text_clear(&out);
  tensorboard_put_resumed(&out, 1700000000.25, 7);
  record_is(&out, "0900001040fc54d94110073a020801", 15);
  text_free(&out);
}

// The whole first record of every file, with the checksums that TensorBoard 2.21 computes.
static void a_golden_record(void **state) {
  (void)state;
  text out = {0};
  tensorboard_put_version(&out, 0);
  same_bytes(&out, "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3");
  text_free(&out);
}

static void each_start_has_its_file(void **state) {
  (void)state;
  arena *a = arena_new("test");
  err e = {0};
  const char *dir = path_join(a, test_directory(), "tensorboard");
  for (uint64_t done = 0; done < 2; done++) {
    tensorboard *t;
    if (!tensorboard_open(a, dir, done, &t, &e)) fail_msg("%s", e.message);
    const vkift_step row = {.step = (int64_t)done + 1, .loss = 2};
    const vkift_eval_point point = {.step = (int64_t)done + 1, .loss = 3};
    assert_true(tensorboard_step(t, &row, &e) && tensorboard_evaluation(t, &point, &e));
    tensorboard_close(t);
  }
  char **names, *data;
  uint64_t n, size, first_size;
  assert_true(dir_list(a, dir, &names, &n, &e));
  assert_int_equal(n, 2);
  assert_true(file_read(a, path_join(a, dir, names[0]), 1 << 20, &data, &first_size, &e));
  assert_true(file_read(a, path_join(a, dir, names[1]), 1 << 20, &data, &size, &e));
  assert_int_equal(size, first_size + 16 + 15); // the record that says where it goes on
  arena_free(a);
}

// "TAG", then the value of its scalar: field 2, four bytes.
static bool has(const char *data, uint64_t size, const char *tag, float value) {
  text wanted = {0};
  text_puts(&wanted, tag);
  text_putc(&wanted, 2 << 3 | 5);
  text_put(&wanted, (const char *)&value, sizeof value);
  const bool found = memmem(data, size, wanted.data, wanted.length);
  text_free(&wanted);
  return found;
}

static void rewards_stand_beside_the_loss(void **state) {
  (void)state;
  arena *a = arena_new("test");
  err e = {0};
  const char *dir = path_join(a, test_directory(), "rewards");
  tensorboard *t;
  if (!tensorboard_open(a, dir, 0, &t, &e)) fail_msg("%s", e.message);
  const vkift_step row = {.step = 1, .loss = 2, .rewards = {true, 0.5, -0.25, 0.875}};
  const vkift_eval_point pairs = {.step = 1, .loss = 3, .rewards = {true, 1.5, 2, 0.125}, .accuracy = NAN},
                         texts = {.step = 2, .loss = 3, .perplexity = 20, .accuracy = 0.75};
  assert_true(tensorboard_step(t, &row, &e) && tensorboard_evaluation(t, &pairs, &e));
  char **names, *data;
  uint64_t n, size;
  assert_true(dir_list(a, dir, &names, &n, &e) && file_read(a, path_join(a, dir, names[0]), 1 << 20, &data, &size, &e));
  assert_true(has(data, size, "train/rewards/chosen", 0.5f) && has(data, size, "train/rewards/rejected", -0.25f));
  assert_true(has(data, size, "train/rewards/margins", 0.75f) && has(data, size, "train/rewards/accuracies", 0.875f));
  assert_true(has(data, size, "eval/rewards/chosen", 1.5f) && has(data, size, "eval/rewards/rejected", 2));
  assert_true(has(data, size, "eval/rewards/margins", -0.5f) && has(data, size, "eval/rewards/accuracies", 0.125f));
  assert_null(memmem(data, size, "eval/perplexity", 15)); // a loss of pairs has none
  assert_null(memmem(data, size, "eval/accuracy", 13));
  assert_true(tensorboard_evaluation(t, &texts, &e));
  assert_true(file_read(a, path_join(a, dir, names[0]), 1 << 20, &data, &size, &e));
  assert_true(has(data, size, "eval/perplexity", 20) && has(data, size, "eval/accuracy", 0.75f));
  tensorboard_close(t);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc32c_known_answers),
      cmocka_unit_test(events_are_tensorboards),
      cmocka_unit_test(a_golden_record),
      cmocka_unit_test(each_start_has_its_file),
      cmocka_unit_test(rewards_stand_beside_the_loss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
