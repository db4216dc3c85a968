#include "support/op_test.h"

#include <string.h>

typedef struct shape {
  uint32_t rows, targets, dim, live_rows, live_targets;
} shape;

typedef struct problem {
  const shape *s;
  int32_t *from; // [targets]
} problem;

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  memset(out, 0, (size_t)p->s->targets * p->s->dim * sizeof *out);
  for (uint32_t t = 0; t < p->s->live_targets; t++)
    memcpy(out + t * p->s->dim, in[0] + (uint32_t)p->from[t] * p->s->dim, p->s->dim * sizeof *out);
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const problem *p = context;
  (void)in;
  for (uint32_t t = 0; t < p->s->live_targets; t++)
    for (uint32_t i = 0; i < p->s->dim; i++) din[0][(uint32_t)p->from[t] * p->s->dim + i] += dy[t * p->s->dim + i];
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  problem p = {s, ARENA_ARRAY(t->memory, int32_t, s->targets)};
  int32_t *inverse = ARENA_ARRAY(t->memory, int32_t, s->rows);
  for (uint32_t n = 0; n < s->rows; n++) inverse[n] = -1;
  for (uint32_t i = 0; i < s->live_targets; i++) { // ascending with gaps, ending at the last live row
    p.from[i] = (int32_t)((i + 1) * s->live_rows / s->live_targets - 1);
    inverse[p.from[i]] = (int32_t)i;
  }
  t->counts[LIVE_TOKENS] = s->live_rows;
  t->counts[LIVE_TARGETS] = s->live_targets;
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
  op_test_wants_gradient(&x);
  tensor *y = op_gather_rows(t->graph, x.t, op_test_ints(t, "rows", LIVE_TARGETS, 1, &s->targets, p.from),
                             op_test_ints(t, "inverse", LIVE_TOKENS, 1, &s->rows, inverse));
  const op_reference r = {.n_in = 1,
                          .in_size = {(uint64_t)s->rows * s->dim},
                          .out_size = (uint64_t)s->targets * s->dim,
                          .context = &p,
                          .forward = forward,
                          .backward = backward};
  op_test_check(t, &r, y, &x, (uint64_t[]){(uint64_t)s->live_rows * s->dim}, (uint64_t)s->live_targets * s->dim, 0);
}

static const op_case cases[] = {
    {.name = "one row", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 1, 1}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 53, 67, 131, 53}},
    {.name = "every row", .backward = true, .run = run, .shape = &(shape){64, 64, 8, 64, 64}},
    {.name = "live counts below the capacities", .backward = true, .run = run, .shape = &(shape){65, 65, 33, 31, 17}},
};
const op_suite gather_rows_suite = {.name = "gather_rows", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
