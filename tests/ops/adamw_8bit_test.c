#include "ops/step_case.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape {
  uint32_t blocks, first, n, applied; // blocks of the region; those that the step takes
  bool decay, finite, fresh;          // fresh: moments of 0
} shape;

enum { PART = 256, MAP = 256 };

static float codes[ADAMW_8BIT_CODES];

static uint8_t code_of(const int32_t *words, uint64_t i) {
  return (uint8_t)((uint32_t)words[i / 4] >> 8 * (i % 4));
}

static double scale_of(const float *scales, uint64_t i, bool v) {
  return (double)scales[i / GRAD_BLOCK * 8 + i % GRAD_BLOCK / PART + (v ? 4 : 0)];
}

static double moment(const int32_t *words, const float *scales, uint64_t i, bool v) {
  return (double)codes[(v ? MAP : 0) + code_of(words, i)] * scale_of(scales, i, v);
}

static int32_t *random_words(op_test *t, uint64_t n, bool fresh) {
  int32_t *words = ARENA_ARRAY(t->memory, int32_t, n);
  for (uint64_t i = 0; i < n && !fresh; i++)
    words[i] = (int32_t)(rng_below(&t->random, 1 << 16) << 16 | rng_below(&t->random, 1 << 16));
  return words;
}

static void *download(op_test *t, const tensor *x) {
  err e = {0};
  void *data = arena_alloc(t->memory, tensor_bytes(x));
  if (!gpu_download(t->device, x->memory, data, tensor_bytes(x), &e)) fail_msg("%s", e.message);
  return data;
}

// (1 − β₂ in f32 is 0.001 to five digits.) What is stored is the nearest value of the map, within rounding; and never 0 in the place of a second moment.
static void check_moment(const char *what, uint64_t i, double found, double want, double scale, uint8_t code, bool v) {
  double nearest = INFINITY;
  for (int k = 0; k < MAP; k++) nearest = fmin(nearest, fabs((double)codes[(v ? MAP : 0) + k] * scale - want));
  if (v && want > 0 && code == 0) fail_msg("%s %d: %g became 0", what, (int)i, want);
  if (v && code == 1) nearest = fmax(nearest, fabs((double)codes[MAP + 1] * scale - want));
  if (!(fabs(found - want) <= nearest * (1 + 1e-4) + 3e-5 * scale))
    fail_msg("%s %d: expected %g, found %g", what, (int)i, want, found);
}

static void check(const shape *s, uint64_t i, double grad, double *w, const int32_t *const old_words[2], const float *old_scales,
                  const int32_t *const words[2], const float *scales) {
  const double m = 0.9 * moment(old_words[0], old_scales, i, false) + 0.1 * grad;
  const double v = 0.999 * moment(old_words[1], old_scales, i, true) + 0.001 * grad * grad;
  check_moment("m", i, moment(words[0], scales, i, false), m, scale_of(scales, i, false), code_of(words[0], i), false);
  check_moment("v", i, moment(words[1], scales, i, true), v, scale_of(scales, i, true), code_of(words[1], i), true);
  if (!(fabs(m) <= scale_of(scales, i, false) * (1 + 3e-5) && v <= scale_of(scales, i, true) * (1 + 3e-5)))
    fail_msg("element %d: a scale is below %g or %g", (int)i, m, v);
  *w = step_case_weight(s->applied, s->decay, *w, m, v);
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  const step_case c = step_case_make(t, s->blocks, s->applied, s->finite);
  const op_value w = c.weight, g = c.grad;
  const uint32_t word_dims[] = {s->blocks, GRAD_BLOCK / 4}, scale_dims[] = {s->blocks, 8};
  double *scale_values = ARENA_ARRAY(t->memory, double, 8 * (uint64_t)s->blocks);
  float *old_scales = ARENA_ARRAY(t->memory, float, 8 * (uint64_t)s->blocks);
  for (uint32_t i = 0; i < 8 * s->blocks && !s->fresh; i++)
    scale_values[i] = (double)(old_scales[i] = (float)exp(3 * rng_normal(&t->random)));
  op_value scales = op_test_values(t, "scales", DTYPE_F32, LIVE_ALL, 2, scale_dims, scale_values);
  double code_values[ADAMW_8BIT_CODES];
  adamw_8bit_codes(codes);
  for (int i = 0; i < ADAMW_8BIT_CODES; i++) code_values[i] = (double)codes[i];
  op_value map = op_test_values(t, "codes", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){ADAMW_8BIT_CODES}, code_values);
  const int32_t *old[] = {random_words(t, c.n / 4, s->fresh), random_words(t, c.n / 4, s->fresh)};
  tensor *m = op_test_ints(t, "m", LIVE_ALL, 2, word_dims, old[0]), *v = op_test_ints(t, "v", LIVE_ALL, 2, word_dims, old[1]);
  op_adamw_8bit(t->graph, w.t, g.t, m, v, scales.t, map.t, s->first, s->n, s->decay, c.hyper, c.state);
  op_test_run(t);

  const int32_t *words[] = {download(t, m), download(t, v)};
  const float *new_scales = download(t, scales.t);
  for (uint64_t i = 0; i < c.n; i++) {
    const bool stepped = i / GRAD_BLOCK >= s->first && i / GRAD_BLOCK < s->first + s->n;
    if (stepped && s->finite) check(s, i, g.v[i] * 0.25, &w.v[i], old, old_scales, words, new_scales);
    else
      for (int k = 0; k < 2; k++) {
        assert_int_equal(code_of(words[k], i), code_of(old[k], i));
        assert_true(scale_of(new_scales, i, k) == scale_of(old_scales, i, k));
      }
    if (stepped) g.v[i] = 0;
  }
  op_test_close("weight", op_test_read(t, w.t), w.v, c.n, 1e-5);
  op_test_close("grad", op_test_read(t, g.t), g.v, c.n, 0);
}

// The values that bitsandbytes' maps have, by their definition's own words.
static void maps(op_test *t, const void *context) {
  (void)t, (void)context;
  adamw_8bit_codes(codes);
  for (int i = 1; i < ADAMW_8BIT_CODES; i++)
    if (i != MAP) assert_true(codes[i - 1] < codes[i]);
  assert_true(codes[127] == 0 && codes[MAP] == 0 && codes[MAP - 1] == 1 && codes[2 * MAP - 1] == 1);
  for (int i = 0; i < 127; i++) assert_true(codes[i] == -codes[254 - i]);
  const struct {
    int at;
    double value;
  } known[] = {{128, 0.55e-6},      {129, 0.325e-5},     {130, 0.775e-5},
               {254, 0.99296875},   {0, -0.99296875}, // 0.1 + 0.9 · 63.5 / 64
               {MAP + 1, 0.325e-6}, {MAP + 2, 0.775e-6}, {MAP + 254, 0.996484375}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!(fabs((double)codes[known[i].at] - known[i].value) <= 1e-6 * fabs(known[i].value)))
      fail_msg("code %d: expected %.9g, found %.9g", known[i].at, known[i].value, (double)codes[known[i].at]);
}

static const op_case cases[] = {
    {.name = "the maps", .run = maps},
    {.name = "the first step", .run = run, .shape = &(shape){1, 0, 1, 1, true, true, true}},
    {.name = "part of a region, no decay", .run = run, .shape = &(shape){41, 3, 37, 2, false, true, false}},
    {.name = "step 1000", .run = run, .shape = &(shape){3, 0, 3, 1000, true, true, false}},
    {.name = "not finite: only the gradients are cleared", .run = run, .shape = &(shape){5, 0, 5, 3, true, false, false}},
};
const op_suite adamw_8bit_suite = {.name = "adamw_8bit", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
