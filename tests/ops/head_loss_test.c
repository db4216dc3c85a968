#include "support/op_test.h"

#include <math.h>

#include "ops/dead_rows.h"

typedef struct shape {
  uint32_t rows, dim, vocab, live;
  dtype storage;
  bool trained, frozen_input;
  double scale; // of the logits; 0: 1
  double cap;   // of the logits; 0: none
} shape;

typedef struct problem {
  const shape *s;
  int32_t *ids;
  double *z; // logits of one row
} problem;

static void logits_of(const problem *p, const double *h, const double *w) {
  for (uint32_t v = 0; v < p->s->vocab; v++) {
    p->z[v] = 0;
    for (uint32_t k = 0; k < p->s->dim; k++) p->z[v] += h[k] * w[v * p->s->dim + k];
    if (p->s->cap > 0) p->z[v] = p->s->cap * tanh(p->z[v] / p->s->cap);
  }
}

static double lse_of(const problem *p) {
  double largest = p->z[0], sum = 0;
  for (uint32_t v = 0; v < p->s->vocab; v++) largest = fmax(largest, p->z[v]);
  for (uint32_t v = 0; v < p->s->vocab; v++) sum += exp(p->z[v] - largest);
  return largest + log(sum);
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  for (uint32_t t = 0; t < p->s->live; t++) {
    logits_of(p, in[0] + t * p->s->dim, in[1]);
    out[t] = lse_of(p) - p->z[p->ids[t]];
  }
}

static void backward(const void *context, double *const *in, const double *dloss, double *const *din) {
  const problem *p = context;
  const uint32_t dim = p->s->dim;
  for (uint32_t t = 0; t < p->s->live; t++) {
    logits_of(p, in[0] + t * dim, in[1]);
    const double lse = lse_of(p);
    for (uint32_t v = 0; v < p->s->vocab; v++) {
      const double slope = p->s->cap > 0 ? 1 - pow(p->z[v] / p->s->cap, 2) : 1;
      const double dz = (exp(p->z[v] - lse) - ((uint32_t)p->ids[t] == v)) * dloss[t] * slope;
      for (uint32_t k = 0; k < dim; k++) {
        din[0][t * dim + k] += dz * in[1][v * dim + k];
        din[1][v * dim + k] += dz * in[0][t * dim + k];
      }
    }
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  problem p = {s, ARENA_ARRAY(t->memory, int32_t, s->rows), ARENA_ARRAY(t->memory, double, s->vocab)};
  for (uint32_t i = 0; i < s->rows; i++) p.ids[i] = (int32_t)rng_below(&t->random, s->vocab);
  p.ids[0] = (int32_t)s->vocab - 1; // the ends of the vocabulary
  if (s->rows > 1) p.ids[1] = 0;
  t->counts[LIVE_TARGETS] = s->live;
  op_value in[] = {
      op_test_random(t, "h", DTYPE_F32, LIVE_TARGETS, 2, (uint32_t[]){s->rows, s->dim}, 1),
      op_test_random(t, "w", s->storage, LIVE_ALL, 2, (uint32_t[]){s->vocab, s->dim}, (s->scale ? s->scale : 1) / sqrt(s->dim))};
  kill_rows(t, in[0].t, s->live);
  if (!s->frozen_input) op_test_wants_gradient(&in[0]);
  if (s->trained) op_test_train(t, &in[1], 0.5);
  tensor *ids = op_test_ints(t, "ids", LIVE_TARGETS, 1, &s->rows, p.ids);
  tensor *loss = s->cap > 0 ? op_head_loss_capped(t->graph, in[0].t, in[1].t, ids, (float)s->cap)
                            : op_head_loss(t->graph, in[0].t, in[1].t, ids);
  const uint64_t live[] = {(uint64_t)s->live * s->dim, 0};
  const op_reference r = {.n_in = 2,
                          .in_size = {(uint64_t)s->rows * s->dim, (uint64_t)s->vocab * s->dim},
                          .out_size = s->rows,
                          .context = &p,
                          .forward = forward,
                          .backward = backward};
  op_test_check(t, &r, loss, in, live, s->live, 3e-6);
}

#define BLOCKS(type, name_, block)                                                                                 \
  {                                                                                                                \
    .name = "frozen " name_ ", several chunks", .backward = true, .storage = type, .run = run, .shape = &(shape) { \
      7, block, 2111, 7, type                                                                                      \
    }                                                                                                              \
  }

static const op_case cases[] = {
    {.name = "one of one", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){31, 37, 131, 31, DTYPE_F32, true}},
    {.name = "live targets below the capacity", .backward = true, .run = run, .shape = &(shape){67, 36, 64, 29, DTYPE_F32, true}},
    {.name = "several chunks", .backward = true, .run = run, .shape = &(shape){5, 36, 4100, 4, DTYPE_F32, true}},
    {.name = "several chunks, odd sizes", .backward = true, .run = run, .shape = &(shape){3, 17, 4099, 2, DTYPE_F32, true}},
    {.name = "large logits", .backward = true, .run = run, .shape = &(shape){5, 36, 2500, 5, DTYPE_F32, false, false, 60}},
    {.name = "capped logits, several chunks",
     .backward = true,
     .run = run,
     .shape = &(shape){5, 36, 4100, 4, DTYPE_F32, true, .cap = 1.5}},
    {.name = "large logits, capped",
     .backward = true,
     .run = run,
     .shape = &(shape){5, 36, 131, 5, DTYPE_F32, true, false, 60, 30}},
    {.name = "only the weight is trained", .backward = true, .run = run, .shape = &(shape){5, 36, 132, 5, DTYPE_F32, true, true}},
    {.name = "frozen f16, odd rows, several chunks",
     .backward = true,
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){7, 35, 2111, 7, DTYPE_F16}},
    {.name = "frozen bf16, several chunks",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){7, 36, 2112, 6, DTYPE_BF16}},
    {.name = "trained after bf16",
     .backward = true,
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){7, 36, 132, 7, DTYPE_BF16, true}},
    OP_TEST_BLOCK_TYPES(BLOCKS),
    {.name = "frozen nf4_double",
     .backward = true,
     .storage = DTYPE_NF4_DOUBLE,
     .run = run,
     .shape = &(shape){7, 64, 1501, 7, DTYPE_NF4_DOUBLE}},
};
const op_suite head_loss_suite = {
    .name = "head_loss", .has_weight = true, .has_matrix = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
