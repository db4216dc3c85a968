// Choices among kernels: what the device holds, and the file that remembers them.
#define _GNU_SOURCE
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "gpu/gpu.h"

static gpu_device *opened(arena *a) {
  gpu_device *d;
  err e = {0};
  if (!device_open(a, NULL, &d, &e)) fail_msg("%s", e.message);
  return d;
}

static void test_held(void **state) {
  (void)state;
  arena *a = arena_new("test");
  gpu_device *d = opened(a);
  assert_null(choices_find(d, "nt f32 1x2x3"));
  choices_set(d, "nt f32 1x2x3", "one");
  choices_set(d, "nn f32 1x2x3", "two");
  choices_set(d, "nt f32 1x2x3", "three"); // in place of the first
  assert_string_equal(choices_find(d, "nt f32 1x2x3"), "three");
  assert_string_equal(choices_find(d, "nn f32 1x2x3"), "two");
  choices_clear(d);
  assert_null(choices_find(d, "nn f32 1x2x3"));
  device_close(d);
  arena_free(a);
}

static void test_text(void **state) {
  (void)state;
  arena *a = arena_new("test");
  gpu_device *d = opened(a);
  char wide[400];
  memset(wide, 'x', sizeof wide);
  memcpy(wide + 200, " = ", 3);
  wide[399] = 0;
  assert_true(choices_set_text(d, "a b = c d"));
  assert_string_equal(choices_find(d, "a b"), "c d");
  const char *bad[] = {"", "a", "a=b", " = b", "a = ", wide, wide + 150, wide + 199};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (choices_set_text(d, bad[i])) fail_msg("\"%s\" was taken", bad[i]);
  device_close(d);
  arena_free(a);
}

// The one file of choices in the cache directory.
static const char *choices_file(arena *a, const char *dir) {
  char **names;
  uint64_t n;
  err e = {0};
  assert_true(dir_list(a, dir, &names, &n, &e));
  for (uint64_t i = 0; i < n; i++)
    if (strstr(names[i], "-tuned-")) return test_path(dir, names[i]);
  fail_msg("no file of choices");
  return NULL;
}

static void test_kept(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const char *dir = test_directory();
  setenv("VKIFT_CACHE_DIR", dir, true);
  gpu_device *d = opened(a);
  choices_load(d); // nothing yet
  choices_set(d, "nt f32 1x2x3", "one");
  choices_set(d, "nn f32 1x2x3", "two");
  choices_save(d);
  device_close(d);
  d = opened(a);
  assert_null(choices_find(d, "nt f32 1x2x3"));
  choices_load(d);
  assert_string_equal(choices_find(d, "nt f32 1x2x3"), "one");
  assert_string_equal(choices_find(d, "nn f32 1x2x3"), "two");
  device_close(d);
  // Lines that are none are passed over, also a last one without an end.
  const char damaged[] = "rubbish\n\0 = x\nnn f32 1x2x3 = four\nnt f32 1x2x3 = cut off";
  test_write(choices_file(a, dir), damaged, sizeof damaged - 1);
  d = opened(a);
  choices_load(d);
  assert_null(choices_find(d, "nt f32 1x2x3"));
  assert_string_equal(choices_find(d, "nn f32 1x2x3"), "four");
  const gpu_plan before = *device_plan(d);
  device_close(d);
  // Other features, other choices.
  setenv("VKIFT_DISABLE", "f16,buffer_address,subgroup", true);
  d = opened(a);
  choices_load(d);
  const bool others = memcmp(before.on, device_plan(d)->on, sizeof before.on); // not where the device has none of them
  assert_true(others == !choices_find(d, "nn f32 1x2x3"));
  device_close(d);
  unsetenv("VKIFT_DISABLE");
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_held), cmocka_unit_test(test_text), cmocka_unit_test(test_kept)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
