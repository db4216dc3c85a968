#include "support/op_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
  uint32_t heads, kv_heads, head_dim;
  uint32_t window;    // of keys that a query sees; 0: all before it
  uint32_t capacity;  // rows; those beyond the examples are not live
  int32_t lengths[6]; // of packed examples, up to a 0; a negative one: an example whose queries see nothing
  double cap;         // of scores; 0: none
} shape;

typedef struct problem {
  uint32_t heads, kv_heads, dim, rows, keys, live;
  double scale, cap;
  int32_t *ranges; // [rows, 4]
} problem;

enum { Q, K, V };

// w[j], j in the range of query n: the probabilities of head h; slopes[j] (may be NULL): the derivative of the score's cap.
static void probabilities(const problem *p, double *const *in, uint32_t n, uint32_t h, double *w, double *slopes) {
  const double *q = in[Q] + ((uint64_t)n * p->heads + h) * p->dim;
  const int32_t begin = p->ranges[4 * n], end = p->ranges[4 * n + 1];
  double top = -INFINITY, sum = 0;
  for (int32_t j = begin; j < end; j++) {
    const double *k = in[K] + ((uint64_t)j * p->kv_heads + h / (p->heads / p->kv_heads)) * p->dim;
    w[j] = 0;
    for (uint32_t d = 0; d < p->dim; d++) w[j] += p->scale * q[d] * k[d];
    if (p->cap > 0) w[j] = p->cap * tanh(w[j] / p->cap);
    if (slopes) slopes[j] = p->cap > 0 ? 1 - pow(w[j] / p->cap, 2) : 1;
    top = fmax(top, w[j]);
  }
  for (int32_t j = begin; j < end; j++) sum += w[j] = exp(w[j] - top);
  for (int32_t j = begin; j < end; j++) w[j] /= sum;
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  double w[512];
  for (uint32_t n = 0; n < p->live; n++)
    for (uint32_t h = 0; h < p->heads; h++) {
      double *o = out + ((uint64_t)n * p->heads + h) * p->dim;
      memset(o, 0, p->dim * sizeof *o);
      probabilities(p, in, n, h, w, NULL);
      for (int32_t j = p->ranges[4 * n]; j < p->ranges[4 * n + 1]; j++) {
        const double *v = in[V] + ((uint64_t)j * p->kv_heads + h / (p->heads / p->kv_heads)) * p->dim;
        for (uint32_t d = 0; d < p->dim; d++) o[d] += w[j] * v[d];
      }
    }
}

// Through the softmax's own derivative, ds[j] = w[j] (dw[j] − Σ_i w[i] dw[i]), not through delta = do · o.
static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  const problem *p = context;
  double w[512], dw[512], slopes[512];
  for (uint32_t n = 0; n < p->live; n++)
    for (uint32_t h = 0; h < p->heads; h++) {
      const uint64_t q = ((uint64_t)n * p->heads + h) * p->dim;
      const int32_t begin = p->ranges[4 * n], end = p->ranges[4 * n + 1];
      double mean = 0;
      probabilities(p, in, n, h, w, slopes);
      for (int32_t j = begin; j < end; j++) {
        const uint64_t k = ((uint64_t)j * p->kv_heads + h / (p->heads / p->kv_heads)) * p->dim;
        dw[j] = 0;
        for (uint32_t d = 0; d < p->dim; d++) {
          dw[j] += dout[q + d] * in[V][k + d];
          din[V][k + d] += w[j] * dout[q + d];
        }
        mean += w[j] * dw[j];
      }
      for (int32_t j = begin; j < end; j++) {
        const uint64_t k = ((uint64_t)j * p->kv_heads + h / (p->heads / p->kv_heads)) * p->dim;
        const double ds = p->scale * w[j] * (dw[j] - mean) * slopes[j];
        for (uint32_t d = 0; d < p->dim; d++) {
          din[Q][q + d] += ds * in[K][k + d];
          din[K][k + d] += ds * in[Q][q + d];
        }
      }
    }
}

static problem problem_new(op_test *t, const shape *s, uint32_t keys) {
  problem p = {s->heads, s->kv_heads, s->head_dim, s->capacity, keys, 0, 1 / sqrt(s->head_dim), s->cap, NULL};
  p.ranges = ARENA_ARRAY(t->memory, int32_t, 4 * s->capacity);
  return p;
}

// The ranges of packed causal examples; rows that are not live say what a loop would never
// come to the end of.
static problem packed(op_test *t, const shape *s) {
  problem p = problem_new(t, s, s->capacity);
  const int32_t window = s->window ? (int32_t)s->window : INT32_MAX;
  int32_t begin = 0;
  for (int i = 0; s->lengths[i]; i++) {
    const int32_t end = begin + abs(s->lengths[i]);
    for (int32_t n = begin; n < end && s->lengths[i] > 0; n++) {
      const int32_t range[] = {n - begin < window ? begin : n - window + 1, n + 1, n, end - n < window ? end : n + window};
      memcpy(p.ranges + 4 * n, range, sizeof range);
    }
    begin = end;
  }
  p.live = (uint32_t)begin;
  for (uint32_t i = 4 * p.live; i < 4 * p.rows; i++) p.ranges[i] = i % 2 ? INT32_MAX : 0;
  return p;
}

// Random values in live rows, NaN in the others.
static op_value rows_of(op_test *t, const char *name, tensor_live live, uint32_t rows, uint32_t live_rows, uint32_t features) {
  const uint64_t n = (uint64_t)rows * features;
  double *v = ARENA_ARRAY(t->memory, double, n);
  for (uint64_t i = 0; i < n; i++) v[i] = i < (uint64_t)live_rows * features ? 1.5 * rng_normal(&t->random) : NAN;
  return op_test_values(t, name, DTYPE_F32, live, 2, (uint32_t[]){rows, features}, v);
}

static tensor *attend(op_test *t, const problem *p, const op_value *in, tensor *ranges) {
  const attention_shape heads = {p->heads, p->kv_heads, p->dim, (float)p->scale, (float)p->cap};
  return op_attention(t->graph, in[Q].t, in[K].t, in[V].t, ranges, &heads);
}

static tensor *ranges_of(op_test *t, const problem *p) {
  return op_test_ints(t, "ranges", LIVE_TOKENS, 2, (uint32_t[]){p->rows, 4}, p->ranges);
}

static op_reference reference_of(const problem *p) {
  const uint64_t q = (uint64_t)p->rows * p->heads * p->dim, kv = (uint64_t)p->keys * p->kv_heads * p->dim;
  return (op_reference){.n_in = 3, .in_size = {q, kv, kv}, .out_size = q, .context = p, .forward = forward};
}

static void run(op_test *t, const void *context) {
  const problem p = packed(t, context);
  const uint32_t q = p.heads * p.dim, kv = p.kv_heads * p.dim;
  t->counts[LIVE_TOKENS] = p.live;
  op_value in[] = {rows_of(t, "q", LIVE_TOKENS, p.rows, p.live, q), rows_of(t, "k", LIVE_TOKENS, p.rows, p.live, kv),
                   rows_of(t, "v", LIVE_TOKENS, p.rows, p.live, kv)};
  for (int i = 0; i < 3; i++) op_test_wants_gradient(&in[i]);
  const uint64_t live[] = {(uint64_t)p.live * q, (uint64_t)p.live * kv, (uint64_t)p.live * kv};
  op_reference r = reference_of(&p);
  r.backward = backward;
  op_test_check(t, &r, attend(t, &p, in, ranges_of(t, &p)), in, live, live[0], 5e-6);
}

// Queries against a cache: `capacity` rows see up to lengths[0] keys, of which the last ones of the cache hold nothing.
static void run_cache(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t keys = (uint32_t)s->lengths[0] + 5;
  problem p = problem_new(t, s, keys);
  p.live = s->capacity > 2 ? s->capacity - 1 : s->capacity;
  t->counts[LIVE_TOKENS] = p.live;
  for (uint32_t n = 0; n < p.live; n++) {
    p.ranges[4 * n] = (int32_t)(n * 7 % 31);
    p.ranges[4 * n + 1] = n % 4 == 3 ? p.ranges[4 * n] : s->lengths[0] - (int32_t)(p.live - 1 - n); // some see nothing
  }
  op_value in[] = {rows_of(t, "q", LIVE_TOKENS, p.rows, p.live, p.heads * p.dim),
                   rows_of(t, "k", LIVE_ALL, keys, (uint32_t)s->lengths[0], p.kv_heads * p.dim),
                   rows_of(t, "v", LIVE_ALL, keys, (uint32_t)s->lengths[0], p.kv_heads * p.dim)};
  const op_reference r = reference_of(&p);
  op_test_check(t, &r, attend(t, &p, in, ranges_of(t, &p)), in, NULL, (uint64_t)p.live * p.heads * p.dim, 5e-6);
}

static void assert_same_rows(op_test *t, const char *what, const tensor *a, const tensor *b, uint32_t first, uint32_t n) {
  const uint32_t size = tensor_row_size(a);
  if (memcmp(op_test_read(t, a) + first * size, op_test_read(t, b) + first * size, n * size * sizeof(double)))
    fail_msg("%s of an example changes when its neighbours change", what);
}

// The same row twice, where all but the second example differ and hold infinities and NaN: no bit of the second
// example's results and gradients may change.
static void neighbours(op_test *t, const void *context) {
  const shape *s = context;
  const problem p = packed(t, s);
  const uint32_t features[] = {p.heads * p.dim, p.kv_heads * p.dim, p.kv_heads * p.dim};
  const uint32_t first = (uint32_t)s->lengths[0], n = (uint32_t)s->lengths[1];
  t->counts[LIVE_TOKENS] = p.live;
  op_value in[2][3];
  for (int i = 0; i < 3; i++) {
    const uint32_t shape_[] = {p.rows, features[i]};
    in[0][i] = rows_of(t, "first row", LIVE_TOKENS, p.rows, p.live, features[i]);
    double *other = ARENA_ARRAY(t->memory, double, (uint64_t)p.rows *features[i]);
    for (uint32_t k = 0; k < p.rows * features[i]; k++) {
      const bool same = k / features[i] >= first && k / features[i] < first + n;
      const double strange[] = {rng_normal(&t->random), INFINITY, NAN, 1e30};
      other[k] = same ? in[0][i].v[k] : strange[k % 4];
    }
    in[1][i] = op_test_values(t, "second row", DTYPE_F32, LIVE_TOKENS, 2, shape_, other);
    for (int side = 0; side < 2; side++) op_test_wants_gradient(&in[side][i]);
  }
  tensor *ranges = ranges_of(t, &p), *o[] = {attend(t, &p, in[0], ranges), attend(t, &p, in[1], ranges)};
  tensor *both = op_add(t->graph, o[0], o[1]);
  graph_backward(t->graph, both, rows_of(t, "upstream", LIVE_TOKENS, p.rows, p.rows, features[Q]).t, (graph_recompute){0});
  for (int side = 0; side < 2; side++) {
    o[side]->keep = true;
    for (int i = 0; i < 3; i++) graph_gradient(t->graph, in[side][i].t)->keep = true;
  }
  op_test_run(t);
  const char *const names[] = {"the gradient of q", "the gradient of k", "the gradient of v"};
  assert_same_rows(t, "the result", o[0], o[1], first, n);
  for (int i = 0; i < 3; i++)
    assert_same_rows(t, names[i], graph_gradient(t->graph, in[0][i].t), graph_gradient(t->graph, in[1][i].t), first, n);
  const double *result = op_test_read(t, o[1]);
  for (uint32_t k = first * features[Q]; k < (first + n) * features[Q]; k++) assert_true(isfinite(result[k]));
}

#define CASE(name_, ...)                                             \
  {                                                                  \
    .name = name_, .backward = true, .run = run, .shape = &(shape) { \
      __VA_ARGS__                                                    \
    }                                                                \
  }
static const op_case cases[] = {
    CASE("one token", 1, 1, 8, 0, 1, {1}),
    CASE("heads of 8, as the smallest models have", 8, 4, 8, 0, 67, {67}),
    CASE("heads of 64 in groups of 3, packed examples", 9, 3, 64, 0, 101, {17, 1, 50, 33}),
    CASE("an example of several steps", 2, 1, 8, 0, 257, {131, 126}),
    CASE("heads of 64 of their own", 2, 2, 64, 0, 83, {80, 3}),
    CASE("heads of 80 in groups of 4", 4, 1, 80, 0, 77, {9, 64}),
    CASE("heads of 128 in groups of 7", 7, 1, 128, 0, 41, {30, 11}),
    CASE("heads of odd size", 3, 3, 5, 0, 71, {29, 42}),
    CASE("heads of 33 in a group", 3, 1, 33, 0, 37, {37}),
    CASE("heads of 256", 2, 1, 256, 0, 19, {2, 17}),
    CASE("a sliding window of prime size", 4, 2, 8, 13, 103, {97, 5, 1}),
    CASE("a window of one key", 2, 1, 8, 1, 19, {19}),
    CASE("capped scores, heads of 64 in groups of 3", 9, 3, 64, 0, 101, {17, 1, 50, 33}, 0.7),
    CASE("capped scores in a window, heads of odd size", 3, 1, 5, 13, 71, {29, 42}, 2),
    CASE("capped scores, heads of 256", 2, 1, 256, 0, 19, {2, 17}, 50),
    CASE("capped scores of a tiny cap", 4, 2, 8, 0, 67, {67}, 0.01),
    CASE("an example that sees nothing", 3, 1, 8, 0, 70, {30, -17, 23}),
    CASE("live rows below the capacity", 3, 3, 5, 0, 131, {31, 33}),
    CASE("one live row", 2, 1, 8, 0, 65, {1}),
    {.name = "neighbours change no bit", .backward = true, .run = neighbours, .shape = &(shape){4, 2, 8, 0, 150, {37, 53, 41}}},
    {.name = "neighbours in the same tile change no bit",
     .backward = true,
     .run = neighbours,
     .shape = &(shape){2, 1, 5, 0, 16, {3, 6, 5}}},
    {.name = "neighbours of heads of 64 change no bit",
     .backward = true,
     .run = neighbours,
     .shape = &(shape){3, 1, 64, 0, 96, {29, 43, 20}}},
    {.name = "one query against a cache", .run = run_cache, .shape = &(shape){9, 3, 64, 0, 1, {300}}},
    {.name = "one query against a cache, capped", .run = run_cache, .shape = &(shape){9, 3, 64, 0, 1, {300}, 0.7}},
    {.name = "many queries against a cache, capped", .run = run_cache, .shape = &(shape){2, 2, 8, 0, 67, {151}, 1.5}},
    {.name = "a few queries against a cache", .run = run_cache, .shape = &(shape){4, 1, 5, 0, 11, {277}}},
    {.name = "heads of 256 against a cache", .run = run_cache, .shape = &(shape){1, 1, 256, 0, 2, {70}}},
    {.name = "many queries against a cache", .run = run_cache, .shape = &(shape){2, 2, 8, 0, 67, {151}}},
};
const op_suite attention_suite = {.name = "attention", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
