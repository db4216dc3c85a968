// Timestamps of commands, the trace that they and the host's times make, and medians of runs.
#include "support/device_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "check.h"

enum { N = 4096, COMMANDS = 100 };

typedef struct fixture {
  device_fixture on; // the first member: closing takes it
  gpu_slice from, to;
} fixture;

static int setup(void **state) {
  static fixture f;
  err e = {0};
  if (device_fixture_open(state)) return -1;
  f = (fixture){.on = *(const device_fixture *)*state};
  *state = &f;
  f.on.heap = heap_new(f.on.device, "test", GPU_MEMORY_DEVICE);
  return heap_alloc(f.on.heap, N * 4, &f.from, &e) && heap_alloc(f.on.heap, N * 4, &f.to, &e) ? 0 : -1;
}

// Copies by a kernel and by the device, in turn: COMMANDS of them, labelled by their number.
static gpu_recording *record(const fixture *f, const char *name, bool timed) {
  err e = {0};
  gpu_recording *r = recording_new(f->on.device, name);
  if (timed) recording_time(r);
  gpu_kernel *k = kernel_get(f->on.device, "check_copy", NULL, 0, &e);
  test_ok(k, &e);
  const struct check_params p = {.n = N};
  for (uint32_t i = 0; i < COMMANDS; i++) {
    recording_set_label(r, &(recording_label){.op = i % 2 ? "odd" : "even", .tensor = "t", .node = i});
    recording_barrier(r);
    if (i % 2) recording_copy(r, f->from, f->to, N * 4);
    else test_ok(recording_dispatch(r, k, (gpu_slice[]){f->from, f->to}, 2, &p, sizeof p, (uint32_t[]){N / 256, 1, 1}, &e), &e);
    recording_cut(r);
  }
  test_ok(recording_end(r, &e), &e);
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
  if (!device_has_timestamps(f->on.device)) skip();
  uint32_t want[N], got[N];
  for (uint32_t i = 0; i < N; i++) want[i] = i * 2654435761u;
  err e = {0};
  test_ok(gpu_upload(f->on.device, f->from, want, sizeof want, &e), &e);
  gpu_recording *r = record(f, "timed", true), *plain = record(f, "plain", false);
  gpu_trace t = {.memory = f->on.memory};
  test_ok(gpu_run(f->on.device, &r, 1, &e), &e); // nobody asks yet
  const double begin = clock_seconds();
  device_trace(f->on.device, &t);
  test_ok(gpu_run(f->on.device, (gpu_recording *[]){r, plain, r}, 3, &e), &e);
  device_trace(f->on.device, NULL);
  const double end = clock_seconds();
  const uint64_t n = t.n;
  test_ok(gpu_run(f->on.device, &r, 1, &e), &e); // nor any more
  assert_int_equal(t.n, n);
  trace_finish(&t);
  check_commands(&t, 2);
  assert_true(t.spans[0].begin >= begin && t.spans[t.n - 1].end <= end);
  test_ok(gpu_download(f->on.device, f->to, got, sizeof got, &e), &e);
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
    test_ok(measure_run(f->on.device, &r, 1, 0, &m, &e), &e);
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
  return device_fixture_run(tests, profiles, setup, device_fixture_close);
}
