#include "support/op_test.h"

typedef struct shape {
  uint32_t rows, live, n, widths[4];
  uint32_t taken; // the part whose values are looked at; with `both` the sum of it and the next
  bool both;
} shape;

static uint32_t size_of(const shape *s) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < s->n; i++) size += s->widths[i];
  return size;
}

static uint32_t column_of(const shape *s, uint32_t part) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < part; i++) at += s->widths[i];
  return at;
}

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  const uint32_t width = s->widths[s->taken], first = column_of(s, s->taken);
  for (uint32_t n = 0; n < s->live; n++)
    for (uint32_t c = 0; c < width; c++) {
      const double *x = in[0] + n * size_of(s) + first + c;
      out[n * width + c] = x[0] + (s->both ? x[width] : 0);
    }
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const shape *s = context;
  const uint32_t width = s->widths[s->taken], first = column_of(s, s->taken);
  (void)in;
  for (uint32_t n = 0; n < s->live; n++)
    for (uint32_t c = 0; c < width; c++) {
      double *dx = din[0] + n * size_of(s) + first + c;
      dx[0] += dy[n * width + c];
      if (s->both) dx[width] += dy[n * width + c];
    }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t size = size_of(s), width = s->widths[s->taken];
  t->counts[LIVE_TOKENS] = s->live;
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){s->rows, size}, 1);
  op_test_wants_gradient(&x);
  tensor *parts[4];
  op_split(t->graph, x.t, s->n, s->widths, parts);
  tensor *y = s->both ? op_add(t->graph, parts[s->taken], parts[s->taken + 1]) : parts[s->taken];
  const op_reference r = {.n_in = 1,
                          .in_size = {(uint64_t)s->rows * size},
                          .out_size = (uint64_t)s->rows * width,
                          .context = s,
                          .forward = forward,
                          .backward = backward};
  const uint64_t live = (uint64_t)s->live * size;
  op_test_check(t, &r, y, &x, &live, (uint64_t)s->live * width, 1e-6);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, {1}, 0, false}},
    {.name = "the first of three", .backward = true, .run = run, .shape = &(shape){31, 31, 3, {67, 13, 29}, 0, false}},
    {.name = "the last of three", .backward = true, .run = run, .shape = &(shape){31, 31, 3, {67, 13, 29}, 2, false}},
    {.name = "two halves", .backward = true, .run = run, .shape = &(shape){37, 37, 2, {53, 53}, 0, true}},
    {.name = "more rows than a small binding holds",
     .backward = true,
     .run = run,
     .shape = &(shape){257, 251, 3, {67, 35, 29}, 1, false}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){65, 13, 4, {3, 8, 8, 1}, 1, true}},
};
const op_suite split_suite = {.name = "split", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
