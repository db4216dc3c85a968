#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t rows, dim, live;
  float alpha;
  bool in_place; // x is a result of the graph
} shape;

typedef struct problem {
  const shape *s;
  double *noise; // [rows, dim]
} problem;

static const uint64_t seed = 0x0123456789abcdefull;

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * p->s->dim; i++) out[i] = in[0][i] + p->noise[i];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const problem *p = context;
  (void)in;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * p->s->dim; i++) din[0][i] += dy[i];
}

// As the formula says it, from the host's Philox.
static double noise_at(const int32_t *row_key, int32_t length, uint32_t feature, const shape *s) {
  const uint32_t key[] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ NOISE_STREAM};
  const uint32_t counter[] = {(uint32_t)row_key[0], (uint32_t)row_key[1], (uint32_t)row_key[2], feature / 4};
  const double u = (rng_philox(key, counter).v[feature % 4] >> 8) / 0x1p24;
  return (double)s->alpha / sqrt((double)length * s->dim) * (2 * u - 1);
}

// Examples of the lengths 7, 6, 5, 7, … whose tokens stand in the rows one after the other, from number `first` on.
static void keys_of(op_test *t, const problem *p, int32_t first, tensor **keys, tensor **lengths) {
  const shape *s = p->s;
  int32_t *k = ARENA_ARRAY(t->memory, int32_t, s->rows * 3), *l = ARENA_ARRAY(t->memory, int32_t, s->rows);
  int32_t example = first, position = 0;
  for (uint32_t n = 0; n < s->rows; n++) {
    l[n] = 7 - example % 3;
    k[3 * n] = example, k[3 * n + 1] = 2, k[3 * n + 2] = position;
    for (uint32_t i = 0; i < s->dim; i++) p->noise[n * s->dim + i] = noise_at(k + 3 * n, l[n], i, s);
    if (++position == l[n]) example++, position = 0;
  }
  *keys = op_test_ints(t, "keys", LIVE_TOKENS, 2, (uint32_t[]){s->rows, 3}, k);
  *lengths = op_test_ints(t, "lengths", LIVE_TOKENS, 1, &s->rows, l);
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {(uint64_t)s->live * s->dim};
  t->counts[LIVE_TOKENS] = s->live;
  problem p = {s, ARENA_ARRAY(t->memory, double, n)};
  tensor *keys, *lengths;
  keys_of(t, &p, 100000, &keys, &lengths);
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
  op_test_wants_gradient(&x);
  const op_reference r = {.n_in = 1, .in_size = {n}, .out_size = n, .context = &p, .forward = forward, .backward = backward};
  tensor *y = op_noise(t->graph, s->in_place ? op_test_passed(t, x.t) : x.t, keys, lengths, s->alpha, seed);
  op_test_check(t, &r, s->in_place ? op_test_handed_on(t, y) : y, &x, live, live[0], 1e-6);
  if (s->in_place) op_test_in_place(t, "noise", 1);
}

// Noise alone: within its bound, of mean 0 and variance bound² / 3, and that of an example is the same in other rows.
static void statistics(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim}, n = s->rows * s->dim;
  t->counts[LIVE_TOKENS] = s->live;
  problem p = {s, ARENA_ARRAY(t->memory, double, n)};
  double *zeros = ARENA_ARRAY(t->memory, double, n), mean = 0, variance = 0;
  const op_value x = op_test_values(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, zeros);
  tensor *keys, *lengths, *y[2];
  for (int i = 0; i < 2; i++) {
    keys_of(t, &p, 99999 + i, &keys, &lengths); // example 100000 stands at row 7, then at row 0
    y[i] = op_noise(t->graph, x.t, keys, lengths, s->alpha, seed);
    y[i]->keep = true;
  }
  op_test_run(t);
  const double *a = op_test_read(t, y[0]), *b = op_test_read(t, y[1]);
  assert_int_equal(7 - 99999 % 3, 7);
  for (uint32_t i = 0; i < n - 7 * s->dim; i++) assert_true(a[i + 7 * s->dim] == b[i]);
  const double bound = (double)s->alpha / sqrt(5 * s->dim), small = (double)s->alpha / sqrt(7 * s->dim);
  double largest = 0, largest_of_7 = 0;
  for (uint32_t i = 0; i < n; i++) {
    mean += a[i] / n, variance += a[i] * a[i] / n;
    largest = fmax(largest, fabs(a[i]));
    if (i < 7 * s->dim) largest_of_7 = fmax(largest_of_7, fabs(a[i]));
  }
  assert_true(largest <= bound * (1 + 1e-6) && largest > 0.99 * bound);
  assert_true(largest_of_7 <= small * (1 + 1e-6) && largest_of_7 > 0.98 * small);
  // Lengths 7, 6, 5 in turn: of 18 tokens 7 have the bound² alpha² / 7 D, and so on: on average alpha² / 6 D.
  const double expected = (double)s->alpha * s->alpha / (6 * s->dim) / 3;
  assert_true(fabs(mean) < 5 * sqrt(expected / n));
  assert_true(fabs(variance - expected) < 0.02 * expected);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 5}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131, 5}},
    {.name = "whole blocks", .backward = true, .run = run, .shape = &(shape){9, 64, 9, 15}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){65, 33, 31, 0.5f}},
    {.name = "in place", .backward = true, .run = run, .shape = &(shape){61, 67, 59, 5, true}},
    {.name = "statistics, packed otherwise", .run = statistics, .shape = &(shape){252, 129, 252, 5}},
};
const op_suite noise_suite = {.name = "noise", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
