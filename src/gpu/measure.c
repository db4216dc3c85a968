// How long a run of recordings takes: the median of several, by the device's own clock where it has one.
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "gpu/internal.h"

enum { WARM_RUNS = 2, LEAST_RUNS = 3, MOST_RUNS = 1001 };

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double measure_median(double *values, uint32_t n) {
  REQUIRE(n, "a median of nothing");
  qsort(values, n, sizeof *values, by_value);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static bool all_timed(gpu_recording *const *recordings, uint32_t n) {
  bool timed = n > 0;
  for (uint32_t i = 0; i < n; i++) timed &= recordings[i]->timed;
  return timed;
}

static double commands_seconds(const gpu_trace *t) {
  double sum = 0;
  for (uint64_t i = 0; i < t->n; i++)
    if (t->spans[i].kind == TRACE_COMMAND) sum += t->spans[i].end - t->spans[i].begin;
  return sum;
}

// What is measured: recordings, or a transfer.
typedef struct job {
  gpu_device *device;
  gpu_recording *const *recordings;
  uint32_t n;
  gpu_trace *timed; // what the commands took on the device is asked for
  gpu_slice slice;
  void *host; // NULL: no transfer
  uint64_t bytes;
  bool down;
} job;

static bool run_job(const job *j, err *e) {
  if (!j->host) return gpu_run(j->device, j->recordings, j->n, e);
  return j->down ? gpu_download(j->device, j->slice, j->host, j->bytes, e)
                 : gpu_upload(j->device, j->slice, j->host, j->bytes, e);
}

static bool run_once(const job *j, double *seconds, double *cpu, err *e) {
  if (j->timed) j->timed->n = 0;
  device_trace(j->device, j->timed);
  const clock_t cpu_begin = clock();
  const double begin = clock_seconds();
  const bool ok = run_job(j, e);
  *seconds = clock_seconds() - begin;
  *cpu = (double)(clock() - cpu_begin) / CLOCKS_PER_SEC;
  device_trace(j->device, NULL);
  const double stamped = j->timed ? commands_seconds(j->timed) : 0;
  if (stamped > 0) *seconds = stamped; // a coarse device clock may see nothing
  return ok;
}

bool measure_once(gpu_device *d, gpu_recording *const *recordings, uint32_t n, measured *m, err *e) {
  arena *a = arena_new("measurement");
  gpu_trace trace = {.memory = a};
  const job j = {.device = d, .recordings = recordings, .n = n, .timed = all_timed(recordings, n) ? &trace : NULL};
  *m = (measured){.runs = 1};
  const bool ok = run_once(&j, &m->seconds, &m->cpu_seconds, e);
  arena_free(a);
  return ok;
}

static bool measure_job(const job *j, double seconds, measured *m, err *e) {
  arena *a = arena_new("measurement");
  double *wall = ARENA_ARRAY(a, double, MOST_RUNS), *cpu = ARENA_ARRAY(a, double, MOST_RUNS);
  bool ok = true;
  for (uint32_t i = 0; ok && i < WARM_RUNS; i++) ok = run_once(j, &wall[0], &cpu[0], e);
  const double until = clock_seconds() + seconds;
  *m = (measured){0};
  while (ok && m->runs < MOST_RUNS && (m->runs < LEAST_RUNS || clock_seconds() < until)) {
    ok = run_once(j, &wall[m->runs], &cpu[m->runs], e);
    m->runs++;
  }
  if (ok) m->seconds = measure_median(wall, m->runs), m->cpu_seconds = measure_median(cpu, m->runs);
  arena_free(a);
  return ok;
}

bool measure_run(gpu_device *d, gpu_recording *const *recordings, uint32_t n, double seconds, measured *m, err *e) {
  arena *a = arena_new("measurement");
  gpu_trace trace = {.memory = a};
  const job j = {.device = d, .recordings = recordings, .n = n, .timed = all_timed(recordings, n) ? &trace : NULL};
  const bool ok = measure_job(&j, seconds, m, e);
  arena_free(a);
  return ok;
}

bool measure_transfer(gpu_device *d, gpu_slice slice, void *host, uint64_t bytes, bool down, double seconds, measured *m,
                      err *e) {
  const job j = {.device = d, .slice = slice, .host = host, .bytes = bytes, .down = down};
  return measure_job(&j, seconds, m, e);
}
