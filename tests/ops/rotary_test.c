#include "support/op_test.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape {
  uint32_t rows, heads, head_dim, rotary_dim, live;
  bool in_place; // x and dy are results of the graph: the result is y wᵀ
} shape;

typedef struct problem {
  const shape *s;
  const int32_t *positions;
  const double *cosines, *sines; // [POSITIONS, rotary_dim / 2], as the device sees them
  op_value w;                    // [OUT, heads · head_dim]
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

static void turn_all(const problem *p, const double *x, double sign, double *y) {
  for (uint32_t n = 0; n < p->s->live; n++)
    for (uint32_t h = 0; h < p->s->heads; h++) {
      const uint32_t at = (n * p->s->heads + h) * p->s->head_dim;
      turn(p, n, x + at, sign, y + at);
    }
}

static uint32_t width_of(const shape *s) {
  return s->heads * s->head_dim;
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  const uint32_t width = width_of(p->s);
  double *y = calloc((size_t)p->s->rows * width, sizeof *y);
  assert_non_null(y);
  turn_all(p, in[0], 1, y);
  for (uint32_t i = 0; !p->s->in_place && i < p->s->rows * width; i++) out[i] = y[i];
  for (uint32_t i = 0; p->s->in_place && i < p->s->rows * OUT; i++) {
    out[i] = 0;
    for (uint32_t c = 0; c < width; c++) out[i] += y[i / OUT * width + c] * p->w.v[i % OUT * width + c];
  }
  free(y);
}

static void backward(const void *context, double *const *in, const double *dout, double *const *din) {
  (void)in;
  const problem *p = context;
  const uint32_t width = width_of(p->s);
  double *dy = calloc((size_t)p->s->rows * width, sizeof *dy);
  assert_non_null(dy);
  for (uint32_t i = 0; !p->s->in_place && i < p->s->rows * width; i++) dy[i] = dout[i];
  for (uint32_t i = 0; p->s->in_place && i < p->s->rows * OUT; i++)
    for (uint32_t c = 0; c < width; c++) dy[i / OUT * width + c] += dout[i] * p->w.v[i % OUT * width + c];
  turn_all(p, dy, -1, din[0]);
  free(dy);
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const uint32_t half = s->rotary_dim / 2, dims[] = {s->rows, s->heads * s->head_dim}, table[] = {POSITIONS, half};
  const uint64_t n = (uint64_t)dims[0] * dims[1], live[] = {(uint64_t)s->live * dims[1]};
  double *c = ARENA_ARRAY(t->memory, double, POSITIONS *half), *sn = ARENA_ARRAY(t->memory, double, POSITIONS *half);
  for (uint32_t i = 0; i < POSITIONS * half; i++) {
    const double angle = (i / half) * pow(10000, -2.0 * (i % half) / s->rotary_dim);
    c[i] = cos(angle), sn[i] = sin(angle);
  }
  int32_t *positions = ARENA_ARRAY(t->memory, int32_t, s->rows);
  for (uint32_t i = 0; i < s->rows; i++) positions[i] = (int32_t)(i % POSITIONS); // packed examples begin at 0 again
  t->counts[LIVE_TOKENS] = s->live;
  op_value x = op_test_random(t, "x", DTYPE_F32, LIVE_TOKENS, 2, dims, 1);
  op_value cosines = op_test_values(t, "cos", DTYPE_F32, LIVE_ALL, 2, table, c);
  op_value sines = op_test_values(t, "sin", DTYPE_F32, LIVE_ALL, 2, table, sn);
  op_test_wants_gradient(&x);
  problem p = {s, positions, cosines.v, sines.v, {0}};
  const rotary_angles angles = {op_test_ints(t, "positions", LIVE_TOKENS, 1, &s->rows, positions), cosines.t, sines.t,
                                s->head_dim};
  tensor *turned = op_rotary(t->graph, s->in_place ? op_test_passed(t, x.t) : x.t, &angles), *y = turned;
  if (s->in_place) {
    p.w = op_test_random(t, "w", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){OUT, dims[1]}, 0.3);
    y = op_linear(t->graph, turned, p.w.t, NULL);
  }
  const op_reference r = {
      .n_in = 1, .in_size = {n}, .out_size = tensor_elements(y), .context = &p, .forward = forward, .backward = backward};
  op_test_check(t, &r, y, &x, live, (uint64_t)s->live * tensor_row_size(y), s->in_place ? 1e-5 : 1e-6);
  const node *by = turned->producer;
  if (s->in_place) assert_int_equal(by->in[0]->memory.offset, turned->memory.offset);
}

static const op_case cases[] = {
    {.name = "one pair", .backward = true, .run = run, .shape = &(shape){1, 1, 2, 2, 1, false}},
    {.name = "prime sizes", .backward = true, .run = run, .shape = &(shape){83, 3, 14, 14, 83, false}},
    {.name = "half of each head turns", .backward = true, .run = run, .shape = &(shape){43, 5, 12, 6, 43, false}},
    {.name = "live rows below the capacity", .backward = true, .run = run, .shape = &(shape){67, 9, 64, 64, 29, false}},
    {.name = "in place", .backward = true, .run = run, .shape = &(shape){67, 3, 64, 64, 61, true}},
    {.name = "in place, a third of each head turns", .backward = true, .run = run, .shape = &(shape){43, 5, 12, 4, 43, true}},
};
const op_suite rotary_suite = {.name = "rotary", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
