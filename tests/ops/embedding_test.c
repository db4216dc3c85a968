#include <math.h>
#include <string.h>

#include "support/op_test.h"

typedef struct shape {
  uint32_t vocab, dim, tokens, live;
  dtype storage;
  bool trained;
  double scale; // 0: none
} shape;

typedef struct problem {
  const shape *s;
  int32_t *ids;
} problem;

static double scale_of(const problem *p) {
  return p->s->scale > 0 ? (float)p->s->scale : 1;
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  for (uint32_t n = 0; n < p->s->live; n++)
    for (uint32_t d = 0; d < p->s->dim; d++) out[n * p->s->dim + d] = scale_of(p) * in[0][(uint32_t)p->ids[n] * p->s->dim + d];
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  const problem *p = context;
  (void)in;
  for (uint32_t n = 0; n < p->s->live; n++)
    for (uint32_t d = 0; d < p->s->dim; d++) din[0][(uint32_t)p->ids[n] * p->s->dim + d] += scale_of(p) * dy[n * p->s->dim + d];
}

// Positions sorted by id, as the loader makes them.
static embedding_index index_of(op_test *t, const problem *p) {
  const shape *s = p->s;
  int32_t *ids = ARENA_ARRAY(t->memory, int32_t, s->tokens), *starts = ARENA_ARRAY(t->memory, int32_t, s->tokens + 1);
  int32_t *positions = ARENA_ARRAY(t->memory, int32_t, s->tokens);
  uint32_t n_ids = 0, n = 0;
  for (uint32_t id = 0; id < s->vocab; id++) {
    uint32_t before = n;
    for (uint32_t k = 0; k < s->live; k++)
      if (p->ids[k] == (int32_t)id) positions[n++] = (int32_t)k;
    if (n == before) continue;
    ids[n_ids] = (int32_t)id;
    starts[n_ids++] = (int32_t)before;
  }
  starts[n_ids] = (int32_t)n;
  t->counts[LIVE_IDS] = n_ids;
  return (embedding_index){op_test_ints(t, "ids", LIVE_IDS, 1, &s->tokens, ids),
                           op_test_ints(t, "starts", LIVE_ALL, 1, (uint32_t[]){s->tokens + 1}, starts),
                           op_test_ints(t, "positions", LIVE_ALL, 1, &s->tokens, positions)};
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  problem p = {s, ARENA_ARRAY(t->memory, int32_t, s->tokens)};
  for (uint32_t n = 0; n < s->tokens; n++) p.ids[n] = (int32_t)(n % 3 ? rng_below(&t->random, s->vocab) : s->vocab - 1);
  t->counts[LIVE_TOKENS] = s->live;
  op_value table = op_test_random(t, "table", s->storage, LIVE_ALL, 2, (uint32_t[]){s->vocab, s->dim}, 1);
  embedding_index index = index_of(t, &p);
  if (s->trained) op_test_train(t, &table, 0.5);
  tensor *ids = op_test_ints(t, "tokens", LIVE_TOKENS, 1, &s->tokens, p.ids);
  const embedding_index *x = s->trained ? &index : NULL;
  tensor *y = s->scale > 0 ? op_embedding_scaled(t->graph, table.t, ids, x, (float)scale_of(&p))
                           : op_embedding(t->graph, table.t, ids, x);
  const op_reference r = {.n_in = 1,
                          .in_size = {(uint64_t)s->vocab * s->dim},
                          .out_size = (uint64_t)s->tokens * s->dim,
                          .context = &p,
                          .forward = forward,
                          .backward = backward};
  // What is looked up is the reference's value to the bit.
  op_test_check(t, &r, y, &table, NULL, (uint64_t)s->live * s->dim, s->trained ? 2e-6 : 0);
}

// Scales that are subnormal, infinite or no numbers, whose rows must not become numbers.
static void run_ends_of_f16(op_test *t, const void *context) {
  enum { ROWS = 6, DIM = 32, BYTES = 34 };
  (void)context;
  static const uint16_t scales[ROWS] = {1, 0x83ff, 0x0400, 0x7bff, 0x7c00, 0xfe00};
  const uint32_t n = ROWS;
  uint8_t stored[ROWS * BYTES];
  int32_t rows[ROWS];
  for (uint32_t i = 0; i < ROWS; i++) {
    memcpy(stored + i * BYTES, &scales[i], 2);
    for (uint32_t k = 0; k < DIM; k++) stored[i * BYTES + 2 + k] = (uint8_t)(1 + rng_below(&t->random, 255));
    rows[i] = (int32_t)i;
  }
  t->counts[LIVE_TOKENS] = ROWS;
  op_value table = op_test_stored(t, "table", DTYPE_Q8_0, LIVE_ALL, 2, (uint32_t[]){ROWS, DIM}, stored);
  tensor *y = op_embedding(t->graph, table.t, op_test_ints(t, "tokens", LIVE_TOKENS, 1, &n, rows), NULL);
  y->keep = true;
  op_test_run(t);
  const double *found = op_test_read(t, y);
  for (uint32_t i = 0; i < ROWS * DIM; i++)
    if (isfinite(table.v[i]) ? !(found[i] == table.v[i]) : isfinite(found[i]))
      fail_msg("element %u: expected %g, found %g", i, table.v[i], found[i]);
}

#define BLOCKS(type, name_, block)                                                              \
  {                                                                                             \
    .name = name_ " table of several windows", .storage = type, .run = run, .shape = &(shape) { \
      180000 / (block), block, 13, 13, type, false                                              \
    }                                                                                           \
  }

static const op_case cases[] = {
    {.name = "one token", .backward = true, .run = run, .shape = &(shape){1, 1, 1, 1, DTYPE_F32, true}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){53, 67, 131, 131, DTYPE_F32, true}},
    {.name = "live tokens below the capacity", .backward = true, .run = run, .shape = &(shape){17, 8, 65, 31, DTYPE_F32, true}},
    {.name = "a table of several windows", .backward = true, .run = run, .shape = &(shape){701, 65, 37, 37, DTYPE_F32, true}},
    {.name = "scaled", .backward = true, .run = run, .shape = &(shape){53, 67, 131, 131, DTYPE_F32, true, 8.185352771872450}},
    {.name = "frozen f16 table, odd rows",
     .storage = DTYPE_F16,
     .run = run,
     .shape = &(shape){501, 33, 29, 29, DTYPE_F16, false}},
    {.name = "trained after f16",
     .storage = DTYPE_F16,
     .backward = true,
     .run = run,
     .shape = &(shape){31, 33, 29, 29, DTYPE_F16, true}},
    {.name = "frozen bf16 table of several windows",
     .storage = DTYPE_BF16,
     .run = run,
     .shape = &(shape){1301, 66, 29, 29, DTYPE_BF16, false}},
    {.name = "trained after bf16",
     .storage = DTYPE_BF16,
     .backward = true,
     .run = run,
     .shape = &(shape){31, 33, 29, 29, DTYPE_BF16, true}},
    OP_TEST_BLOCK_TYPES(BLOCKS),
    {.name = "q8_0 table with scales at the ends of f16", .storage = DTYPE_Q8_0, .run = run_ends_of_f16},
    {.name = "nf4_double table of windows that are whole parts",
     .storage = DTYPE_NF4_DOUBLE,
     .run = run,
     .shape = &(shape){20000, 64, 67, 67, DTYPE_NF4_DOUBLE}},
    {.name = "nf4_double table", .storage = DTYPE_NF4_DOUBLE, .run = run, .shape = &(shape){601, 128, 67, 67, DTYPE_NF4_DOUBLE}},
};
const op_suite embedding_suite = {
    .name = "embedding", .has_weight = true, .has_matrix = true, .cases = cases, .n_cases = sizeof cases / sizeof *cases};
