#include "support/bad_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "support/test.h"

// A new file, since ext4 flushes one that was cut to nothing and written again: ten seconds over thousands of files.
static void write_anew(const char *path, const char *data, size_t bytes) {
  remove(path);
  test_write(path, data, bytes);
}

void bad_files_touch(const void *data, uint64_t bytes) {
  const volatile uint8_t *p = data;
  for (uint64_t i = 0; i < bytes; i++) (void)p[i];
}

void bad_files_refuse(bad_files_open open, const char *name, const text *bytes, const char *message) {
  const char *path = test_path(test_directory(), name);
  write_anew(path, bytes->data, bytes->length);
  err e = {0};
  clock_t began = clock(); // of the processor, so that a busy machine fails no test
  if (open(path, &e)) fail_msg("taken; expected a message with\n  %s", message);
  assert_true(clock() - began < CLOCKS_PER_SEC);
  if (strncmp(e.message, path, strlen(path)) || !strstr(e.message, message))
    fail_msg("expected a message with\n  %s\nfound\n  %s", message, e.message);
}

void bad_files_cut(bad_files_open open, const char *name, const text *good, size_t step) {
  const char *path = test_path(test_directory(), name);
  for (size_t length = 0; length < good->length; length += step) {
    write_anew(path, good->data, length);
    err e = {0};
    if (open(path, &e)) fail_msg("the first %zu of %zu bytes were taken", length, good->length);
    assert_true(e.failed && strlen(e.message) > strlen(path));
  }
  write_anew(path, good->data, good->length);
  err e = {0};
  if (!open(path, &e)) fail_msg("%s", e.message);
}

int bad_files_mutate(bad_files_open open, const char *name, const text *good, int n) {
  const char *path = test_path(test_directory(), name);
  rng random = rng_new(1, RNG_TEST);
  int refused = 0;
  char *copy = malloc(good->length);
  assert_non_null(copy);
  for (int i = 0; i < n; i++) {
    memcpy(copy, good->data, good->length);
    uint32_t at = rng_below(&random, (uint32_t)good->length);
    copy[at] = (char)(copy[at] ^ (char)(1 + rng_below(&random, 255)));
    write_anew(path, copy, good->length);
    err e = {0};
    if (open(path, &e)) continue;
    assert_true(e.failed && strlen(e.message) > strlen(path));
    refused++;
  }
  free(copy);
  return refused;
}

void put_u32(text *t, uint32_t x) {
  for (int i = 0; i < 4; i++) text_putc(t, (char)(x >> 8 * i & 255));
}

void put_u64(text *t, uint64_t x) {
  put_u32(t, (uint32_t)x);
  put_u32(t, (uint32_t)(x >> 32));
}
