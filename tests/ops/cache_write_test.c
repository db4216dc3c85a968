#include "support/op_test.h"

#include <string.h>

typedef struct shape {
  uint32_t cache_rows, rows, dim, live;
} shape;

// Rows land where they should, the others keep what they held, and a node that reads the cache afterwards sees them.
static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t cache_dims[] = {s->cache_rows, s->dim}, dims[] = {s->rows, s->dim};
  int32_t *rows = ARENA_ARRAY(t->memory, int32_t, s->rows);
  for (uint32_t n = 0; n < s->rows; n++) rows[n] = (int32_t)((n * 5 + 3) % s->cache_rows); // distinct: 5 divides no case's size
  t->counts[LIVE_TOKENS] = s->live;
  op_value cache = op_test_random(t, "cache", DTYPE_F32, LIVE_ALL, 2, cache_dims, 1);
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
  op_cache_write(t->graph, cache.t, op_test_ints(t, "rows", LIVE_TOKENS, 1, &s->rows, rows), x.t);
  tensor *twice = op_add(t->graph, cache.t, cache.t);
  twice->keep = true;
  op_test_run(t);

  const uint64_t n = tensor_elements(cache.t);
  for (uint32_t i = 0; i < s->live; i++) memcpy(cache.v + (uint32_t)rows[i] * s->dim, x.v + i * s->dim, s->dim * sizeof *x.v);
  double *want = ARENA_ARRAY(t->memory, double, n);
  for (uint64_t i = 0; i < n; i++) want[i] = 2 * cache.v[i];
  op_test_close("the cache", op_test_read(t, cache.t), cache.v, n, 0);
  op_test_close("a reader of the cache", op_test_read(t, twice), want, n, 0);
}

static const op_case cases[] = {
    {.name = "one element", .run = run, .shape = &(shape){1, 1, 1, 1}},
    {.name = "prime sizes", .run = run, .shape = &(shape){131, 67, 37, 67}},
    {.name = "live rows below the capacity", .run = run, .shape = &(shape){64, 33, 65, 9}},
};
const op_suite cache_write_suite = {.name = "cache_write", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
