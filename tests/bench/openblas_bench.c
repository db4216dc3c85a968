// openblas_bench [--rows N] [--rounds N] [--seconds X] [--json FILE]: the matrix products of a linear layer at the shapes of
// SmolLM2-135M, as vkift chooses to compute them, beside OpenBLAS's sgemm of the same shape, in turn in one process.
// Prints a table; exit status 1 where the median of the ratios is below 0.20 or one of them below 0.12.
// "CPU" counts the process's CPU time instead of the clock's: on a software driver, what two cores do whatever else the
// machine does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "bench/rig.h"
#include "ops/ops.h"

enum { SHAPES = 4, PRODUCTS = 3, MOST_RUNS = 4096, ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

static const uint32_t shapes[SHAPES][2] = {{576, 576}, {576, 192}, {576, 1536}, {1536, 576}};
static const char *const op_names[PRODUCTS] = {"linear", "linear_dx", "linear_dw"};
static const char *const titles[PRODUCTS] = {"forward", "input gradient", "weight gradient"};
static const double LEAST_MEDIAN = 0.20, LEAST = 0.12;

typedef void (*sgemm_function)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                               const float *b, int ldb, float beta, float *c, int ldc);

typedef struct bench {
  gpu_device *device;
  sgemm_function sgemm;
  uint32_t rows;
  int rounds;
  double seconds; // of one turn
  text json;
} bench;

// Runs of one side, over all its turns.
typedef struct times {
  double wall[MOST_RUNS], cpu[MOST_RUNS];
  uint32_t n;
} times;

typedef struct result {
  double gflops[2], cpu_gflops[2]; // vkift, OpenBLAS
} result;

// --- one turn of each --------------------------------------------------------------------------------------------------

typedef struct turn {
  const bench *b;
  gpu_recording *recording;
  float *x, *w, *y;
  int product, in, out;
} turn;

static bool run_vkift(const turn *t, err *e) {
  gpu_recording *r = t->recording;
  return gpu_run(t->b->device, &r, 1, e);
}

// y = x Wᵀ, dx = dy W, dW += dyᵀ x, row-major: x [rows, in], W [out, in], y [rows, out].
static bool run_openblas(const turn *t, err *e) {
  (void)e;
  const int rows = (int)t->b->rows, in = t->in, out = t->out;
  if (t->product == 0) t->b->sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, rows, out, in, 1, t->x, in, t->w, in, 0, t->y, out);
  else if (t->product == 1) t->b->sgemm(ROW_MAJOR, PLAIN, PLAIN, rows, in, out, 1, t->y, out, t->w, in, 0, t->x, in);
  else t->b->sgemm(ROW_MAJOR, TRANSPOSED, PLAIN, out, in, rows, 1, t->y, out, t->x, in, 1, t->w, in);
  return true;
}

static double cpu_seconds(void) {
  return (double)clock() / CLOCKS_PER_SEC;
}

// The first run of a turn warms the caches and the threads, and is not counted.
static bool take_turn(const turn *t, bool (*run)(const turn *, err *), times *into, err *e) {
  TRY(run(t, e));
  const double until = clock_seconds() + t->b->seconds;
  if (into->n >= MOST_RUNS) return true;
  do {
    const double cpu = cpu_seconds(), wall = clock_seconds();
    TRY(run(t, e));
    into->wall[into->n] = clock_seconds() - wall;
    into->cpu[into->n] = cpu_seconds() - cpu;
    into->n++;
  } while (clock_seconds() < until && into->n < MOST_RUNS);
  // OpenBLAS's threads look for work for a while before they sleep: the other side is to have the cores.
  nanosleep(&(struct timespec){.tv_nsec = 80000000}, NULL);
  return true;
}

static bool alternate(const turn *t, result *r, err *e) {
  times *sides = calloc(2, sizeof *sides);
  bool ok = true;
  for (int i = 0; ok && i < t->b->rounds; i++)
    ok = take_turn(t, run_vkift, &sides[0], e) && take_turn(t, run_openblas, &sides[1], e);
  const double gflop = 2e-9 * t->b->rows * t->in * t->out;
  for (int i = 0; ok && i < 2; i++) {
    r->gflops[i] = gflop / measure_median(sides[i].wall, sides[i].n);
    r->cpu_gflops[i] = gflop / measure_median(sides[i].cpu, sides[i].n);
  }
  free(sides);
  return ok;
}

// --- the products ------------------------------------------------------------------------------------------------------

static float *numbers(uint64_t n) {
  float *f = malloc(n * sizeof *f);
  for (uint64_t i = 0; f && i < n; i++) f[i] = (float)(i * 2654435761u % 2001) / 1000 - 1;
  return f;
}

static const node *node_named(const graph *g, const char *op) {
  for (uint64_t i = 0; i < g->n_nodes; i++)
    if (!strcmp(g->nodes[i]->op->name, op)) return g->nodes[i];
  return NULL;
}

static bool compare_node(bench *b, rig *r, turn *t, double *ratio, err *e) {
  const node *n = node_named(r->graph, op_names[t->product]);
  if (!n) return ERR(e, "a linear has no node %s", op_names[t->product]);
  TRY(rig_record(r, n, &t->recording, e));
  result found = {0};
  const bool ok = alternate(t, &found, e);
  const char *kernels = rig_kernels(r, t->recording);
  recording_free(t->recording);
  if (!ok) return false;
  *ratio = found.gflops[0] / found.gflops[1];
  const double cpu_ratio = found.cpu_gflops[0] / found.cpu_gflops[1];
  printf("%-15s %5d -> %-5d %8.1f %8.1f %7.3f   %8.1f %8.1f %7.3f   %s\n", titles[t->product], t->in, t->out, found.gflops[0],
         found.gflops[1], *ratio, found.cpu_gflops[0], found.cpu_gflops[1], cpu_ratio, kernels);
  fflush(stdout);
  text_printf(&b->json,
              "%s\n  {\"product\": \"%s\", \"rows\": %u, \"in\": %d, \"out\": %d, \"variant\": \"%s\", \"vkift_gflops\": %.3f, "
              "\"openblas_gflops\": %.3f, \"ratio\": %.4f, \"cpu_ratio\": %.4f}",
              b->json.length ? "," : "[", op_names[t->product], b->rows, t->in, t->out, kernels, found.gflops[0], found.gflops[1],
              *ratio, cpu_ratio);
  return true;
}

static bool compare_shape(bench *b, const uint32_t shape[2], double ratios[PRODUCTS], err *e) {
  rig r;
  rig_open(b->device, &r);
  r.tune = true;
  turn t = {.b = b, .in = (int)shape[0], .out = (int)shape[1]};
  t.x = numbers((uint64_t)b->rows * shape[0]);
  t.y = numbers((uint64_t)b->rows * shape[1]);
  t.w = numbers((uint64_t)shape[0] * shape[1]);
  tensor *x = rig_tensor(&r, "x", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){b->rows, shape[0]});
  x->needs_grad = true;
  tensor *w = rig_weight(&r, "weight", 2, (uint32_t[]){shape[1], shape[0]});
  rig_backward(&r, op_linear(r.graph, x, w, NULL), &x, 1);
  bool ok = (t.x && t.y && t.w) || ERR(e, "no memory");
  ok = ok && rig_ready(&r, e);
  for (t.product = 0; ok && t.product < PRODUCTS; t.product++) ok = compare_node(b, &r, &t, &ratios[t.product], e);
  rig_close(&r);
  free(t.x), free(t.y), free(t.w);
  return ok;
}

static bool compare_all(bench *b, const char *json, bool *passed, err *e) {
  double ratios[SHAPES * PRODUCTS], least = 1e9;
  printf("%s, %u rows; GFLOP/s\n\n%-15s %14s %8s %8s %7s   %8s %8s %7s   %s\n", device_snapshot(b->device)->name, b->rows,
         "product", "in -> out", "vkift", "OpenBLAS", "ratio", "by CPU", "OpenBLAS", "ratio", "kernel");
  for (int s = 0; s < SHAPES; s++) TRY(compare_shape(b, shapes[s], &ratios[s * PRODUCTS], e));
  for (int i = 0; i < SHAPES * PRODUCTS; i++) least = ratios[i] < least ? ratios[i] : least;
  const double median = measure_median(ratios, SHAPES * PRODUCTS);
  *passed = median >= LEAST_MEDIAN && least >= LEAST;
  printf("\nmedian ratio %.3f (at least %.2f), least %.3f (at least %.2f): %s\n", median, LEAST_MEDIAN, least, LEAST,
         *passed ? "passed" : "MISSED");
  text_puts(&b->json, "\n]\n");
  return !json || file_replace(json, b->json.data, b->json.length, e);
}

static sgemm_function find_sgemm(err *e) {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW);
  void *function = library ? dlsym(library, "cblas_sgemm") : NULL;
  sgemm_function sgemm = NULL;
  if (!function) ERR(e, "no OpenBLAS: %s (Debian: libopenblas0-pthread)", dlerror());
  memcpy(&sgemm, &function, sizeof sgemm); // ISO C has no cast between the two kinds of pointer
  return sgemm;
}

int main(int argc, char **argv) {
  static const struct option options[] = {{"rows", required_argument, NULL, 'n'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"json", required_argument, NULL, 'j'},
                                          {0}};
  bench b = {.rows = 512, .rounds = 5, .seconds = 0.2};
  const char *json = NULL;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (c == 'n') b.rows = (uint32_t)strtoul(optarg, NULL, 10);
    else if (c == 'r') b.rounds = atoi(optarg);
    else if (c == 's') b.seconds = atof(optarg);
    else if (c == 'j') json = optarg;
    else return 2;
  }
  if (!b.rows || b.rows > 65536 || b.rounds < 1)
    return fprintf(stderr, "openblas_bench: rows 1 to 65536, rounds at least 1\n"), 2;
  arena *a = arena_new("device");
  err e = {0};
  bool passed = false;
  const bool ok =
      (b.sgemm = find_sgemm(&e)) && device_open(a, getenv("VKIFT_DEVICE"), &b.device, &e) && compare_all(&b, json, &passed, &e);
  if (!ok) fprintf(stderr, "openblas_bench: %s\n", e.message);
  device_close(b.device);
  text_free(&b.json);
  arena_free(a);
  return !ok || !passed;
}
