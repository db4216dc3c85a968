#include "eval/sample.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"

typedef struct choice {
  double p;
  int32_t id;
} choice;

static int32_t most_likely(const float *logits, uint32_t n) {
  int32_t best = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (isnan(logits[i])) return (int32_t)i; // found by the caller's check
    if (logits[i] > logits[best]) best = (int32_t)i;
  }
  return best;
}

static int by_probability(const void *a, const void *b) {
  const choice *x = a, *y = b;
  if (x->p != y->p) return x->p < y->p ? 1 : -1;
  return x->id < y->id ? -1 : 1;
}

// softmax(logits / temperature), most likely first, not divided by its sum; the sum is returned.
static double weigh(const float *logits, uint32_t n, double temperature, choice *out) {
  const double largest = logits[most_likely(logits, n)];
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    out[i] = (choice){exp((logits[i] - largest) / temperature), (int32_t)i};
    sum += out[i].p;
  }
  qsort(out, n, sizeof *out, by_probability);
  return sum;
}

int32_t sample_token(const float *logits, uint32_t n, const sample_options *o, rng *r) {
  const int32_t best = most_likely(logits, n);
  if (!isfinite(logits[best])) return -1;
  if (o->temperature <= 0) return best;
  arena *a = arena_new("sampling");
  choice *all = ARENA_ARRAY(a, choice, n);
  const double limit = weigh(logits, n, o->temperature, all) * o->top_p;
  double kept = 0;
  uint32_t n_kept = 0;
  while (n_kept < n && (n_kept == 0 || kept < limit)) kept += all[n_kept++].p;
  double at = rng_uniform(r) * kept;
  uint32_t i = 0;
  while (i + 1 < n_kept && at >= all[i].p) at -= all[i++].p;
  const int32_t id = all[i].id;
  arena_free(a);
  return id;
}
