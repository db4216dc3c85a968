// Opening devices: which one, what is said when there is none, the report, the known-answer check and the validation
// layers.
#define _GNU_SOURCE
#include "support/test.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "gpu/gpu.h"

static int setup(void **state) {
  *state = arena_new("test");
  return 0;
}

static int teardown(void **state) {
  arena_free(*state);
  return 0;
}

static gpu_device *open_one(arena *a, const char *which) {
  gpu_device *d;
  err e = {0};
  if (!device_open(a, which, &d, &e)) fail_msg("%s", e.message);
  return d;
}

// Sets a variable for one test; the value that it had comes back with restore().
typedef struct saved {
  const char *name;
  char *value;
} saved;

static saved replace(arena *a, const char *name, const char *value) {
  const char *old = getenv(name);
  saved s = {.name = name, .value = old ? arena_strdup(a, old) : NULL};
  if (value) setenv(name, value, true);
  else unsetenv(name);
  return s;
}

static void restore(saved s) {
  if (s.value) setenv(s.name, s.value, true);
  else unsetenv(s.name);
}

static void test_list(void **state) {
  arena *a = *state;
  gpu_snapshot *list;
  uint32_t n;
  err e = {0};
  assert_true(device_list(a, &list, &n, &e));
  assert_true(n > 0);
  bool cpu_seen = false;
  for (uint32_t i = 0; i < n; i++) {
    assert_int_equal(list[i].index, i);
    assert_true(*list[i].name && list[i].max_storage_buffer_range && list[i].device_heap_bytes);
    assert_true(!cpu_seen || list[i].kind == GPU_KIND_CPU); // software drivers come last
    cpu_seen = list[i].kind == GPU_KIND_CPU;
  }
  gpu_device *best = open_one(a, NULL);
  assert_string_equal(device_snapshot(best)->name, list[0].name);
  device_close(best);
}

static void test_which(void **state) {
  arena *a = *state;
  gpu_device *d = open_one(a, "0");
  const char *name = device_snapshot(d)->name;
  device_close(d);
  char part[8] = "";
  memcpy(part, name + 1, strnlen(name + 1, 6));
  for (char *p = part; *p; p++) *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
  d = open_one(a, part); // part of the name, in capitals
  device_close(d);
  const char *const wrong[] = {"99", "no such card", "0x"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    err e = {0};
    assert_false(device_open(a, wrong[i], &d, &e));
    assert_null(d);
    assert_non_null(strstr(e.message, wrong[i]));
    assert_non_null(strstr(e.message, name)); // says what there is
  }
  device_close(NULL);
}

static void test_no_driver(void **state) {
  arena *a = *state;
  saved files = replace(a, "VK_DRIVER_FILES", "/nonexistent.json"), old = replace(a, "VK_ICD_FILENAMES", "/nonexistent.json");
  gpu_device *d;
  gpu_snapshot *list;
  uint32_t n;
  err e = {0}, again = {0};
  assert_false(device_open(a, NULL, &d, &e));
  assert_non_null(strstr(e.message, "mesa-vulkan-drivers"));
  assert_false(device_list(a, &list, &n, &again));
  restore(files);
  restore(old);
  char reason[256];
  assert_true(strlen(device_cpu_reason(reason)) > 20);
}

static void test_bad_names(void **state) {
  arena *a = *state;
  gpu_device *d;
  err e = {0}, f = {0};
  saved s = replace(a, "VKIFT_DISABLE", "f16,warp_speed,coopmat");
  assert_false(device_open(a, NULL, &d, &e));
  assert_non_null(strstr(e.message, "VKIFT_DISABLE: unknown name \"warp_speed\""));
  assert_non_null(strstr(e.message, "buffer_address"));
  restore(s);
  s = replace(a, "VKIFT_DEVICE_PROFILE", "floor,max_speed=3");
  assert_false(device_open(a, NULL, &d, &f));
  assert_non_null(strstr(f.message, "VKIFT_DEVICE_PROFILE"));
  assert_non_null(strstr(f.message, "\"max_speed=3\""));
  restore(s);
}

static void test_report(void **state) {
  (void)state;
  gpu_snapshot s = {.index = 3,
                    .name = "Card \"A\"",
                    .api_version = 1u << 22 | 3u << 12 | 5,
                    .kind = GPU_KIND_DISCRETE,
                    .f16 = true,
                    .storage_align = 64,
                    .max_storage_buffer_range = 1 << 27,
                    .max_allocation_bytes = 1 << 30};
  gpu_plan p;
  const char *unknown;
  text out = {0};
  assert_true(choose(&s, "f16", NULL, &p, &unknown));
  device_report(&s, &p, false, &out);
  assert_non_null(strstr(out.data, "3  Card \"A\"  (discrete)"));
  assert_non_null(strstr(out.data, "off: switched off by VKIFT_DISABLE"));
  text_clear(&out);
  device_report(&s, &p, true, &out);
  cJSON *json = cJSON_Parse(out.data);
  assert_non_null(json);
  assert_string_equal(cJSON_GetObjectItem(json, "name")->valuestring, "Card \"A\"");
  assert_true(cJSON_GetObjectItem(json, "max_binding_bytes")->valuedouble == 1 << 27);
  cJSON *f16 = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "features"), "f16");
  assert_true(cJSON_IsFalse(cJSON_GetObjectItem(f16, "on")));
  assert_non_null(strstr(cJSON_GetObjectItem(f16, "why_off")->valuestring, "VKIFT_DISABLE"));
  cJSON_Delete(json);
  text_free(&out);
}

static void test_check(void **state) {
  arena *a = *state;
  gpu_device *d = open_one(a, NULL);
  device_check_row rows[DEVICE_CHECKS];
  if (!device_check(d, rows))
    for (int i = 0; i < DEVICE_CHECKS; i++)
      if (!rows[i].ok) print_message("%s: %s\n", rows[i].what, rows[i].found);
  for (int i = 0; i < DEVICE_CHECKS; i++) assert_true(rows[i].ok != rows[i].skipped);
  device_close(d);
  assert_int_equal(device_validation_messages(d), 0);
}

// A kernel that the device cannot run says why, and leaves the device usable.
static void test_limits(void **state) {
  arena *a = *state;
  saved s = replace(a, "VKIFT_DEVICE_PROFILE", "floor,max_shared_bytes=256");
  gpu_device *d = open_one(a, NULL);
  err e = {0}, f = {0}, g = {0};
  assert_true(kernel_exists("check_sum") && !kernel_exists("check_su"));
  assert_null(kernel_get(d, "check_sum", &(uint32_t){128}, 1, &e));
  assert_non_null(strstr(e.message, "check_sum"));
  assert_non_null(strstr(e.message, "512 bytes of shared memory; the device allows 256"));
  assert_null(kernel_get(d, "check_arith", &(uint32_t){512}, 1, &f));
  assert_non_null(strstr(f.message, "512 x 1 x 1"));
  assert_non_null(kernel_get(d, "check_arith", &(uint32_t){256}, 1, &g));
  device_close(d);
  restore(s);
}

// The layers see a missing barrier and are counted; without the bug they say nothing. A copy of what a copy wrote: the
// layers of 1.3.239 miss two dispatches that both write, or update in place.
static uint32_t messages_of(arena *a, bool with_barrier) {
  gpu_device *d = open_one(a, NULL);
  gpu_heap *h = heap_new(d, "test", GPU_MEMORY_DEVICE);
  gpu_slice s[3];
  err e = {0};
  for (int i = 0; i < 3; i++) assert_true(heap_alloc(h, 256, &s[i], &e));
  gpu_recording *r = recording_new(d, "test");
  gpu_kernel *k = kernel_get(d, "check_copy", &(uint32_t){64}, 1, &e);
  struct check_params p = {.n = 64};
  for (int i = 0; i < 2; i++) {
    if (i && with_barrier) recording_barrier(r);
    assert_true(recording_dispatch(r, k, s + i, 2, &p, sizeof p, (uint32_t[]){1, 1, 1}, &e));
  }
  assert_true(recording_end(r, &e));
  assert_true(gpu_run(d, &r, 1, &e) && gpu_run(d, &r, 1, &e));
  device_close(d);
  return device_validation_messages(d);
}

// The layers leak a little at exit, which is nothing of ours.
#ifdef __SANITIZE_ADDRESS__
void __lsan_disable(void);
#define ALLOW_LEAKS() __lsan_disable()
#else
#define ALLOW_LEAKS() (void)0
#endif

static void test_validation(void **state) {
  arena *a = *state;
  saved s = replace(a, "VKIFT_VALIDATION", "1");
  ALLOW_LEAKS(); // from here to the end: this is the last test
  gpu_device *d;
  err e = {0};
  if (!device_open(a, NULL, &d, &e)) {
    assert_non_null(strstr(e.message, "vulkan-validationlayers")); // says what to install
    restore(s);
    print_message("skipped: the validation layers are not installed\n");
    skip();
  }
  device_close(d);
  assert_int_equal(messages_of(a, true), 0);
  int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
  dup2(null, STDERR_FILENO); // the messages are wanted, not their text
  uint32_t messages = messages_of(a, false);
  dup2(kept, STDERR_FILENO);
  close(kept), close(null);
  assert_true(messages > 0);

  saved path = replace(a, "VK_LAYER_PATH", "/nonexistent");
  assert_false(device_open(a, NULL, &d, &e));
  assert_non_null(strstr(e.message, "vulkan-validationlayers"));
  restore(path);
  restore(s);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
  const struct CMUnitTest tests[] = {CASE(test_list),   CASE(test_which), CASE(test_no_driver), CASE(test_bad_names),
                                     CASE(test_report), CASE(test_check), CASE(test_limits),    CASE(test_validation)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
