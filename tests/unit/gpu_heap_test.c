// Heaps on a live device whose allocations are limited to 1 MiB each.
#define _GNU_SOURCE
#include "support/device_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "gpu/internal.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static int setup(void **state) {
  const char *outer = getenv("VKIFT_DEVICE_PROFILE");
  text profile = {0};
  text_printf(&profile, "%s,max_chunk_bytes=1048576", outer ? outer : "");
  setenv("VKIFT_DEVICE_PROFILE", profile.data, true);
  text_free(&profile);
  return device_fixture_open(state);
}

static gpu_slice allocate(gpu_heap *h, uint64_t bytes) {
  gpu_slice s;
  err e = {0};
  if (!heap_alloc(h, bytes, &s, &e)) fail_msg("%s", e.message);
  assert_non_null(s.buffer);
  assert_int_equal(s.bytes, bytes);
  assert_int_equal(s.offset % 256, 0);
  return s;
}

static void test_chunks(void **state) {
  device_fixture *f = *state;
  uint64_t before = device_bytes(f->device);
  gpu_heap *h = heap_new(f->device, "weights", GPU_MEMORY_DEVICE);
  assert_int_equal(heap_bytes(h), 0);
  assert_int_equal(device_bytes(f->device), before);
  gpu_slice a = allocate(h, 600 * KIB), b = allocate(h, 600 * KIB), c = allocate(h, 300 * KIB + 1), d = allocate(h, MIB);
  assert_ptr_not_equal(a.buffer, b.buffer);                  // no slice spans chunks
  assert_true(c.buffer == a.buffer || c.buffer == b.buffer); // what is left of a chunk is used
  assert_int_equal(d.offset, 0);
  assert_int_equal(heap_bytes(h), 3 * MIB);
  assert_int_equal(device_bytes(f->device), before + 3 * MIB);
  heap_free(h);
  assert_int_equal(device_bytes(f->device), before);
}

static void test_distinct(void **state) {
  device_fixture *f = *state;
  gpu_heap *h = heap_new(f->device, "small", GPU_MEMORY_DEVICE);
  enum { N = 50 };
  gpu_slice s[N];
  uint8_t data[777], back[777], zero[777] = {0};
  err e = {0};
  for (int i = 0; i < N; i++) s[i] = allocate(h, (uint64_t)(i * 13 + 1));
  for (int i = 0; i < N; i++) {
    assert_true(gpu_download(f->device, s[i], back, s[i].bytes, &e));
    assert_memory_equal(back, zero, s[i].bytes);
    memset(data, i + 1, sizeof data);
    assert_true(gpu_upload(f->device, s[i], data, s[i].bytes, &e));
  }
  for (int i = 0; i < N; i++) {
    assert_true(gpu_download(f->device, s[i], back, s[i].bytes, &e));
    memset(data, i + 1, sizeof data);
    assert_memory_equal(back, data, s[i].bytes);
  }
  heap_free(h);
}

// What lies in a chunk beside unfilled memory is zeroed when it is asked for.
static void test_unfilled(void **state) {
  device_fixture *f = *state;
  gpu_heap *h = heap_new(f->device, "activations", GPU_MEMORY_DEVICE);
  gpu_slice a;
  err e = {0};
  static uint8_t dirt[MIB], back[3000], zero[3000];
  assert_true(heap_alloc_unfilled(h, 100 * KIB, &a, &e));
  memset(dirt, 0xff, sizeof dirt);
  const gpu_slice all = {.buffer = a.buffer, .bytes = a.buffer->bytes};
  assert_true(gpu_upload(f->device, all, dirt, all.bytes, &e));
  const gpu_slice b = allocate(h, 2999), c = allocate(h, 1);
  assert_ptr_equal(b.buffer, a.buffer);
  assert_true(gpu_download(f->device, b, back, b.bytes, &e));
  assert_memory_equal(back, zero, b.bytes);
  assert_true(gpu_download(f->device, c, back, c.bytes, &e));
  assert_memory_equal(back, zero, c.bytes);
  assert_true(gpu_download(f->device, gpu_sub(a, 100 * KIB - 3000, 3000), back, 3000, &e));
  assert_memory_equal(back, dirt, 3000); // and that beside it is not touched
  heap_free(h);
}

static void test_too_large(void **state) {
  device_fixture *f = *state;
  gpu_heap *h = heap_new(f->device, "activations", GPU_MEMORY_DEVICE);
  const uint64_t sizes[] = {MIB + 1, 1ull << 40, UINT64_MAX - 3, UINT64_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    gpu_slice s;
    err e = {0};
    assert_false(heap_alloc(h, sizes[i], &s, &e));
    assert_non_null(strstr(e.message, "activations"));
    assert_non_null(strstr(e.message, "1.0 MiB in one allocation"));
    assert_null(s.buffer);
  }
  assert_int_equal(heap_bytes(h), 0);
  heap_free(h);
}

static void test_staging(void **state) {
  device_fixture *f = *state;
  uint64_t before = device_bytes(f->device);
  gpu_heap *h = heap_new(f->device, "host", GPU_MEMORY_STAGING);
  gpu_slice a = allocate(h, 1000), b = allocate(h, 1000), part = gpu_sub(b, 100, 4);
  memset(gpu_map(a), 1, 1000);
  memset(gpu_map(b), 2, 1000);
  assert_int_equal(((uint8_t *)gpu_map(a))[999], 1);
  assert_ptr_equal(gpu_map(part), (char *)gpu_map(b) + 100);
  assert_int_equal(device_bytes(f->device), before); // host memory is not counted
  gpu_slice none;
  assert_true(heap_alloc(h, 0, &none, NULL));
  assert_null(none.buffer);
  heap_free(h);
}

// What a heap without a device counts, the device's allocates: chunk for chunk, with nothing left over.
static void test_counted(void **state) {
  device_fixture *f = *state;
  uint64_t counted_all = 0, roomy_all = 0;
  for (uint64_t seed = 0; seed < 30; seed++) {
    rng r = rng_new(seed, RNG_TEST);
    uint64_t sizes[40];
    const uint32_t n = 1 + rng_below(&r, 40);
    for (uint32_t i = 0; i < n; i++) sizes[i] = 1 + rng_below(&r, rng_below(&r, 3) ? 40 * KIB : MIB);
    gpu_heap *counted = heap_new_counting(device_plan(f->device), "counted"), *h = heap_new(f->device, "made", GPU_MEMORY_DEVICE),
             *roomy = heap_new(f->device, "not told", GPU_MEMORY_DEVICE);
    for (uint32_t i = 0; i < n; i++) {
      allocate(counted, sizes[i]);
      allocate(roomy, sizes[i]);
    }
    heap_expect(h, counted);
    const uint64_t before = device_bytes(f->device);
    for (uint32_t i = 0; i < n; i++) allocate(h, sizes[i]);
    assert_int_equal(heap_bytes(h), heap_bytes(counted));
    assert_int_equal(heap_used(h), heap_bytes(h));
    assert_int_equal(device_bytes(f->device) - before, heap_bytes(counted));
    counted_all += heap_bytes(counted);
    roomy_all += heap_bytes(roomy);
    allocate(h, 100); // what was not counted gets a chunk as ever
    assert_true(heap_bytes(h) > heap_bytes(counted));
    heap_free(counted);
    heap_free(h);
    heap_free(roomy);
  }
  assert_true(counted_all * 10 < roomy_all * 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_chunks),   cmocka_unit_test(test_distinct),
                                     cmocka_unit_test(test_unfilled), cmocka_unit_test(test_too_large),
                                     cmocka_unit_test(test_staging),  cmocka_unit_test(test_counted)};
  return cmocka_run_group_tests(tests, setup, device_fixture_close);
}
