// Costs of graphs against the formulas of the field: a matrix of P weights takes 2 P operations a token forward, as many for the
// gradient of its input and as many for its own.
#include "support/test.h"

#include <math.h>

#include "ops/cost.h"
#include "ops/ops.h"

enum { N = 96, T = 40, K = 24, M = 56, R = 4, V = 130, HEADS = 3, HEAD = 8 };

typedef struct fixture {
  arena *memory;
  graph *g;
  tensor *ids, *x, *h;
} fixture;

static tensor *matrix(arena *a, uint32_t rows, uint32_t cols, bool trained) {
  tensor *t = tensor_persistent(a, "matrix", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){rows, cols});
  t->needs_grad = trained;
  if (trained) t->grad_sum = tensor_persistent(a, "sum", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){rows, cols});
  return t;
}

static fixture make(bool x_trained) {
  fixture f = {.memory = arena_new("costs")};
  f.g = graph_new(f.memory, "costs", tensor_persistent(f.memory, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  f.x = tensor_persistent(f.memory, "x", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){N, K});
  f.x->needs_grad = x_trained;
  f.h = tensor_persistent(f.memory, "h", DTYPE_F32, LIVE_TARGETS, 2, (uint32_t[]){T, K});
  f.h->needs_grad = x_trained;
  f.ids = tensor_persistent(f.memory, "ids", DTYPE_I32, LIVE_TARGETS, 1, (uint32_t[]){T});
  return f;
}

static double flops(fixture *f, tensor *y, bool backward) {
  if (backward)
    graph_backward(f->g, y, tensor_persistent(f->memory, "dy", DTYPE_F32, y->live, y->n_dims, y->shape), (graph_recompute){0});
  const double found = cost_of(f->g, N, T).flops;
  arena_free(f->memory);
  return found;
}

static void linear(void **state) {
  (void)state;
  const double one = 2.0 * N * K * M, low = 2.0 * N * R * (K + M);
  fixture f = make(true);
  assert_true(flops(&f, op_linear(f.g, f.x, matrix(f.memory, M, K, true), NULL), true) == 3 * one);
  f = make(false);
  assert_true(flops(&f, op_linear(f.g, f.x, matrix(f.memory, M, K, true), NULL), true) == 2 * one);
  f = make(true);
  const lora_term term = {f.x, matrix(f.memory, R, K, true), matrix(f.memory, M, R, true), 1};
  assert_true(flops(&f, op_linear(f.g, f.x, matrix(f.memory, M, K, false), &term), true) == 2 * one + 3 * low);
}

static void head(void **state) {
  (void)state;
  const double one = 2.0 * T * K * V;
  fixture f = make(false);
  assert_true(flops(&f, op_head_loss(f.g, f.h, matrix(f.memory, V, K, false), f.ids), false) == one);
  f = make(true); // forward, the logits again, two gradients
  assert_true(flops(&f, op_head_loss(f.g, f.h, matrix(f.memory, V, K, true), f.ids), true) == 4 * one);
}

static void attention(void **state) {
  (void)state;
  fixture f = make(true);
  const attention_shape shape = {HEADS, HEADS, HEAD, 1};
  tensor *ranges = tensor_persistent(f.memory, "ranges", DTYPE_I32, LIVE_TOKENS, 2, (uint32_t[]){N, 4});
  const double product = 1.0 * N * N * K; // a half of 2 N² H D: nobody sees what comes later
  const double found = flops(&f, op_attention(f.g, f.x, f.x, f.x, ranges, &shape), true);
  assert_true(found >= 9 * product && found < 9.2 * product); // 2 forward, 7 backward, sums and delta
}

// Rows that are not live cost nothing.
static void live_rows(void **state) {
  (void)state;
  fixture f = make(false);
  op_head_loss(f.g, f.h, matrix(f.memory, V, K, false), f.ids);
  const cost all = cost_of(f.g, N, T), quarter = cost_of(f.g, N, T / 4.0);
  assert_true(quarter.flops == all.flops / 4 && quarter.bytes < all.bytes);
  arena_free(f.memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(linear), cmocka_unit_test(head), cmocka_unit_test(attention),
                                     cmocka_unit_test(live_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
