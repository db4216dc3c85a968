// The pipeline cache on disk: written when it grew, read again, and never trusted.
#define _GNU_SOURCE
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "check.h"
#include "gpu/gpu.h"

enum { HEADER = 24, UUID = 16 }; // of the file; where the driver's header holds its UUID

// Opens a device, makes a kernel, closes.
static void use(void) {
  arena *a = arena_new("use");
  gpu_device *d;
  err e = {0};
  if (!device_open(a, NULL, &d, &e)) fail_msg("%s", e.message);
  uint32_t spec[] = {32, 1};
  if (!kernel_get(d, "check_half", spec, 2, &e)) fail_msg("%s", e.message);
  device_close(d);
  assert_int_equal(device_validation_messages(d), 0);
  arena_free(a);
}

// The one file in the cache directory.
static const char *cache_file(const char *dir) {
  arena *a = arena_new("listing");
  char **names;
  uint64_t n;
  err e = {0};
  assert_true(dir_list(a, dir, &names, &n, &e));
  assert_int_equal(n, 1);
  const char *path = test_path(dir, names[0]);
  arena_free(a);
  return path;
}

static char *contents(arena *a, const char *path, uint64_t *size) {
  char *data;
  assert_true(file_read(a, path, 1 << 28, &data, size, NULL));
  return data;
}

static void test_cache(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const char *dir = test_path(test_directory(), "cache/deeper");
  setenv("VKIFT_CACHE_DIR", dir, true);
  use();
  const char *path = cache_file(dir);
  uint64_t size, again;
  char *first = contents(a, path, &size);
  assert_true(size >= HEADER + 32);
  assert_memory_equal(first, "VKIFTPC1", 8);

  struct stat before, after;
  stat(path, &before);
  use();
  stat(path, &after);
  assert_true(before.st_ino == after.st_ino); // nothing new: not written again
  cache_file(dir);

  // Damage of each kind is ignored, and a good file put in its place.
  for (int kind = 0; kind < 6; kind++) {
    char *bad = arena_strndup(a, first, size);
    size_t bytes = size;
    switch (kind) {
      case 0: bytes = 0; break;
      case 1: bytes = HEADER - 1; break;
      case 2: bytes = size - 1; break;
      case 3: bad[size - 1] ^= 1; break;
      case 4: bad[0] ^= 1; break;
      case 5: { // whole, but of another device
        bad[HEADER + UUID] ^= 1;
        uint64_t hash = XXH64(bad + HEADER, size - HEADER, 0);
        memcpy(bad + 8, &hash, 8);
      }
    }
    test_write(path, bad, bytes);
    use();
    char *now = contents(a, path, &again);
    if (again < size || memcmp(now, first, 8) || memcmp(now + HEADER, first + HEADER, 32))
      fail_msg("damage of kind %d was not repaired", kind);
  }
  arena_free(a);
}

static void assert_whole(arena *a, const char *path) {
  uint64_t size, hash, bytes;
  const char *data = contents(a, path, &size);
  assert_true(size >= HEADER);
  memcpy(&hash, data + 8, 8);
  memcpy(&bytes, data + 16, 8);
  assert_int_equal(bytes, size - HEADER);
  assert_int_equal(hash, XXH64(data + HEADER, bytes, 0));
}

// A run that is killed after its first submission has not compiled in vain.
static void test_killed(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const char *dir = test_path(test_directory(), "killed");
  setenv("VKIFT_CACHE_DIR", dir, true);
  setenv("VKIFT_DISABLE", "coopmat,indirect", true); // else opening a device runs their known-answer checks, first submissions
  gpu_device *d;
  gpu_slice s[2];
  err e = {0};
  const struct check_params p = {.n = 64};
  if (!device_open(a, NULL, &d, &e)) fail_msg("%s", e.message);
  gpu_heap *h = heap_new(d, "test", GPU_MEMORY_DEVICE);
  gpu_recording *r = recording_new(d, "test");
  assert_true(heap_alloc(h, 256, &s[0], &e) && heap_alloc(h, 256, &s[1], &e));
  assert_true(
      recording_dispatch(r, kernel_get(d, "check_copy", &(uint32_t){64}, 1, &e), s, 2, &p, sizeof p, (uint32_t[]){1, 1, 1}, &e));
  assert_true(recording_end(r, &e));
  assert_false(file_exists(dir));
  assert_true(gpu_run(d, &r, 1, &e));
  assert_whole(a, cache_file(dir)); // and the device is still open
  device_close(d);
  assert_int_equal(device_validation_messages(d), 0);
  unsetenv("VKIFT_DISABLE");
  arena_free(a);
}

// Processes that write at the same time leave a file that is one of theirs, and nothing beside it.
static void test_at_once(void **state) {
  (void)state;
  enum { PROCESSES = 4 };
  arena *a = arena_new("test");
  const char *dir = test_path(test_directory(), "at_once");
  setenv("VKIFT_CACHE_DIR", dir, true);
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    if (!children[i]) execl("/proc/self/exe", "gpu_cache_test", "use", (char *)NULL);
    assert_true(children[i] > 0);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  assert_whole(a, cache_file(dir));
  arena_free(a);
}

static void test_unwritable(void **state) {
  (void)state;
  const char *file = test_path(test_directory(), "a_file");
  test_write(file, "x", 1);
  setenv("VKIFT_CACHE_DIR", test_path(file, "beneath_a_file"), true);
  use();
}

static void test_places(void **state) {
  (void)state;
  unsetenv("VKIFT_CACHE_DIR");
  setenv("XDG_CACHE_HOME", test_path(test_directory(), "xdg"), true);
  use();
  cache_file(test_path(test_directory(), "xdg/vkift"));
  assert_int_equal(chdir(test_directory()), 0); // drivers have caches too, and some take a relative path
  setenv("XDG_CACHE_HOME", "relative", true);
  setenv("HOME", test_path(test_directory(), "home"), true);
  use();
  cache_file(test_path(test_directory(), "home/.cache/vkift"));
  unsetenv("HOME");
  use();
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "use")) { // test_at_once
    use();
    return 0;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cache), cmocka_unit_test(test_killed), cmocka_unit_test(test_at_once),
                                     cmocka_unit_test(test_unwritable), cmocka_unit_test(test_places)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
