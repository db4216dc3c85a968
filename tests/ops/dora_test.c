// The f64 reference takes the norms as constants, as the operation does: finite differences hold them too.
#include "support/op_test.h"

typedef struct shape {
  uint32_t rows, dim, live;
  bool in_place; // z and dy are results of the graph
} shape;

typedef struct problem {
  const shape *s;
  const double *norms;
} problem;

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  const uint32_t dim = p->s->dim;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * dim; i++) out[i] = in[0][i] * in[1][i % dim] / p->norms[i % dim];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const problem *p = context;
  const uint32_t dim = p->s->dim;
  for (uint64_t i = 0; i < (uint64_t)p->s->rows * dim; i++) {
    din[0][i] += dy[i] * in[1][i % dim] / p->norms[i % dim];
    din[1][i % dim] += dy[i] * in[0][i] / p->norms[i % dim];
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {(uint64_t)s->live * s->dim, s->dim};
  t->counts[LIVE_TOKENS] = s->live;
  double *lengths = ARENA_ARRAY(t->memory, double, s->dim);
  for (uint32_t i = 0; i < s->dim; i++) lengths[i] = 0.5 + 2 * rng_uniform(&t->random);
  const op_value norms = op_test_values(t, "norms", DTYPE_F32, LIVE_ALL, 1, &s->dim, lengths);
  op_value in[] = {op_test_random(t, "z", DTYPE_F32, LIVE_TOKENS, 2, dims, 1),
                   op_test_random(t, "magnitude", DTYPE_F32, LIVE_ALL, 1, &s->dim, 2)};
  op_test_wants_gradient(&in[0]);
  op_test_train(t, &in[1], 0.5);
  const problem p = {s, norms.v};
  const op_reference r = {
      .n_in = 2, .in_size = {n, s->dim}, .out_size = n, .context = &p, .forward = forward, .backward = backward};
  tensor *y = op_dora(t->graph, s->in_place ? op_test_passed(t, in[0].t) : in[0].t, in[1].t, norms.t);
  op_test_check(t, &r, s->in_place ? op_test_handed_on(t, y) : y, in, live, live[0], 2e-6);
  if (!s->in_place) return;
  op_test_in_place(t, "dora", 1);
  op_test_in_place(t, "dora_dz", 1);
}

// A row without length gives nothing and gets nothing, whatever its magnitude; nor does a magnitude of 0.
static void nothing(op_test *t, const void *context) {
  (void)context;
  enum { ROWS = 3, DIM = 4 };
  const double z[ROWS * DIM] = {1, 2, 0, 4, 5, 6, 0, 8, 9, 10, 0, 12}, m[DIM] = {2, 0, 3, 1}, lengths[DIM] = {1, 5, 0, 2};
  static const uint32_t dims[] = {ROWS, DIM}, dim = DIM;
  const double want[ROWS * DIM] = {2, 0, 0, 2, 10, 0, 0, 4, 18, 0, 0, 6}, dm[DIM] = {15.5, 0.5, 0.5, 12.5};
  const op_value norms = op_test_values(t, "norms", DTYPE_F32, LIVE_ALL, 1, &dim, lengths);
  op_value in = op_test_values(t, "z", DTYPE_F32, LIVE_TOKENS, 2, dims, z);
  op_value magnitude = op_test_values(t, "magnitude", DTYPE_F32, LIVE_ALL, 1, &dim, m);
  const double ones[ROWS * DIM] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  tensor *sum = op_test_train(t, &magnitude, 0.5), *y = op_dora(t->graph, in.t, magnitude.t, norms.t);
  y->keep = true;
  graph_backward(t->graph, y, op_test_values(t, "upstream", DTYPE_F32, LIVE_TOKENS, 2, dims, ones).t, (graph_recompute){0});
  op_test_run(t);
  op_test_close("forward", op_test_read(t, y), want, ROWS * DIM, 1e-6);
  op_test_close("gradient of magnitude", op_test_read(t, sum), dm, DIM, 1e-6);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131}},
    {.name = "whole chunks", .backward = true, .run = run, .shape = &(shape){128, 64, 128}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){193, 35, 66}},
    {.name = "in place", .backward = true, .run = run, .shape = &(shape){61, 67, 59, true}},
    {.name = "rows without length, magnitude 0", .backward = true, .run = nothing},
};
const op_suite dora_suite = {.name = "dora", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
