// matmul_bench [ROWS]: speed of the matrix products at the shapes of a small language model (SmolLM2-135M: hidden 576,
// key-value 192, MLP 1536), for each family of kernels, on the device that VKIFT_DEVICE names. ROWS tokens (512).
// "first" is the first run: the driver's compiler is in it, unless the driver kept the result on disk. "core" counts the
// process's CPU time instead of the clock's: what one core does on a software driver, whatever else the machine does.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "ops/matmul.h"

enum { RUNS = 5 };

typedef struct bench {
  gpu_device *device;
  uint32_t rows;
} bench;

typedef struct times {
  double first, wall, cpu; // seconds: of the first run; the best of the others
} times;

typedef struct job {
  matmul m;
  matmul_variant variant;
} job;

static void job_record(recorder *r, const node *n) {
  const job *j = n->params;
  matmul_record_variant(r, &j->m, &j->variant);
}

static const op_desc job_op = {.name = "product", .updates = 1 << 2, .record = job_record};

static bool operand(arena *a, gpu_heap *h, dtype type, uint32_t rows, uint32_t cols, tensor **t, err *e) {
  *t = tensor_persistent(a, "operand", type, LIVE_ALL, 2, (uint32_t[]){rows, cols});
  return heap_alloc(h, tensor_bytes(*t), &(*t)->memory, e);
}

static double cpu_seconds(void) {
  return (double)clock() / CLOCKS_PER_SEC;
}

static bool measure(const bench *b, job j, dtype type, times *best, err *e) {
  const bool nt = j.m.product == MATMUL_NT, tn = j.m.product == MATMUL_TN;
  arena *a = arena_new("product");
  gpu_heap *h = heap_new(b->device, "product", GPU_MEMORY_DEVICE);
  gpu_recording *r = recording_new(b->device, "product");
  bool ok = false;
  tensor *in[3], *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){4});
  TRY_OR(heap_alloc(h, tensor_bytes(counts), &counts->memory, e), done);
  TRY_OR(operand(a, h, DTYPE_F32, tn ? j.m.depth : j.m.rows, tn ? j.m.rows : j.m.depth, &in[0], e), done);
  TRY_OR(operand(a, h, type, nt ? j.m.cols : j.m.depth, nt ? j.m.depth : j.m.cols, &in[1], e), done);
  TRY_OR(operand(a, h, DTYPE_F32, j.m.rows, j.m.cols, &in[2], e), done);
  j.m.a = BIND(in[0]), j.m.b = BIND(in[1]), j.m.out = BIND(in[2]);
  graph *g = graph_new(a, "product", counts);
  graph_node(g, &job_op, &j, sizeof j, 3, in, 0, NULL);
  graph_plan(g, device_plan(b->device)->storage_align);
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
  heap_free(h);
  arena_free(a);
  return ok;
}

static bool bench_shape(const bench *b, matmul_product product, uint32_t in, uint32_t out, dtype type, err *e) {
  static const char *const names[] = {"y", "dx", "dw"};
  matmul m = {.product = product, .live = LIVE_ALL, .alpha = 1};
  m.rows = product == MATMUL_TN ? out : b->rows;
  m.cols = product == MATMUL_NT ? out : in;
  m.depth = product == MATMUL_NT ? in : product == MATMUL_NN ? out : b->rows;
  matmul_variant variants[MATMUL_MAX_VARIANTS];
  const uint32_t n = matmul_variants(device_plan(b->device), &m, variants);
  for (uint32_t i = 0; i < n; i++) {
    const matmul_variant *v = &variants[i];
    const double gflop = 2e-9 * m.rows * m.cols * m.depth;
    times best = {0};
    TRY(measure(b, (job){m, *v}, type, &best, e));
    printf("%-7s %5u -> %-5u %-5s %-19s %3u x %3u, %3u x (%u x %u) %9.2f %8.2f %8.2f%s\n", names[product], in, out,
           dtype_get(type)->name, v->shader, v->group_rows, v->group_cols, v->lanes, v->rows, v->cols, gflop / best.wall,
           gflop / best.cpu, best.first, i == 0 ? "  chosen" : "");
    fflush(stdout);
  }
  return true;
}

static bool bench_all(const bench *b, err *e) {
  static const uint32_t shapes[][2] = {{576, 576}, {576, 192}, {576, 1536}, {1536, 576}, {576, 8}};
  static const dtype types[] = {DTYPE_BF16, DTYPE_F32};
  printf("%s, %u rows\nproduct    in -> out   type  kernel              tile       invocations     GFLOP/s     core  first s\n",
         device_snapshot(b->device)->name, b->rows);
  for (int s = 0; s < 5; s++) {
    for (int k = 0; k < 2; k++) {
      TRY(bench_shape(b, MATMUL_NT, shapes[s][0], shapes[s][1], types[k], e));
      TRY(bench_shape(b, MATMUL_NN, shapes[s][0], shapes[s][1], types[k], e));
    }
    TRY(bench_shape(b, MATMUL_TN, shapes[s][0], shapes[s][1], DTYPE_F32, e));
  }
  return true;
}

int main(int argc, char **argv) {
  bench b = {.rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 512};
  if (!b.rows || b.rows > 65536) return fprintf(stderr, "matmul_bench: ROWS is from 1 to 65536\n"), 2;
  arena *a = arena_new("device");
  err e = {0};
  const bool ok = device_open(a, getenv("VKIFT_DEVICE"), &b.device, &e) && bench_all(&b, &e);
  if (!ok) fprintf(stderr, "matmul_bench: %s\n", e.message);
  device_close(b.device);
  arena_free(a);
  return !ok;
}
