#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  float p;
  bool in_place; // x and dy are results of the graph
  bool rest;     // dropout_rest
} shape;

typedef struct problem {
  const shape *s;
  double *mask; // [rows, dim]: 0 or 1 / (1 − p); of the rest 1 less that
} problem;

static const uint64_t seed = 0x0123456789abcdefull;
static const uint32_t module = 37;

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * p->s->dim; i++) out[i] = in[0][i] * p->mask[i];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const problem *p = context;
  (void)in;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * p->s->dim; i++) din[0][i] += dy[i] * p->mask[i];
}

// The mask as the formula says it, from the host's Philox.
static double mask_at(const int32_t *row_key, uint32_t feature, double p) {
  const uint32_t key[] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ module * 0x9E3779B9u};
  const uint32_t counter[] = {(uint32_t)row_key[0], (uint32_t)row_key[1], (uint32_t)row_key[2], feature / 4};
  return rng_philox(key, counter).v[feature % 4] >= p * 0x1p32 ? 1 / (1 - p) : 0;
}

static tensor *keys_of(op_test *t, const problem *p) {
  const shape *s = p->s;
  int32_t *keys = ARENA_ARRAY(t->memory, int32_t, s->rows * 3);
  for (uint32_t n = 0; n < s->rows; n++) {
    keys[3 * n] = 100000 + (int32_t)(n / 7);
    keys[3 * n + 1] = 2;
    keys[3 * n + 2] = (int32_t)(n % 7);
    for (uint32_t i = 0; i < s->dim; i++) {
      const double kept = mask_at(keys + 3 * n, i, (double)s->p);
      p->mask[n * s->dim + i] = s->rest ? 1 - kept : kept;
    }
  }
  return op_test_ints(t, "keys", LIVE_TOKENS, 2, (uint32_t[]){s->rows, 3}, keys);
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {(uint64_t)s->live * s->dim};
  t->counts[LIVE_TOKENS] = s->live;
  problem p = {s, ARENA_ARRAY(t->memory, double, n)};
  tensor *keys = keys_of(t, &p);
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
  op_test_wants_gradient(&x);
  const op_reference r = {.n_in = 1, .in_size = {n}, .out_size = n, .context = &p, .forward = forward, .backward = backward};
  tensor *in = s->in_place ? op_test_passed(t, x.t) : x.t;
  tensor *y =
      s->rest ? op_dropout_rest(t->graph, in, keys, s->p, seed, module) : op_dropout(t->graph, in, keys, s->p, seed, module);
  op_test_check(t, &r, s->in_place ? op_test_handed_on(t, y) : y, &x, live, live[0], 1e-6);
  if (!s->in_place) return;
  op_test_in_place(t, "dropout", 1);
  op_test_in_place(t, "dropout_bwd", 1);
}

// Every element of a large input is 1: the mean stays 1 and two modules' masks agree only by chance.
static void statistics(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim}, n = s->rows * s->dim;
  double *ones = ARENA_ARRAY(t->memory, double, n), mean = 0, both = 0;
  for (uint32_t i = 0; i < n; i++) ones[i] = 1;
  t->counts[LIVE_TOKENS] = s->live;
  problem p = {s, ARENA_ARRAY(t->memory, double, n)};
  tensor *keys = keys_of(t, &p);
  op_value x = op_test_values(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, ones);
  tensor *a = op_dropout(t->graph, x.t, keys, s->p, seed, module), *b = op_dropout(t->graph, x.t, keys, s->p, seed, module + 1);
  a->keep = b->keep = true;
  op_test_run(t);
  const double *va = op_test_read(t, a), *vb = op_test_read(t, b), keep = 1 - (double)s->p;
  for (uint32_t i = 0; i < n; i++) mean += va[i] / n, both += (va[i] > 0 && vb[i] > 0) / (double)n;
  assert_true(fabs(mean - 1) < 5 * sqrt((1 - keep) / keep / n)); // five standard deviations
  assert_true(fabs(both - keep * keep) < 5 * sqrt(keep * keep * (1 - keep * keep) / n));
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 0.5f}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131, 0.1f}},
    {.name = "whole blocks", .backward = true, .run = run, .shape = &(shape){9, 64, 9, 0.05f}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){65, 33, 31, 0.9f}},
    {.name = "in place", .backward = true, .run = run, .shape = &(shape){61, 67, 59, 0.3f, true}},
    {.name = "the rest", .backward = true, .run = run, .shape = &(shape){131, 67, 131, 0.1f, .rest = true}},
    {.name = "the rest, in place", .backward = true, .run = run, .shape = &(shape){65, 33, 31, 0.7f, true, true}},
    {.name = "statistics", .run = statistics, .shape = &(shape){257, 129, 257, 0.25f}},
};
const op_suite dropout_suite = {.name = "dropout", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
