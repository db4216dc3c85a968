// A device's peaks, as far as kernels reach them: what others are compared with. Each is the best of a few forms.
#include "peak_params.h"

#include "bench/bench.h"

enum {
  FMA_INVOCATIONS = 1 << 16,
  COPY_BYTES = 64 << 20,
  MOST_ROUNDS = 1 << 20,
  UNROLL = 8, // as in peak_fma.comp
};
static const double LEAST_SECONDS = 4e-3; // of one run: long against starting it

// A recording of one dispatch, or with k NULL of a copy of slices[0] to slices[1]. Always two slices.
static bool record_one(const bench *b, gpu_kernel *k, const gpu_slice slices[2], const void *push, uint32_t push_bytes,
                       const uint32_t groups[3], gpu_recording **r, err *e) {
  *r = recording_new(b->device, "peak");
  recording_time(*r);
  bool ok = true;
  if (k) ok = recording_dispatch(*r, k, slices, 2, push, push_bytes, groups, e);
  else recording_copy(*r, slices[0], slices[1], slices[0].bytes);
  ok = ok && recording_end(*r, e);
  if (!ok) recording_free(*r), *r = NULL;
  return ok;
}

static bool run_fma(const bench *b, gpu_kernel *k, gpu_slice out, uint32_t threads, uint32_t rounds, double seconds, measured *m,
                    err *e) {
  const struct peak_fma_params p = {.rounds = rounds, .a = 0.999f, .b = 0.001f};
  gpu_recording *r;
  TRY(record_one(b, k, (gpu_slice[]){out, out}, &p, sizeof p, (uint32_t[]){FMA_INVOCATIONS / threads, 1, 1}, &r, e));
  const bool ok = measure_run(b->device, &r, 1, seconds, m, e);
  recording_free(r);
  return ok;
}

// Few chains hide too little latency, many do not fit into the registers; which is best is the device's business.
static bool measure_flops(bench *b, gpu_heap *h, err *e) {
  static const uint32_t forms[][3] = {{64, 2, 1}, {64, 3, 1}, {64, 4, 1}, {256, 4, 1}, {256, 8, 1}, {64, 4, 0}, {256, 8, 0}};
  gpu_slice out;
  measured best = {0};
  char variant[48] = "";
  TRY(heap_alloc(h, FMA_INVOCATIONS * 16, &out, e));
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    measured m;
    uint32_t rounds = 2;
    gpu_kernel *k = kernel_get(b->device, "peak_fma", forms[i], 3, e);
    TRY(k && run_fma(b, k, out, forms[i][0], rounds, 0, &m, e));
    while (m.seconds < LEAST_SECONDS && rounds < MOST_ROUNDS) TRY(run_fma(b, k, out, forms[i][0], rounds *= 2, 0, &m, e));
    TRY(run_fma(b, k, out, forms[i][0], rounds, b->options->seconds / 4, &m, e));
    const double flops = 8.0 * forms[i][1] * UNROLL * rounds * FMA_INVOCATIONS / m.seconds;
    if (flops <= b->peak.flops) continue;
    b->peak.flops = flops;
    best = m;
    snprintf(variant, sizeof variant, "peak_fma %u,%u,%u", forms[i][0], forms[i][1], forms[i][2]);
  }
  bench_report(b, "peak_flops", "f32", variant, b->peak.flops * best.seconds, 0, &best);
  return true;
}

static uint64_t copy_bytes(const bench *b) {
  const gpu_plan *p = device_plan(b->device);
  uint64_t bytes = COPY_BYTES;
  while (bytes > p->max_binding_bytes || 2 * bytes > p->max_chunk_bytes) bytes /= 2;
  return bytes;
}

static bool measure_bytes(bench *b, gpu_heap *h, err *e) {
  const uint64_t bytes = copy_bytes(b);
  const struct peak_copy_params p = {.n = (uint32_t)(bytes / 16)};
  gpu_slice slices[2];
  measured best = {0};
  const char *variant = "";
  TRY(heap_alloc(h, bytes, &slices[0], e) && heap_alloc(h, bytes, &slices[1], e));
  static const uint32_t threads[] = {64, 256, 0}; // 0: the device's own copy
  static const char *const variants[] = {"peak_copy 64", "peak_copy 256", "copy"};
  for (int i = 0; i < 3; i++) {
    gpu_recording *r;
    measured m;
    gpu_kernel *k = threads[i] ? kernel_get(b->device, "peak_copy", &threads[i], 1, e) : NULL;
    const uint32_t groups = threads[i] ? p.n / threads[i] : 0, y = groups / 32768 + 1; // a power of two, or few
    TRY(k || !threads[i]);
    TRY(record_one(b, k, slices, &p, sizeof p, (uint32_t[]){groups / y + 1, y, 1}, &r, e));
    const bool ok = measure_run(b->device, &r, 1, b->options->seconds / 4, &m, e);
    recording_free(r);
    TRY(ok);
    const double rate = 2 * (double)bytes / m.seconds;
    if (rate <= b->peak.bytes) continue;
    b->peak.bytes = rate;
    best = m;
    variant = variants[i];
  }
  char shape[32];
  snprintf(shape, sizeof shape, "%llu MiB", (unsigned long long)(bytes >> 20));
  bench_report(b, "peak_bandwidth", shape, variant, 0, b->peak.bytes * best.seconds, &best);
  return true;
}

bool peak_measure(bench *b, err *e) {
  gpu_heap *h = heap_new(b->device, "peak", GPU_MEMORY_DEVICE);
  const bool ok = measure_flops(b, h, e) && measure_bytes(b, h, e);
  heap_free(h);
  return ok;
}

// --- between host and device -----------------------------------------------------------------------------------------

bool copies_measure(bench *b, err *e) {
  const uint64_t bytes = copy_bytes(b) / 4;
  char shape[32];
  snprintf(shape, sizeof shape, "%llu MiB", (unsigned long long)(bytes >> 20));
  if (!bench_wants(b, "upload", shape) && !bench_wants(b, "download", shape)) return true;
  arena *a = arena_new("copies");
  gpu_heap *h = heap_new(b->device, "copies", GPU_MEMORY_DEVICE);
  void *host = arena_alloc(a, bytes);
  gpu_slice s;
  bool ok = heap_alloc(h, bytes, &s, e);
  for (int down = 0; ok && down < 2; down++) {
    measured m;
    ok = measure_transfer(b->device, s, host, bytes, down, b->options->seconds / 2, &m, e);
    if (ok) bench_report(b, down ? "download" : "upload", shape, "copy", 0, (double)bytes, &m);
  }
  heap_free(h);
  arena_free(a);
  return ok;
}
