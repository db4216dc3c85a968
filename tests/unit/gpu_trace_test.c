// Timestamps of commands, the trace that they and the host's times make, and medians of runs.
#define _GNU_SOURCE
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "check.h"
#include "gpu/gpu.h"

enum { N = 4096, COMMANDS = 100 };

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  gpu_slice from, to;
} fixture;

static void assert_ok(bool ok, const err *e) {
  if (!ok) fail_msg("%s", e->message);
}

static int setup(void **state) {
  static fixture f;
  err e = {0};
  f.memory = arena_new("test");
  if (!device_open(f.memory, NULL, &f.device, &e)) {
    print_message("%s\n", e.message);
    return -1;
  }
  f.heap = heap_new(f.device, "test", GPU_MEMORY_DEVICE);
  *state = &f;
  return heap_alloc(f.heap, N * 4, &f.from, &e) && heap_alloc(f.heap, N * 4, &f.to, &e) ? 0 : -1;
}

static int teardown(void **state) {
  fixture *f = *state;
  device_close(f->device);
  uint32_t messages = device_validation_messages(f->device);
  arena_free(f->memory);
  return messages ? -1 : 0;
}

// Copies by a kernel and by the device, in turn: COMMANDS of them, labelled by their number.
static gpu_recording *record(const fixture *f, const char *name, bool timed) {
  err e = {0};
  gpu_recording *r = recording_new(f->device, name);
  if (timed) recording_time(r);
  gpu_kernel *k = kernel_get(f->device, "check_copy", NULL, 0, &e);
  assert_ok(k, &e);
  const struct check_params p = {.n = N};
  for (uint32_t i = 0; i < COMMANDS; i++) {
    recording_set_label(r, &(recording_label){.op = i % 2 ? "odd" : "even", .tensor = "t", .node = i});
    recording_barrier(r);
    if (i % 2) recording_copy(r, f->from, f->to, N * 4);
    else assert_ok(recording_dispatch(r, k, (gpu_slice[]){f->from, f->to}, 2, &p, sizeof p, (uint32_t[]){N / 256, 1, 1}, &e), &e);
    recording_cut(r);
  }
  assert_ok(recording_end(r, &e), &e);
  return r;
}

static void check_commands(const gpu_trace *t, uint64_t runs) {
  uint64_t n = 0;
  double submit = 0, submitted = 0, wait_end = 0, last = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    const trace_span *s = &t->spans[i];
    assert_true(s->begin <= s->end);
    if (s->kind == TRACE_SUBMIT) {
      assert_true(s->begin >= wait_end); // slices follow one another
      submit = s->begin, submitted = s->end;
    } else if (s->kind == TRACE_WAIT) {
      assert_true(s->begin == submitted);
      wait_end = s->end;
    } else {
      assert_true(s->begin >= submit && s->end <= wait_end);
      assert_true(s->begin >= last - 1e-6); // in order, after those before it
      last = s->end;
      assert_int_equal(s->label.node, n % COMMANDS);
      assert_string_equal(s->label.op, n % 2 ? "odd" : "even");
      assert_string_equal(s->command, n % 2 ? "copy" : "check_copy");
      assert_string_equal(s->recording, "timed");
      n++;
    }
  }
  assert_int_equal(n, runs * COMMANDS);
}

static void test_trace(void **state) {
  fixture *f = *state;
  if (!device_has_timestamps(f->device)) skip();
  uint32_t want[N], got[N];
  for (uint32_t i = 0; i < N; i++) want[i] = i * 2654435761u;
  err e = {0};
  assert_ok(gpu_upload(f->device, f->from, want, sizeof want, &e), &e);
  gpu_recording *r = record(f, "timed", true), *plain = record(f, "plain", false);
  gpu_trace t = {.memory = f->memory};
  assert_ok(gpu_run(f->device, &r, 1, &e), &e); // nobody asks yet
  const double begin = clock_seconds();
  device_trace(f->device, &t);
  assert_ok(gpu_run(f->device, (gpu_recording *[]){r, plain, r}, 3, &e), &e);
  device_trace(f->device, NULL);
  const double end = clock_seconds();
  const uint64_t n = t.n;
  assert_ok(gpu_run(f->device, &r, 1, &e), &e); // nor any more
  assert_int_equal(t.n, n);
  trace_finish(&t);
  check_commands(&t, 2);
  assert_true(t.spans[0].begin >= begin && t.spans[t.n - 1].end <= end);
  assert_ok(gpu_download(f->device, f->to, got, sizeof got, &e), &e);
  assert_memory_equal(want, got, sizeof want);
  recording_free(r), recording_free(plain);
}

static void test_measure(void **state) {
  fixture *f = *state;
  for (int timed = 0; timed < 2; timed++) {
    gpu_recording *r = record(f, "measured", timed);
    measured m;
    err e = {0};
    const double begin = clock_seconds();
    assert_ok(measure_run(f->device, &r, 1, 0, &m, &e), &e);
    assert_int_equal(m.runs, 3);
    assert_true(m.seconds > 0 && m.seconds < clock_seconds() - begin);
    recording_free(r);
  }
}

static void test_median(void **state) {
  (void)state;
  double odd[] = {5, 1, 9}, even[] = {4, 8, 1, 2}, one[] = {7};
  assert_true(measure_median(odd, 3) == 5 && measure_median(even, 4) == 3 && measure_median(one, 1) == 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_trace), cmocka_unit_test(test_measure), cmocka_unit_test(test_median)};
  // As the device is; every part a slice of its own; all in one slice.
  const char *const profiles[] = {NULL, "slice_seconds=1e-9", "slice_seconds=1000"};
  const char *outer = getenv("VKIFT_DEVICE_PROFILE");
  int failed = 0;
  for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
    if (i && outer) break;
    if (profiles[i]) setenv("VKIFT_DEVICE_PROFILE", profiles[i], true);
    failed += cmocka_run_group_tests_name(profiles[i] ? profiles[i] : "the device itself", tests, setup, teardown);
  }
  return failed;
}
