#include "support/op_test.h"

typedef struct shape {
  uint32_t rows, dim, live;
  dtype storage;
  bool trained, in_place; // in_place: x is a result of the graph that nothing else reads
} shape;

static void forward(const void *context, double *const *in, double *out) {
  const shape *s = context;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) out[i] = in[0][i] + in[1][i % s->dim];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const shape *s = context;
  (void)in;
  for (uint32_t i = 0; i < s->rows * s->dim; i++) din[0][i] += dy[i], din[1][i % s->dim] += dy[i];
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t dims[] = {s->rows, s->dim};
  const uint64_t n = (uint64_t)s->rows * s->dim, live[] = {s->live * s->dim, 0};
  t->counts[LIVE_TOKENS] = s->live;
  op_value in[] = {op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 2),
                   op_test_random(t, "b", s->storage, LIVE_ALL, 1, &dims[1], 1)};
  if (!s->in_place) op_test_wants_gradient(&in[0]);
  if (s->trained) op_test_train(t, &in[1], 0.5);
  const op_reference r = {
      .n_in = 2, .in_size = {n, s->dim}, .out_size = n, .context = s, .forward = forward, .backward = backward};
  tensor *x = s->in_place ? op_test_passed(t, in[0].t) : in[0].t, *y = op_bias(t->graph, x, in[1].t);
  if (s->in_place) y = op_test_handed_on(t, y);
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * s->dim, 2e-6);
  if (s->in_place) op_test_in_place(t, "bias", 1);
}

static const op_case cases[] = {
    {.name = "one element", .backward = true, .run = run, .shape = &(shape){1, 1, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){131, 67, 131, DTYPE_F32, true}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){193, 31, 130, DTYPE_F32, true}},
    {.name = "in place", .run = run, .shape = &(shape){61, 67, 59, DTYPE_F32, false, true}},
    {.name = "frozen f16, odd length",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){7, 33, 7, DTYPE_F16}},
    {.name = "frozen bf16", .backward = true, .storage = DTYPE_BF16, .run = run, .shape = &(shape){7, 64, 5, DTYPE_BF16}},
};
const op_suite bias_suite = {.name = "bias", .has_weight = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
