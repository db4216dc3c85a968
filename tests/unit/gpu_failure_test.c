// What the device room says when Vulkan fails: its functions are replaced by ones that fail in a chosen way.
#include "support/test.h"

#include <string.h>

#include "check.h"
#include "gpu/internal.h"

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  gpu_recording *recording;
  // what the fakes call
  PFN_vkWaitForFences wait;
  PFN_vkQueueSubmit submit;
  PFN_vkAllocateMemory allocate;
  PFN_vkCreateComputePipelines pipelines;
  VkResult result; // what the fakes answer
  int failures;    // how often, then they work again
} fixture;

static fixture f;

static int setup(void **state) {
  f = (fixture){.memory = arena_new("test")};
  *state = &f;
  err e = {0};
  gpu_slice s[2];
  struct check_params p = {.n = 64};
  if (!device_open(f.memory, NULL, &f.device, &e)) return -1;
  f.heap = heap_new(f.device, "weights", GPU_MEMORY_DEVICE);
  f.recording = recording_new(f.device, "forward");
  bool ok = heap_alloc(f.heap, 256, &s[0], &e) && heap_alloc(f.heap, 256, &s[1], &e) &&
            recording_dispatch(f.recording, kernel_get(f.device, "check_copy", &(uint32_t){64}, 1, &e), s, 2, &p, sizeof p,
                               (uint32_t[]){1, 1, 1}, &e) &&
            recording_end(f.recording, &e) && gpu_run(f.device, &f.recording, 1, &e);
  f.wait = vkWaitForFences;
  f.submit = vkQueueSubmit;
  f.allocate = vkAllocateMemory;
  f.pipelines = vkCreateComputePipelines;
  return ok ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  vkWaitForFences = f.wait;
  vkQueueSubmit = f.submit;
  vkAllocateMemory = f.allocate;
  vkCreateComputePipelines = f.pipelines;
  f.device->hung = false; // it never was
  device_close(f.device);
  uint32_t messages = device_validation_messages(f.device);
  arena_free(f.memory);
  return messages ? -1 : 0;
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_wait(VkDevice device, uint32_t n, const VkFence *fences, VkBool32 all, uint64_t ns) {
  VkResult result = f.wait(device, n, fences, all, ns);
  return f.failures-- > 0 ? f.result : result;
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_submit(VkQueue queue, uint32_t n, const VkSubmitInfo *info, VkFence fence) {
  (void)queue, (void)n, (void)info, (void)fence;
  return f.result;
}

// Leaves the last command buffer out, as if the device had been reset on the way to it.
static VKAPI_ATTR VkResult VKAPI_CALL fake_submit_part(VkQueue queue, uint32_t n, const VkSubmitInfo *info, VkFence fence) {
  VkSubmitInfo part = *info;
  part.commandBufferCount--;
  return f.submit(queue, n, &part, fence);
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory) {
  return f.failures-- > 0 ? f.result : f.allocate(device, info, callbacks, memory);
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_pipelines(VkDevice device, VkPipelineCache cache, uint32_t n,
                                                     const VkComputePipelineCreateInfo *infos,
                                                     const VkAllocationCallbacks *callbacks, VkPipeline *pipelines) {
  return f.failures-- > 0 ? f.result : f.pipelines(device, cache, n, infos, callbacks, pipelines);
}

// A run that fails with `expected` in its message, and that a second run finds the device lost.
static void assert_lost(const char *expected) {
  err e = {0}, again = {0};
  assert_false(gpu_run(f.device, &f.recording, 1, &e));
  assert_non_null(strstr(e.message, "forward"));
  if (!strstr(e.message, expected)) fail_msg("\"%s\" lacks \"%s\"", e.message, expected);
  assert_false(gpu_run(f.device, &f.recording, 1, &again));
  assert_non_null(strstr(again.message, "lost earlier"));
}

static void test_timeout(void **state) {
  (void)state;
  f.result = VK_TIMEOUT;
  f.failures = 1;
  vkWaitForFences = fake_wait;
  assert_lost("did not finish a submission within");
  assert_true(f.device->hung);
  device_close(f.device); // frees nothing: what hangs may still be read
  assert_non_null(f.device->handle);
}

static void test_lost(void **state) {
  (void)state;
  f.result = VK_ERROR_DEVICE_LOST;
  f.failures = 1;
  vkWaitForFences = fake_wait;
  assert_lost("VK_ERROR_DEVICE_LOST");
}

static void test_lost_at_submission(void **state) {
  (void)state;
  f.result = VK_ERROR_DEVICE_LOST;
  vkQueueSubmit = fake_submit;
  assert_lost("VK_ERROR_DEVICE_LOST");
}

static void test_missing_number(void **state) {
  (void)state;
  vkQueueSubmit = fake_submit_part;
  assert_lost("the last command of a slice did not run");
}

static void test_other_failure(void **state) {
  (void)state;
  err e = {0};
  f.result = VK_ERROR_OUT_OF_HOST_MEMORY;
  vkQueueSubmit = fake_submit;
  assert_false(gpu_run(f.device, &f.recording, 1, &e));
  assert_non_null(strstr(e.message, "vkQueueSubmit: out of host memory"));
  assert_non_null(strstr(e.message, "submit.c:")); // the place
  vkQueueSubmit = f.submit;
  e = (err){0};
  if (!gpu_run(f.device, &f.recording, 1, &e)) fail_msg("%s", e.message); // not lost
}

static void test_out_of_memory(void **state) {
  (void)state;
  err e = {0};
  gpu_slice s;
  uint64_t before = heap_bytes(f.heap);
  f.result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  f.failures = 2;
  vkAllocateMemory = fake_allocate;
  assert_false(heap_alloc(f.heap, 3 << 20, &s, &e));
  assert_non_null(strstr(e.message, "3.0 MiB more for weights"));
  assert_non_null(strstr(e.message, device_snapshot(f.device)->name));
  assert_non_null(strstr(e.message, "--max-length"));
  assert_int_equal(heap_bytes(f.heap), before);
  f.failures = 1; // a roomy chunk does not fit, one of just that size does
  uint64_t bytes = 256 * 5;
  gpu_heap *h = heap_new(f.device, "small", GPU_MEMORY_DEVICE);
  e = (err){0};
  if (!heap_alloc(h, bytes, &s, &e)) fail_msg("%s", e.message);
  assert_int_equal(heap_bytes(h), bytes);
  gpu_heap *host = heap_new(f.device, "ring", GPU_MEMORY_STAGING);
  f.failures = 2;
  e = (err){0};
  assert_false(heap_alloc(host, 1000, &s, &e));
  assert_non_null(strstr(e.message, "host-visible memory"));
}

static void test_pipeline(void **state) {
  (void)state;
  err e = {0}, again = {0};
  f.result = VK_ERROR_INITIALIZATION_FAILED;
  f.failures = 1;
  vkCreateComputePipelines = fake_pipelines;
  assert_null(kernel_get(f.device, "check_sum", &(uint32_t){64}, 1, &e));
  assert_non_null(strstr(e.message, "shader check_sum: vkCreateComputePipelines: initialization failed"));
  assert_non_null(kernel_get(f.device, "check_sum", &(uint32_t){64}, 1, &again));
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
  const struct CMUnitTest tests[] = {CASE(test_timeout),        CASE(test_lost),          CASE(test_lost_at_submission),
                                     CASE(test_missing_number), CASE(test_other_failure), CASE(test_out_of_memory),
                                     CASE(test_pipeline)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
