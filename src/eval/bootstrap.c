// Sample s draws from its own stream of random numbers: first the instances of each task in turn, for the intervals of tasks and
// clusters, then clusters, each with instances of its own, for that of all. Of quantile q of the n sorted scores, place q (n − 1)
// counts, between two of them in proportion.
#include "eval/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

// Scores of all samples: [2][BOOTSTRAP_SAMPLES], the tuned model's and the differences.
typedef struct samples {
  double *tuned, *difference;
} samples;

typedef struct pair {
  double tuned, base;
} pair;

typedef struct resampling {
  const bootstrap_data *d;
  double *sums[2]; // [width]
} resampling;

static void add(double *sums, const double *numbers, uint32_t width) {
  for (uint32_t i = 0; i < width; i++) sums[i] += numbers[i];
}

// A task's scores: of its own instances, or where r is given of as many that are drawn from them.
static pair score_task(const resampling *w, uint32_t task, rng *r) {
  const bootstrap_data *d = w->d;
  const uint64_t first = d->tasks[task], n = d->tasks[task + 1] - first;
  memset(w->sums[0], 0, d->width * sizeof(double));
  memset(w->sums[1], 0, d->width * sizeof(double));
  for (uint64_t i = 0; i < n; i++) {
    const uint64_t at = (first + (r ? rng_below(r, (uint32_t)n) : i)) * d->width;
    add(w->sums[0], d->tuned + at, d->width);
    if (d->base) add(w->sums[1], d->base + at, d->width);
  }
  return (pair){d->total(d->of, w->sums[0], n), d->base ? d->total(d->of, w->sums[1], n) : 0};
}

static uint32_t size_of(const bootstrap_data *d, uint32_t cluster) {
  return d->clusters[cluster + 1] - d->clusters[cluster];
}

static void add_share(pair *sum, pair x, uint32_t n) {
  sum->tuned += x.tuned / n;
  sum->base += x.base / n;
}

static pair score_cluster(const resampling *w, uint32_t cluster, rng *r) {
  const uint32_t first = w->d->clusters[cluster], n = size_of(w->d, cluster);
  pair sum = {0, 0};
  for (uint32_t t = first; t < first + n; t++) add_share(&sum, score_task(w, t, r), n);
  return sum;
}

static void keep(samples *of, uint32_t sample, pair x) {
  of->tuned[sample] = x.tuned;
  of->difference[sample] = x.tuned - x.base;
}

static void draw(const resampling *w, uint32_t sample, uint64_t seed, samples *tasks, samples *clusters, samples *all) {
  const bootstrap_data *d = w->d;
  rng r = rng_new(seed, RNG_BOOTSTRAP);
  r.drawn = (uint64_t)sample << 40;
  for (uint32_t c = 0; c < d->n_clusters; c++) {
    pair sum = {0, 0};
    for (uint32_t t = d->clusters[c]; t < d->clusters[c + 1]; t++) {
      const pair x = score_task(w, t, &r);
      keep(&tasks[t], sample, x);
      add_share(&sum, x, size_of(d, c));
    }
    keep(&clusters[c], sample, sum);
  }
  if (d->n_clusters == 1) {
    all->tuned[sample] = clusters->tuned[sample];
    all->difference[sample] = clusters->difference[sample];
    return;
  }
  pair sum = {0, 0};
  for (uint32_t c = 0; c < d->n_clusters; c++) add_share(&sum, score_cluster(w, rng_below(&r, d->n_clusters), &r), d->n_clusters);
  keep(all, sample, sum);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void bootstrap_interval(double *values, double *low, double *high) {
  const double last = BOOTSTRAP_SAMPLES - 1, outside = 0.025;
  double *const ends[] = {low, high};
  qsort(values, BOOTSTRAP_SAMPLES, sizeof *values, by_value);
  for (int i = 0; i < 2; i++) {
    const double at = (i ? 1 - outside : outside) * last;
    const uint32_t k = (uint32_t)at;
    *ends[i] = values[k] + (at - k) * (values[k + 1] - values[k]);
  }
}

static bootstrap_score score_of(samples *of, pair whole, bool paired) {
  bootstrap_score s = {.tuned = whole.tuned, .base = whole.base};
  bootstrap_interval(of->tuned, &s.low, &s.high);
  if (!paired) return s;
  s.difference = whole.tuned - whole.base;
  bootstrap_interval(of->difference, &s.low_difference, &s.high_difference);
  return s;
}

static samples *samples_new(arena *a, uint32_t n) {
  samples *s = ARENA_ARRAY(a, samples, n);
  for (uint32_t i = 0; i < n; i++)
    s[i] = (samples){ARENA_ARRAY(a, double, BOOTSTRAP_SAMPLES), ARENA_ARRAY(a, double, BOOTSTRAP_SAMPLES)};
  return s;
}

void bootstrap_run(const bootstrap_data *d, uint64_t seed, bootstrap_score *tasks, bootstrap_score *clusters,
                   bootstrap_score *all) {
  arena *a = arena_new("bootstrap");
  const uint32_t n_tasks = d->clusters[d->n_clusters];
  const resampling w = {d, {ARENA_ARRAY(a, double, d->width), ARENA_ARRAY(a, double, d->width)}};
  samples *of_tasks = samples_new(a, n_tasks), *of_clusters = samples_new(a, d->n_clusters), *of_all = samples_new(a, 1);
  for (uint32_t s = 0; s < BOOTSTRAP_SAMPLES; s++) draw(&w, s, seed, of_tasks, of_clusters, of_all);
  pair sum = {0, 0};
  for (uint32_t c = 0; c < d->n_clusters; c++) {
    const pair whole = score_cluster(&w, c, NULL);
    clusters[c] = score_of(&of_clusters[c], whole, d->base != NULL);
    add_share(&sum, whole, d->n_clusters);
  }
  for (uint32_t t = 0; t < n_tasks; t++) tasks[t] = score_of(&of_tasks[t], score_task(&w, t, NULL), d->base != NULL);
  *all = score_of(of_all, sum, d->base != NULL);
  arena_free(a);
}
