#include "support/op_test.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape {
  uint32_t rows, heads, k_heads, head_dim, rotary_dim, live; // k_heads 0: queries alone
  enum { OF_BOTH, OF_Q, OF_K } wanted;                       // whose gradient
} shape;

typedef struct problem {
  const shape *s;
  const int32_t *positions;
  const double *cosines, *sines; // [POSITIONS, rotary_dim / 2], as the device sees them
  op_value w[2];                 // [OUT, heads · head_dim] each, where the result is q wᵀ + k wᵀ of those turned
} problem;

enum { POSITIONS = 41, OUT = 7 };

// y of one head; sign −1 turns back.
static void turn(const problem *p, uint32_t n, const double *x, double sign, double *y) {
  const uint32_t half = p->s->rotary_dim / 2;
  for (uint32_t j = 0; j < half; j++) {
    const double c = p->cosines[(uint32_t)p->positions[n] * half + j], s = sign * p->sines[(uint32_t)p->positions[n] * half + j];
    y[j] += x[j] * c - x[j + half] * s;
    y[j + half] += x[j + half] * c + x[j] * s;
  }
  for (uint32_t j = 2 * half; j < p->s->head_dim; j++) y[j] += x[j];
}

static void turn_all(const problem *p, uint32_t heads, const double *x, double sign, double *y) {
  for (uint32_t n = 0; n < p->s->live; n++)
    for (uint32_t h = 0; h < heads; h++) {
      const uint32_t at = (n * heads + h) * p->s->head_dim;
      turn(p, n, x + at, sign, y + at);
    }
}

static uint32_t width_of(const shape *s, uint32_t i) {
  return (i ? s->k_heads : s->heads) * s->head_dim;
}

static double *turned(const problem *p, uint32_t i, const double *x, double sign) {
  double *y = calloc((size_t)p->s->rows * width_of(p->s, i), sizeof *y);
  assert_non_null(y);
  turn_all(p, i ? p->s->k_heads : p->s->heads, x, sign, y);
  return y;
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  const uint32_t both = p->s->k_heads > 0;
  for (uint32_t i = 0; i < p->s->rows * (both ? OUT : width_of(p->s, 0)); i++) out[i] = 0;
  if (!both) turn_all(p, p->s->heads, in[0], 1, out);
  for (uint32_t i = 0; both && i < 2; i++) {
    const uint32_t width = width_of(p->s, i);
    double *x = turned(p, i, in[i], 1);
    for (uint32_t n = 0; n < p->s->rows * OUT; n++)
      for (uint32_t c = 0; c < width; c++) out[n] += x[n / OUT * width + c] * p->w[i].v[n % OUT * width + c];
    free(x);
  }
}

static void backward(const void *context, double *const *in, const double *dy, double *const *din) {
  (void)in;
  const problem *p = context;
  if (!p->s->k_heads) turn_all(p, p->s->heads, dy, -1, din[0]);
  for (uint32_t i = 0; p->s->k_heads && i < 2; i++) {
    const uint32_t width = width_of(p->s, i);
    double *dx = calloc((size_t)p->s->rows * width, sizeof *dx);
    assert_non_null(dx);
    for (uint32_t n = 0; n < p->s->rows * OUT; n++)
      for (uint32_t c = 0; c < width; c++) dx[n / OUT * width + c] += dy[n] * p->w[i].v[n % OUT * width + c];
    turn_all(p, i ? p->s->k_heads : p->s->heads, dx, -1, din[i]);
    free(dx);
  }
}

// cos and sin of the angles, and the rows' positions.
static void put_angles(op_test *t, const shape *s, double *c, double *sn, int32_t *positions) {
  const uint32_t half = s->rotary_dim / 2;
  for (uint32_t i = 0; i < POSITIONS * half; i++) {
    const double angle = (i / half) * pow(10000, -2.0 * (i % half) / s->rotary_dim);
    c[i] = cos(angle), sn[i] = sin(angle);
  }
  for (uint32_t i = 0; i < s->rows; i++) positions[i] = (int32_t)(i % POSITIONS); // packed examples begin at 0 again
  t->counts[LIVE_TOKENS] = s->live;
}

// Queries alone are persistent: the result has memory of its own. Both are results of the graph, turned in place.
static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t table[] = {POSITIONS, s->rotary_dim / 2}, n_in = s->k_heads ? 2 : 1;
  double *c = ARENA_ARRAY(t->memory, double, POSITIONS *table[1]), *sn = ARENA_ARRAY(t->memory, double, POSITIONS *table[1]);
  int32_t *positions = ARENA_ARRAY(t->memory, int32_t, s->rows);
  put_angles(t, s, c, sn, positions);
  op_value in[2] = {0}, cosines = op_test_values(t, "cos", DTYPE_F32, LIVE_ALL, 2, table, c),
           sines = op_test_values(t, "sin", DTYPE_F32, LIVE_ALL, 2, table, sn);
  problem p = {s, positions, cosines.v, sines.v, {{0}}};
  op_reference r = {.n_in = n_in, .context = &p, .forward = forward, .backward = backward};
  uint64_t live[2] = {0};
  tensor *x[2] = {0};
  for (uint32_t i = 0; i < n_in; i++) {
    const uint32_t dims[] = {s->rows, width_of(s, i)}, w[] = {OUT, dims[1]};
    in[i] = op_test_random(t, i ? "k" : "q", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
    if (s->wanted == OF_BOTH || s->wanted == (i ? OF_K : OF_Q)) op_test_wants_gradient(&in[i]);
    x[i] = in[i].t;
    r.in_size[i] = (uint64_t)dims[0] * dims[1];
    live[i] = (uint64_t)s->live * dims[1];
    if (n_in < 2) continue;
    p.w[i] = op_test_random(t, "w", DTYPE_F32, LIVE_ALL, 2, w, 0.3);
    x[i] = op_test_passed(t, x[i]);
  }
  tensor *at = op_test_ints(t, "positions", LIVE_TOKENS, 1, &s->rows, positions);
  op_rotary(t->graph, &x[0], n_in > 1 ? &x[1] : NULL, at, cosines.t, sines.t, s->head_dim);
  tensor *y = x[0];
  if (n_in > 1) y = op_add(t->graph, op_linear(t->graph, x[0], p.w[0].t, NULL), op_linear(t->graph, x[1], p.w[1].t, NULL));
  r.out_size = tensor_elements(y);
  op_test_check(t, &r, y, in, live, (uint64_t)s->live * tensor_row_size(y), n_in > 1 ? 1e-5 : 1e-6);
  if (n_in < 2) return;
  const node *n = x[0]->producer;
  for (uint32_t i = 0; i < 2; i++) assert_int_equal(n->out[i]->memory.offset, n->in[i]->memory.offset);
}

static const op_case cases[] = {
    {.name = "one pair", .backward = true, .run = run, .shape = &(shape){1, 1, 0, 2, 2, 1, OF_BOTH}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){83, 3, 0, 14, 14, 83, OF_BOTH}},
    {.name = "half of each head turns", .backward = true, .run = run, .shape = &(shape){43, 5, 0, 12, 6, 43, OF_BOTH}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){67, 9, 0, 64, 64, 29, OF_BOTH}},
    {.name = "queries and keys in place", .backward = true, .run = run, .shape = &(shape){67, 9, 3, 64, 64, 61, OF_BOTH}},
    {.name = "both, half of each head", .backward = true, .run = run, .shape = &(shape){43, 6, 2, 10, 4, 43, OF_BOTH}},
    {.name = "both, as many keys, gradient of queries", .backward = true, .run = run, .shape = &(shape){7, 3, 3, 6, 6, 5, OF_Q}},
    {.name = "both, gradient of keys", .backward = true, .run = run, .shape = &(shape){11, 4, 1, 8, 8, 11, OF_K}},
};
const op_suite rotary_suite = {.name = "rotary", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
