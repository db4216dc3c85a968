// Kernels made by threads: each once, whatever the order of asking; what fails says so where it is wanted.
#define _GNU_SOURCE
#include "support/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/internal.h"

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  PFN_vkCreateComputePipelines pipelines; // what the fake calls
  atomic_int calls, at_once, most_at_once;
  atomic_int failures; // how many calls fail
  int want_at_once;    // calls wait until so many are under way, or have been
  atomic_bool held;    // calls wait until it is false
} fixture;

static fixture f;
static atomic_bool no_threads;

// Stands before the C library's: a system that gives no more threads.
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *of) {
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return no_threads ? EAGAIN : real(thread, attributes, work, of);
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_pipelines(VkDevice device, VkPipelineCache cache, uint32_t n,
                                                     const VkComputePipelineCreateInfo *infos,
                                                     const VkAllocationCallbacks *callbacks, VkPipeline *pipelines) {
  f.calls++;
  const int now = ++f.at_once;
  for (int most = f.most_at_once; now > most && !atomic_compare_exchange_weak(&f.most_at_once, &most, now);) {
  }
  while (f.held || f.most_at_once < f.want_at_once) sched_yield();
  const VkResult result =
      f.failures-- > 0 ? VK_ERROR_OUT_OF_HOST_MEMORY : f.pipelines(device, cache, n, infos, callbacks, pipelines);
  f.at_once--;
  return result;
}

static int setup(void **state) {
  (void)state;
  err e = {0};
  memset(&f, 0, sizeof f);
  f.memory = arena_new("test");
  setenv("VKIFT_DISABLE", "coopmat,indirect", true); // else opening a device runs their known-answer checks, on a thread
  if (!device_open(f.memory, NULL, &f.device, &e)) {
    print_message("%s\n", e.message);
    return -1;
  }
  f.pipelines = vkCreateComputePipelines;
  vkCreateComputePipelines = fake_pipelines;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  no_threads = false;
  device_close(f.device);
  vkCreateComputePipelines = f.pipelines;
  const uint32_t messages = device_validation_messages(f.device);
  arena_free(f.memory);
  return messages ? -1 : 0;
}

static void request(const char *shader, uint32_t size) {
  err e = {0};
  if (!kernel_request(f.device, shader, &size, 1, &e)) fail_msg("%s", e.message);
}

static gpu_kernel *get(const char *shader, uint32_t size) {
  err e = {0};
  gpu_kernel *k = kernel_get(f.device, shader, &size, 1, &e);
  if (!k) fail_msg("%s", e.message);
  assert_true(k->pipeline != VK_NULL_HANDLE);
  return k;
}

static void test_once(void **state) {
  (void)state;
  request("check_copy", 64);
  request("check_copy", 64);
  gpu_kernel *k = get("check_copy", 64);
  assert_ptr_equal(get("check_copy", 64), k);
  request("check_copy", 64);
  assert_int_equal(f.calls, 1);
  assert_ptr_not_equal(get("check_copy", 32), k);
  assert_int_equal(f.calls, 2);
  assert_true(kernel_pool_is_idle(f.device));
}

static void test_many(void **state) {
  (void)state;
  static const char *const shaders[] = {"check_copy", "check_sum", "check_arith"};
  enum { SIZES = 8 }; // 1 … 128
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  f.want_at_once = cores > 2 ? 2 : (int)cores;
  for (int i = 0; i < SIZES; i++)
    for (int s = 0; s < 3; s++) request(shaders[s], 1u << i);
  gpu_kernel *kernels[3][SIZES];
  for (int s = 0; s < 3; s++)
    for (int i = SIZES - 1; i >= 0; i--) {
      kernels[s][i] = get(shaders[s], 1u << i);
      assert_string_equal(kernel_get_info(kernels[s][i])->shader, shaders[s]);
      assert_int_equal(kernel_get_info(kernels[s][i])->local_size[0], 1u << i);
    }
  for (int s = 0; s < 3; s++)
    for (int i = 0; i < SIZES; i++) assert_ptr_equal(get(shaders[s], 1u << i), kernels[s][i]);
  assert_int_equal(f.calls, 3 * SIZES);
  assert_true(f.most_at_once >= f.want_at_once);
  assert_true(f.most_at_once <= cores);
}

static void test_limits(void **state) {
  (void)state;
  err e = {0};
  const uint32_t most = device_plan(f.device)->max_invocations;
  request("check_copy", 32);
  assert_false(kernel_request(f.device, "check_arith", &(uint32_t){2 * most}, 1, &e));
  if (!strstr(e.message, "shader check_arith: a workgroup of")) fail_msg("%s", e.message);
  get("check_copy", 32);
  assert_int_equal(f.calls, 1);
}

static void test_failure(void **state) {
  (void)state;
  err e = {0};
  f.failures = 1;
  request("check_copy", 32); // compiling it fails, which nobody has asked about
  while (!kernel_pool_is_idle(f.device)) sched_yield();
  request("check_sum", 32);
  get("check_sum", 32);
  assert_null(kernel_get(f.device, "check_copy", &(uint32_t){32}, 1, &e));
  assert_non_null(strstr(e.message, "shader check_copy: vkCreateComputePipelines: out of host memory"));
  get("check_copy", 32); // asking again tries again
  assert_int_equal(f.calls, 3);
}

static void test_no_threads(void **state) {
  (void)state;
  no_threads = true;
  request("check_copy", 32);
  request("check_sum", 32);
  assert_int_equal(f.calls, 0);
  get("check_sum", 32);
  get("check_copy", 32);
  assert_int_equal(f.calls, 2);
  assert_int_equal(f.most_at_once, 1);
}

static void release_calls(void *user, uint32_t n_kernels) {
  *(uint32_t *)user = n_kernels;
  f.held = false;
}

// Without the call, whoever waits here would wait forever.
static void test_told(void **state) {
  (void)state;
  uint32_t told = 0;
  kernel_on_compiling(f.device, release_calls, &told);
  f.held = true;
  for (uint32_t i = 0; i < 5; i++) request("check_copy", 1u << i);
  get("check_copy", 16);
  assert_int_equal(told, 5);
}

static void *let_go(void *of) {
  (void)of;
  for (int i = 0; i < 100; i++) sched_yield(); // most likely the device is being closed by now
  f.held = false;
  return NULL;
}

// What is being made is waited for, what is queued is left.
static void test_close(void **state) {
  (void)state;
  pthread_t thread;
  f.held = true;
  for (uint32_t i = 0; i < 8; i++) request("check_copy", 1u << i);
  while (!f.at_once) sched_yield();
  assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
  device_close(f.device);
  pthread_join(thread, NULL);
  assert_int_equal(f.at_once, 0);
  assert_true(f.calls >= 1);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
  const struct CMUnitTest tests[] = {CASE(test_once),       CASE(test_many), CASE(test_limits), CASE(test_failure),
                                     CASE(test_no_threads), CASE(test_told), CASE(test_close)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
