// Recordings on a live device: dispatches, copies, fills, barriers, cuts, and that running again gives the same again.
#include "support/device_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int new_heap(void **state) {
  device_fixture *f = *state;
  f->heap = heap_new(f->device, "test", GPU_MEMORY_DEVICE);
  return 0;
}

static int free_heap(void **state) {
  device_fixture *f = *state;
  heap_free(f->heap);
  return 0;
}

static gpu_slice allocate(device_fixture *f, uint64_t bytes) {
  gpu_slice s;
  err e = {0};
  test_ok(heap_alloc(f->heap, bytes, &s, &e), &e);
  assert_int_equal(s.offset % device_plan(f->device)->storage_align, 0);
  return s;
}

static void run(device_fixture *f, gpu_recording *r) {
  err e = {0};
  test_ok(gpu_run(f->device, &r, 1, &e), &e);
}

static gpu_kernel *kernel(device_fixture *f, const char *name, uint32_t n_spec, const uint32_t *spec) {
  err e = {0};
  gpu_kernel *k = kernel_get(f->device, name, spec, n_spec, &e);
  test_ok(k, &e);
  return k;
}

static void test_upload_download(void **state) {
  device_fixture *f = *state;
  enum { N = 9 * 1024 * 1024 + 3 }; // more than one staging piece, no multiple of four
  char *out = malloc(N), *in = malloc(N);
  for (size_t i = 0; i < N; i++) out[i] = (char)(i * 2654435761u >> 13);
  gpu_slice s = allocate(f, N), small = allocate(f, 8);
  err e = {0};
  test_ok(gpu_download(f->device, s, in, N, &e), &e);
  for (size_t i = 0; i < N; i++) assert_int_equal(in[i], 0); // new memory is zero
  test_ok(gpu_upload(f->device, s, out, N, &e), &e);
  test_ok(gpu_download(f->device, s, in, N, &e), &e);
  assert_memory_equal(out, in, N);
  test_ok(gpu_download(f->device, gpu_sub(s, 5, 7), in, 7, &e), &e);
  assert_memory_equal(out + 5, in, 7);
  test_ok(gpu_download(f->device, small, in, 8, &e), &e);
  assert_memory_equal(in, "\0\0\0\0\0\0\0\0", 8);
  free(in), free(out);
}

// y starts at 2 (fill), gets `rounds` times arith added with a barrier between.
static void test_chain(void **state) {
  device_fixture *f = *state;
  enum { N = 1000, ROUNDS = 100 };
  float a[N], b[N], y[N];
  for (int i = 0; i < N; i++) a[i] = (float)(i - 500) / 250, b[i] = 1 + (float)(i % 7);
  gpu_slice s[3] = {allocate(f, sizeof a), allocate(f, sizeof b), allocate(f, sizeof y)};
  err e = {0};
  test_ok(gpu_upload(f->device, s[0], a, sizeof a, &e) && gpu_upload(f->device, s[1], b, sizeof b, &e), &e);
  gpu_recording *r = recording_new(f->device, "chain");
  struct check_params p = {.n = N - 1, .scale = 0.5f};
  uint32_t two;
  memcpy(&two, &(float){2}, 4);
  recording_fill(r, s[2], two);
  for (int i = 0; i < ROUNDS; i++) {
    recording_barrier(r);
    gpu_kernel *k = kernel(f, "check_arith", 1, &(uint32_t){i % 2 ? 32 : 128});
    uint32_t local = kernel_get_info(k)->local_size[0];
    test_ok(recording_dispatch(r, k, s, 3, &p, sizeof p, (uint32_t[]){(N + local - 1) / local, 1, 1}, &e), &e);
    test_ok(recording_dispatch(r, k, s, 3, &p, sizeof p, (uint32_t[]){0, 1, 1}, &e), &e);
    recording_cut(r);
  }
  test_ok(recording_end(r, &e), &e);
  for (int times = 0; times < 5; times++) { // first singly, then in slices
    run(f, r);
    test_ok(gpu_download(f->device, s[2], y, sizeof y, &e), &e);
    for (int i = 0; i < N; i++) {
      double x = a[i], want = 2 + (i < N - 1 ? ROUNDS * 0.5 * (exp(-x * x) + sqrt(fabs(x)) * b[i] - x / b[i]) : 0);
      if (!(fabs(y[i] - want) <= 1e-3 * fmax(1, fabs(want)))) fail_msg("y[%d] = %g, expected %g", i, y[i], want);
    }
  }
  recording_free(r);
}

// Copies and sums across two recordings in one run; the second reads what the first wrote, without barriers of its own.
static void test_two_recordings(void **state) {
  device_fixture *f = *state;
  enum { GROUPS = 37, THREADS = 64, N = GROUPS * THREADS - 5 };
  float x[N], sums[GROUPS];
  for (int i = 0; i < N; i++) x[i] = (float)(i % 11);
  gpu_slice from = allocate(f, sizeof x), middle = allocate(f, sizeof x), to = allocate(f, sizeof sums);
  gpu_heap *host = heap_new(f->device, "host", GPU_MEMORY_STAGING);
  gpu_slice result;
  err e = {0};
  test_ok(heap_alloc(host, sizeof sums, &result, &e), &e);
  struct check_params p = {.n = N};
  gpu_recording *r[2] = {recording_new(f->device, "copy"), recording_new(f->device, "sum")};
  test_ok(recording_dispatch(r[0], kernel(f, "check_copy", 0, NULL), (gpu_slice[]){from, middle}, 2, &p, sizeof p,
                             (uint32_t[]){(N / 4 + 64) / 64, 1, 1}, &e),
          &e);
  test_ok(recording_dispatch(r[1], kernel(f, "check_sum", 1, &(uint32_t){THREADS}), (gpu_slice[]){middle, to}, 2, &p, sizeof p,
                             (uint32_t[]){GROUPS, 1, 1}, &e),
          &e);
  recording_barrier(r[1]);
  recording_copy(r[1], to, result, sizeof sums);
  test_ok(recording_end(r[0], &e) && recording_end(r[1], &e), &e);
  for (int times = 1; times <= 3; times++) {
    float scaled[N];
    for (int i = 0; i < N; i++) scaled[i] = x[i] * (float)times;
    test_ok(gpu_upload(f->device, from, scaled, sizeof scaled, &e), &e);
    gpu_recording *thrice[] = {r[0], r[1], r[0], r[1], r[1]};
    test_ok(gpu_run(f->device, thrice, 5, &e), &e);
    const float *got = gpu_map(result);
    for (int g = 0; g < GROUPS; g++) {
      float want = 0;
      for (int i = g * THREADS; i < N && i < (g + 1) * THREADS; i++) want += scaled[i];
      assert_true(got[g] == want);
    }
  }
  recording_free(r[0]);
  recording_free(r[1]);
  heap_free(host);
}

static void test_empty(void **state) {
  device_fixture *f = *state;
  gpu_recording *r = recording_new(f->device, "empty");
  err e = {0};
  test_ok(recording_end(r, &e), &e);
  run(f, r);
  recording_free(r);
  test_ok(gpu_run(f->device, NULL, 0, &e), &e);
}

static void test_kernel_twice(void **state) {
  device_fixture *f = *state;
  gpu_kernel *k = kernel(f, "check_half", 2, (uint32_t[]){32, 1});
  assert_ptr_equal(k, kernel(f, "check_half", 2, (uint32_t[]){32, 1}));
  assert_ptr_not_equal(k, kernel(f, "check_half", 2, (uint32_t[]){32, 0}));
  assert_ptr_not_equal(k, kernel(f, "check_half", 1, (uint32_t[]){32}));
  assert_int_equal(kernel_get_info(k)->local_size[0], 32);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, new_heap, free_heap)
  const struct CMUnitTest tests[] = {CASE(test_upload_download), CASE(test_chain), CASE(test_two_recordings), CASE(test_empty),
                                     CASE(test_kernel_twice)};
  // As the device is; on the floor; every part a slice of its own; all in one slice.
  const char *const profiles[] = {NULL, "floor", "slice_seconds=1e-9,storage_align=256", "slice_seconds=1000"};
  return device_fixture_run(tests, profiles, device_fixture_open, device_fixture_close);
}
