// attention_bench [ROWS]: speed of attention at SmolLM2-135M's shape (9 query heads, 3 key heads, heads of 64) on the device
// that VKIFT_DEVICE names: ROWS tokens (2048) as examples of 150 tokens and as one example. Only pairs of query and key that
// are seen count: 4 · head_dim operations each forward, 6 for dq and 8 for dk and dv; "all" counts 14, since a backward in
// one pass would do with 10. "core" counts the process's CPU time instead of the clock's.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/rng.h"
#include "ops/ops.h"

enum { RUNS = 5, HEADS = 9, KV_HEADS = 3, DIM = 64, EXAMPLE = 150, PASSES = 3 };

typedef struct bench {
  gpu_device *device;
  uint32_t rows, example; // tokens of the row, and of each example in it
} bench;

typedef struct times {
  double first, wall, cpu; // seconds: of the first run; the best of the others
} times;

static double cpu_seconds(void) {
  return (double)clock() / CLOCKS_PER_SEC;
}

// Pairs of query and key that are seen.
static double pairs(const bench *b) {
  double n = 0;
  for (uint32_t i = 0; i < b->rows; i++) n += i % b->example + 1;
  return n;
}

static bool make(const bench *b, arena *a, gpu_heap *h, dtype type, uint32_t width, const void *data, tensor **t, err *e) {
  *t = tensor_persistent(a, "operand", type, LIVE_TOKENS, 2, (uint32_t[]){b->rows, width});
  return heap_alloc(h, tensor_bytes(*t), &(*t)->memory, e) && gpu_upload(b->device, (*t)->memory, data, tensor_bytes(*t), e);
}

static bool random_rows(const bench *b, arena *a, gpu_heap *h, uint32_t width, tensor **t, err *e) {
  rng random = rng_new(width, RNG_TEST);
  float *v = ARENA_ARRAY(a, float, (uint64_t)b->rows *width);
  for (uint64_t i = 0; i < (uint64_t)b->rows * width; i++) v[i] = (float)rng_normal(&random);
  return make(b, a, h, DTYPE_F32, width, v, t, e);
}

static bool causal_ranges(const bench *b, arena *a, gpu_heap *h, tensor **t, err *e) {
  uint32_t *v = ARENA_ARRAY(a, uint32_t, 4 * (uint64_t)b->rows);
  for (uint32_t n = 0; n < b->rows; n++) {
    const uint32_t begin = n / b->example * b->example, end = begin + b->example < b->rows ? begin + b->example : b->rows;
    v[4 * n] = begin, v[4 * n + 1] = n + 1, v[4 * n + 2] = n, v[4 * n + 3] = end;
  }
  return make(b, a, h, DTYPE_I32, 4, v, t, e);
}

static bool run_graph(const bench *b, graph *g, gpu_heap *h, times *best, err *e) {
  gpu_recording *r = recording_new(b->device, "attention");
  graph_memory memory = {0};
  bool ok = false;
  graph_plan_within(g, device_plan(b->device));
  graph_memory_add(&memory, g);
  TRY_OR(graph_memory_allocate(&memory, h, e), done);
  graph_bind_memory(g, &memory);
  TRY_OR(graph_record(g, b->device, r, e) && recording_end(r, e), done);
  for (int run = 0; run <= RUNS; run++) {
    const double start = clock_seconds(), cpu_start = cpu_seconds();
    TRY_OR(gpu_run(b->device, &r, 1, e), done);
    const double wall = clock_seconds() - start, cpu = cpu_seconds() - cpu_start;
    if (run == 0) best->first = wall;
    if (run == 1 || (run > 1 && wall < best->wall)) best->wall = wall;
    if (run == 1 || (run > 1 && cpu < best->cpu)) best->cpu = cpu;
  }
  ok = true;
done:
  recording_free(r);
  return ok;
}

// pass 0: forward; 1: forward and dq; 2: forward, dk and dv.
static bool measure(const bench *b, int pass, times *best, err *e) {
  arena *a = arena_new("attention");
  gpu_heap *h = heap_new(b->device, "attention", GPU_MEMORY_DEVICE);
  tensor *q, *k, *v, *ranges, *upstream,
      *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  const uint32_t live[4] = {b->rows, b->rows, b->rows, 0};
  bool ok = false;
  TRY_OR(heap_alloc(h, sizeof live, &counts->memory, e) && gpu_upload(b->device, counts->memory, live, sizeof live, e), done);
  TRY_OR(random_rows(b, a, h, HEADS * DIM, &q, e) && random_rows(b, a, h, KV_HEADS * DIM, &k, e), done);
  TRY_OR(random_rows(b, a, h, KV_HEADS * DIM, &v, e) && random_rows(b, a, h, HEADS * DIM, &upstream, e), done);
  TRY_OR(causal_ranges(b, a, h, &ranges, e), done);
  q->needs_grad = pass == 1;
  k->needs_grad = v->needs_grad = pass == 2;
  graph *g = graph_new(a, "attention", counts);
  tensor *o = op_attention(g, q, k, v, ranges, &(attention_shape){HEADS, KV_HEADS, DIM, 0.125f});
  o->keep = true;
  if (pass) graph_backward(g, o, upstream, (graph_recompute){0});
  tensor *of[] = {q, k, v};
  for (int i = 0; i < 3; i++)
    if (of[i]->needs_grad) graph_gradient(g, of[i])->keep = true;
  ok = run_graph(b, g, h, best, e);
done:
  heap_free(h);
  arena_free(a);
  return ok;
}

static bool bench_row(const bench *b, err *e) {
  static const char *const names[PASSES] = {"o", "dq", "dk, dv"};
  static const double operations[PASSES] = {4, 6, 8};
  times t[PASSES] = {{0}};
  double total = 0;
  for (int pass = 0; pass < PASSES; pass++) {
    TRY(measure(b, pass, &t[pass], e));
    const double gflop = 1e-9 * operations[pass] * DIM * HEADS * pairs(b);
    const double wall = t[pass].wall - (pass ? t[0].wall : 0), cpu = t[pass].cpu - (pass ? t[0].cpu : 0);
    printf("%-7s %8u %9.2f %8.2f %9.2f %8.2f\n", names[pass], b->example, gflop / wall, gflop / cpu, cpu * 1e3, t[pass].first);
    total += cpu;
  }
  printf("%-7s %8u %9s %8.2f %9.2f\n", "all", b->example, "", 14e-9 * DIM * HEADS * pairs(b) / total, total * 1e3);
  fflush(stdout);
  return true;
}

int main(int argc, char **argv) {
  bench b = {.rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2048};
  if (!b.rows || b.rows > 65536) return fprintf(stderr, "attention_bench: ROWS is from 1 to 65536\n"), 2;
  arena *a = arena_new("device");
  err e = {0};
  bool ok = device_open(a, getenv("VKIFT_DEVICE"), &b.device, &e);
  if (ok)
    printf("%s, %u rows\nresult   example   GFLOP/s     core    cpu ms  first s\n", device_snapshot(b.device)->name, b.rows);
  const uint32_t examples[] = {EXAMPLE, b.rows};
  for (int i = 0; i < 2 && ok; i++) {
    b.example = examples[i];
    ok = bench_row(&b, &e);
  }
  if (!ok) fprintf(stderr, "attention_bench: %s\n", e.message);
  device_close(b.device);
  arena_free(a);
  return !ok;
}
