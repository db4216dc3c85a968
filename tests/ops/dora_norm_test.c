// Against ‖w + s b A‖ itself, in f64, not against the sum that the operation takes. The products go through op_linear, as in
// models/dora.c.
#include "support/op_test.h"

#include <math.h>

typedef struct shape {
  uint32_t out, in, rank;
  double size; // of B
  dtype storage;
} shape;

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const float scale = 1.75f;
  const uint32_t dim_w[] = {s->out, s->in}, dim_a[] = {s->rank, s->in}, dim_b[] = {s->out, s->rank};
  const op_value w = op_test_random(t, "w", s->storage, LIVE_ALL, 2, dim_w, 0.3),
                 a = op_test_random(t, "a", DTYPE_F32, LIVE_ALL, 2, dim_a, 0.2),
                 b = op_test_random(t, "b", DTYPE_F32, LIVE_ALL, 2, dim_b, s->size);
  double *squares = ARENA_ARRAY(t->memory, double, s->out), *want = ARENA_ARRAY(t->memory, double, s->out);
  for (uint32_t i = 0; i < s->out; i++) {
    double sum = 0;
    for (uint32_t j = 0; j < s->in; j++) {
      double value = w.v[(uint64_t)i * s->in + j];
      squares[i] += value * value;
      for (uint32_t k = 0; k < s->rank; k++)
        value += (double)scale * b.v[(uint64_t)i * s->rank + k] * a.v[(uint64_t)k * s->in + j];
      sum += value * value;
    }
    want[i] = sqrt(sum);
  }
  double *zeros = ARENA_ARRAY(t->memory, double, s->out);
  tensor *norms = op_test_values(t, "norms", DTYPE_F32, LIVE_ALL, 1, &s->out, zeros).t;
  tensor *of_w = op_test_values(t, "squares", DTYPE_F32, LIVE_ALL, 1, &s->out, squares).t;
  tensor *aw = op_linear(t->graph, a.t, w.t, NULL), *aa = op_linear(t->graph, a.t, a.t, NULL);
  op_dora_norm(t->graph, norms, of_w, aw, op_linear(t->graph, b.t, aa, NULL), b.t, scale);
  op_test_run(t);
  // Cooperative matrices round A to f16 where W has 16 bits, which moves aw by 2^-11 of its size.
  op_test_close("norms", op_test_read(t, norms), want, s->out, s->storage == DTYPE_F32 || s->size == 0 ? 2e-6 : 2e-4);
}

static const op_case cases[] = {
    {.name = "one element", .run = run, .shape = &(shape){1, 1, 1, 0.4}},
    {.name = "prime sizes", .run = run, .shape = &(shape){131, 67, 5, 0.4}},
    {.name = "rank above the sizes", .run = run, .shape = &(shape){13, 11, 37, 0.1}},
    {.name = "a fresh B", .run = run, .shape = &(shape){65, 33, 4, 0}},
    {.name = "prime sizes, f16 weight", .storage = DTYPE_F16, .run = run, .shape = &(shape){127, 71, 7, 0.05, DTYPE_F16}},
    {.name = "prime sizes, bf16 weight", .storage = DTYPE_BF16, .run = run, .shape = &(shape){67, 129, 3, 0.05, DTYPE_BF16}},
};
const op_suite dora_norm_suite = {.name = "dora_norm", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
