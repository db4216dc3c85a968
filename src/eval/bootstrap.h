// Intervals for scores of tasks in clusters (Efron and Tibshirani, "An introduction to the bootstrap", 1993): clusters are drawn
// anew with replacement, then the instances of each task in those that were drawn; the score of a cluster is the mean over its
// tasks, that of all the mean over clusters. An interval has the middle 95 % of BOOTSTRAP_SAMPLES such scores.
#ifndef EVAL_BOOTSTRAP_H
#define EVAL_BOOTSTRAP_H

#include "base/arena.h"

enum { BOOTSTRAP_SAMPLES = 2000 };

// All of one metric. Instances of a task stand together, tasks of a cluster too.
typedef struct bootstrap_data {
  uint32_t n_clusters;
  const uint32_t *clusters; // [n_clusters + 1]: tasks [clusters[c], clusters[c + 1]) are in cluster c
  const uint64_t *tasks;    // [n_tasks + 1]: instances [tasks[t], tasks[t + 1]) are of task t; at least one
  uint32_t width;           // numbers of an instance
  const double *tuned;      // [n_instances, width]
  const double *base;       // the same instances by another model; NULL: none
  double (*total)(const void *of, const double *sums, uint64_t n); // a task's score, of its n instances' numbers summed
  const void *of;
} bootstrap_data;

typedef struct bootstrap_score {
  double tuned, low, high;                                  // the score itself, and its interval
  double base, difference, low_difference, high_difference; // paired: both models on the same drawn instances. 0 without base
} bootstrap_score;

// The middle 95 % of BOOTSTRAP_SAMPLES values, which are sorted.
void bootstrap_interval(double *values, double *low, double *high);

// tasks: [n_tasks], clusters: [n_clusters]. The same data and seed give the same bits.
void bootstrap_run(const bootstrap_data *d, uint64_t seed, bootstrap_score *tasks, bootstrap_score *clusters,
                   bootstrap_score *all);

#endif
