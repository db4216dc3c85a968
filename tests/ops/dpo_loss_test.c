#include "support/op_test.h"

#include <math.h>

#include "ops/dead_rows.h"

enum { MOST_PAIRS = 8 };

typedef struct shape {
  uint32_t targets, pairs;    // capacities
  uint32_t live;              // pairs
  uint32_t of[MOST_PAIRS][2]; // targets of the two answers of each
  double beta, smoothing;
  bool normalised;
  double apart; // added to each log ratio of a chosen answer
} shape;

typedef struct problem {
  const shape *s;
  int32_t *spans;
  double *reference;
} problem;

// β times the log ratios of both answers, and Δ.
static double ratios_of(const problem *p, const double *loss, uint32_t i, double of[2], double share[2]) {
  const int32_t *span = p->spans + 4 * i;
  for (uint32_t a = 0; a < 2; a++) {
    of[a] = -p->reference[2 * i + a];
    for (int32_t t = span[a]; t < span[a + 1]; t++) of[a] -= loss[t];
    share[a] = p->s->normalised ? 1.0 / (span[a + 1] - span[a]) : 1;
  }
  return of[0] * share[0] - of[1] * share[1];
}

static void forward(const void *context, double *const *in, double *out) {
  const problem *p = context;
  double of[2], share[2];
  for (uint32_t i = 0; i < p->s->live; i++) {
    const double m = p->s->beta * ratios_of(p, in[0], i, of, share), e = p->s->smoothing;
    out[i] = (1 - e) * (log1p(exp(-fabs(m))) + fmax(-m, 0)) + e * (log1p(exp(-fabs(m))) + fmax(m, 0));
  }
}

static void backward(const void *context, double *const *in, const double *dpair, double *const *din) {
  const problem *p = context;
  double of[2], share[2];
  for (uint32_t i = 0; i < p->s->live; i++) {
    const double m = p->s->beta * ratios_of(p, in[0], i, of, share), e = p->s->smoothing;
    const double slope = p->s->beta * ((1 - e) / (1 + exp(m)) - e / (1 + exp(-m)));
    for (int32_t a = 0; a < 2; a++)
      for (int32_t t = p->spans[4 * i + (uint32_t)a]; t < p->spans[4 * i + (uint32_t)a + 1]; t++)
        din[0][t] += dpair[i] * slope * share[a] * (a ? -1 : 1);
  }
}

static void run(op_test *t, const void *context) {
  const shape *s = context;
  int32_t *spans = ARENA_ARRAY(t->memory, int32_t, 4 * s->pairs), *answers = ARENA_ARRAY(t->memory, int32_t, s->targets), at = 0;
  for (uint32_t i = 0; i < s->live; i++) {
    spans[4 * i] = at;
    for (uint32_t a = 0; a < 2; a++) {
      for (uint32_t k = 0; k < s->of[i][a]; k++) answers[at++] = (int32_t)(2 * i + a);
      spans[4 * i + 1 + a] = at;
    }
  }
  t->counts[LIVE_TARGETS] = (uint32_t)at;
  t->counts[LIVE_PAIRS] = s->live;
  op_value loss = op_test_random(t, "loss", DTYPE_F32, LIVE_TARGETS, 1, &s->targets, 1);
  kill_rows(t, loss.t, (uint32_t)at);
  op_test_wants_gradient(&loss);
  op_value reference = op_test_random(t, "reference", DTYPE_F32, LIVE_PAIRS, 2, (uint32_t[]){s->pairs, 2}, 3);
  for (uint32_t i = 0; i < s->pairs; i++) reference.v[2 * i] = (float)(reference.v[2 * i] - s->apart);
  reference = op_test_values(t, "reference", DTYPE_F32, LIVE_PAIRS, 2, (uint32_t[]){s->pairs, 2}, reference.v);
  kill_rows(t, reference.t, s->live);
  const problem p = {s, spans, reference.v};
  const dpo_pairs pairs = {op_test_ints(t, "spans", LIVE_PAIRS, 2, (uint32_t[]){s->pairs, 4}, spans), reference.t,
                           op_test_ints(t, "answers", LIVE_TARGETS, 1, &s->targets, answers)};
  tensor *rewards,
      *y = op_dpo_loss(t->graph, loss.t, &pairs, &(dpo_options){(float)s->beta, (float)s->smoothing, s->normalised}, &rewards);
  rewards->keep = true;
  const op_reference r = {
      .n_in = 1, .in_size = {s->targets}, .out_size = s->pairs, .context = &p, .forward = forward, .backward = backward};
  op_test_check(t, &r, y, &loss, (uint64_t[]){(uint64_t)at}, s->live, 3e-6);
  double *want = ARENA_ARRAY(t->memory, double, 2 * s->live), share[2];
  for (uint32_t i = 0; i < s->live; i++) {
    ratios_of(&p, loss.v, i, want + 2 * i, share);
    for (uint32_t a = 0; a < 2; a++) want[2 * i + a] *= s->beta;
  }
  op_test_close("rewards", op_test_read(t, rewards), want, 2 * s->live, 3e-6);
}

static const op_case cases[] = {
    {.name = "one pair", .backward = true, .run = run, .shape = &(shape){2, 1, 1, {{1, 1}}, 0.1, 0, false, 0}},
    {.name = "prime sizes, live below the capacities",
     .backward = true,
     .run = run,
     .shape = &(shape){337, 11, 3, {{67, 5}, {1, 131}, {31, 31}}, 0.1, 0, false, 0}},
    {.name = "label smoothing",
     .backward = true,
     .run = run,
     .shape = &(shape){97, 4, 4, {{7, 13}, {3, 1}, {17, 2}, {5, 41}}, 0.25, 0.125, false, 0}},
    {.name = "normalised lengths",
     .backward = true,
     .run = run,
     .shape = &(shape){97, 4, 3, {{7, 13}, {3, 1}, {17, 2}}, 2, 0.0625, true, 0}},
    {.name = "far apart, right", .backward = true, .run = run, .shape = &(shape){16, 2, 2, {{3, 5}, {2, 6}}, 1, 0, false, 40}},
    {.name = "far apart, wrong", .backward = true, .run = run, .shape = &(shape){16, 2, 2, {{3, 5}, {2, 6}}, 1, 0, false, -40}},
};
const op_suite dpo_loss_suite = {.name = "dpo_loss", .cases = cases, .n_cases = sizeof cases / sizeof *cases};
