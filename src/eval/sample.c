#include "eval/sample.h"

#include <math.h>

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

// --- the likeliest first -----------------------------------------------------------------------------------------------
// A heap: of 50,000 tokens a few hundred are wanted in their order, and sorting all would take as long as the model.

static bool is_before(const choice *a, const choice *b) {
  return a->p != b->p ? a->p > b->p : a->id < b->id;
}

static void sift_down(choice *heap, uint32_t n, uint32_t at) {
  const choice moved = heap[at];
  for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && is_before(&heap[child + 1], &heap[child])) child++;
    if (!is_before(&heap[child], &moved)) break;
    heap[at] = heap[child];
  }
  heap[at] = moved;
}

static void make_heap(choice *all, uint32_t n) {
  for (uint32_t i = n / 2; i > 0; i--) sift_down(all, n, i - 1);
}

// The likeliest of all[n] moves to all[n − 1], and the others are a heap again.
static choice *pop(choice *all, uint32_t n) {
  const choice top = all[0];
  all[0] = all[n - 1];
  sift_down(all, n - 1, 0);
  all[n - 1] = top;
  return &all[n - 1];
}

// Moves the tokens that may be drawn to the end of all[n], the likeliest last; how many. `sum` is that of all[n].
static uint32_t keep(choice *all, uint32_t n, double sum, const sample_options *o, double *kept) {
  const uint32_t most = o->top_k && o->top_k < n ? o->top_k : n;
  uint32_t popped = 0, n_kept = 0;
  make_heap(all, n);
  if (most < n)
    for (sum = 0; popped < most; popped++) sum += pop(all, n - popped)->p;
  const double limit = sum * o->top_p;
  for (*kept = 0; n_kept < most && (n_kept == 0 || o->top_p >= 1 || *kept < limit); n_kept++) {
    const choice *next = popped > n_kept ? &all[n - 1 - n_kept] : pop(all, n - n_kept);
    if (n_kept && next->p < o->min_p) break; // the likeliest has 1
    *kept += next->p;
  }
  return n_kept;
}

// --- drawing -------------------------------------------------------------------------------------------------------------

// Walks down from the last of all[n].
static int32_t draw(const choice *all, uint32_t n, double kept, rng *r) {
  double at = rng_uniform(r) * kept;
  uint32_t i = n - 1;
  while (i > 0 && at >= all[i].p) at -= all[i--].p;
  return all[i].id;
}

int32_t sample_token(const float *logits, uint32_t n, const sample_options *o, rng *r) {
  const int32_t best = most_likely(logits, n);
  if (!isfinite(logits[best])) return -1;
  if (o->temperature <= 0) return best;
  arena *a = arena_new("sampling");
  choice *all = ARENA_ARRAY(a, choice, n);
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    all[i] = (choice){exp(((double)logits[i] - logits[best]) / o->temperature), (int32_t)i};
    sum += all[i].p;
  }
  const bool every = !o->top_k && o->top_p >= 1 && o->min_p <= 0;
  const uint32_t n_kept = every ? n : keep(all, n, sum, o, &sum);
  const int32_t id = draw(all + n - n_kept, n_kept, sum, r);
  arena_free(a);
  return id;
}

void sample_penalize(const float *logits, const int32_t *ids, uint64_t n, double penalty, float *out) {
  for (uint64_t i = 0; i < n; i++) {
    const float of = logits[ids[i]]; // not of out: a token that is there twice is penalized once
    out[ids[i]] = (float)(of > 0 ? of / penalty : of * penalty);
  }
}

rng sample_rng(uint64_t seed, uint64_t prompt, uint32_t place) {
  rng r = rng_new(seed + prompt * 0x9E3779B97F4A7C15u, RNG_SAMPLE);
  r.drawn = (uint64_t)place * 4; // a block of Philox for each token, which draws half of it
  return r;
}
