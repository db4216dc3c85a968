#define _GNU_SOURCE
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

static arena *memory(void) {
  static arena *a;
  if (!a) a = arena_new("test paths");
  return a;
}

const char *test_path(const char *directory, const char *name) {
  return path_join(memory(), directory, name);
}

const char *test_shared_data(void) {
  const char *data = getenv("VKIFT_SHARED_DATA");
  if (!data || !*data) {
    const char *source = getenv("VKIFT_SOURCE_DIR");
    data = test_path(source ? source : ".", "../shared/data");
  }
  if (!file_is_dir(data)) {
    print_message("skipped: the shared test data is not there (set VKIFT_SHARED_DATA)\n");
    skip();
  }
  return data;
}

static char directory[64];

static void remove_directory(void) {
  dir_remove(directory, NULL);
}

const char *test_directory(void) {
  if (!directory[0]) {
    snprintf(directory, sizeof directory, "/tmp/vkift-test-XXXXXX");
    if (!mkdtemp(directory)) abort();
    atexit(remove_directory);
  }
  return directory;
}

void test_ok(bool ok, const err *e) {
  if (!ok) fail_msg("%s", e->message);
}

void test_write(const char *path, const void *data, size_t bytes) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  fclose(f);
}
