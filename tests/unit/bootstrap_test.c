// Intervals: against what statistics says of simple cases, paired differences, clusters drawn before instances, the same bits.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "eval/bootstrap.h"

static double mean(const void *of, const double *sums, uint64_t n) {
  (void)of;
  return sums[0] / (double)n;
}

// A score that is no mean of its instances'.
static double ratio(const void *of, const double *sums, uint64_t n) {
  (void)of, (void)n;
  return 100 * sums[0] / sums[1];
}

static void near(double found, double wanted, double tolerance) {
  if (!(fabs(found - wanted) <= tolerance)) fail_msg("expected %g within %g, found %g", wanted, tolerance, found);
}

enum { N = 400 };
static const uint32_t one_cluster[] = {0, 1};
static const uint64_t one_task[] = {0, N};

// 400 throws of 30 %: the normal interval is 30 ± 1.96 · 100 √(0.3 · 0.7 / 400).
static void one_mean(void **state) {
  (void)state;
  double scores[N];
  for (int i = 0; i < N; i++) scores[i] = i % 10 < 3 ? 100 : 0;
  const bootstrap_data d = {
      .n_clusters = 1, .clusters = one_cluster, .tasks = one_task, .width = 1, .tuned = scores, .total = mean};
  bootstrap_score task, cluster, all;
  bootstrap_run(&d, 42, &task, &cluster, &all);
  near(task.tuned, 30, 1e-9);
  near(task.low, 30 - 4.49, 0.5);
  near(task.high, 30 + 4.49, 0.5);
  assert_memory_equal(&task, &cluster, sizeof task);
  assert_memory_equal(&task, &all, sizeof task); // of one cluster
  near(all.difference, 0, 0);
  bootstrap_score again, unused[2];
  bootstrap_run(&d, 42, &unused[0], &unused[1], &again);
  assert_memory_equal(&all, &again, sizeof all);
  bootstrap_run(&d, 43, &unused[0], &unused[1], &again);
  assert_true(again.low < all.low || again.low > all.low || again.high < all.high || again.high > all.high);
}

// Both models on the same instances: what they have in common falls out of the difference.
static void paired(void **state) {
  (void)state;
  double tuned[N], base[N];
  for (int i = 0; i < N; i++) base[i] = i % 100, tuned[i] = base[i] + (i % 2 ? 3 : 1);
  const bootstrap_data d = {
      .n_clusters = 1, .clusters = one_cluster, .tasks = one_task, .width = 1, .tuned = tuned, .base = base, .total = mean};
  bootstrap_score task, cluster, all;
  bootstrap_run(&d, 1, &task, &cluster, &all);
  near(all.difference, 2, 1e-9);
  near(all.base, 49.5, 1e-9);
  near(all.high_difference - all.low_difference, 2 * 1.96 / sqrt(N), 0.04);
  assert_true(all.high - all.low > 4); // the score itself is far less certain
}

// Clusters that differ much, whose instances do not at all: only drawing clusters makes an interval.
static void clusters_first(void **state) {
  (void)state;
  enum { CLUSTERS = 8, EACH = 5 };
  double scores[CLUSTERS * EACH];
  uint32_t clusters[CLUSTERS + 1];
  uint64_t tasks[CLUSTERS + 1];
  for (uint32_t c = 0; c <= CLUSTERS; c++) clusters[c] = c, tasks[c] = c * EACH;
  for (int i = 0; i < CLUSTERS * EACH; i++) scores[i] = i / EACH % 2 ? 80 : 20;
  const bootstrap_data d = {
      .n_clusters = CLUSTERS, .clusters = clusters, .tasks = tasks, .width = 1, .tuned = scores, .total = mean};
  bootstrap_score of_tasks[CLUSTERS], of_clusters[CLUSTERS], all;
  bootstrap_run(&d, 9, of_tasks, of_clusters, &all);
  for (int c = 0; c < CLUSTERS; c++) near(of_clusters[c].high - of_clusters[c].low, 0, 1e-9);
  near(all.tuned, 50, 1e-9);
  near(all.low, 50 - 1.96 * 30 / sqrt(CLUSTERS), 3);
  near(all.high, 50 + 1.96 * 30 / sqrt(CLUSTERS), 3);
}

// A cluster is the mean over its tasks, however many instances they have; scores of sums are made of sums.
static void tasks_of_a_cluster(void **state) {
  (void)state;
  const double numbers[] = {1, 2, 1, 2, 1, 2, 1, 4}; // three of 1/2, one of 1/4
  const uint32_t clusters[] = {0, 2};
  const uint64_t tasks[] = {0, 3, 4};
  const bootstrap_data d = {.n_clusters = 1, .clusters = clusters, .tasks = tasks, .width = 2, .tuned = numbers, .total = ratio};
  bootstrap_score of_tasks[2], cluster, all;
  bootstrap_run(&d, 2, of_tasks, &cluster, &all);
  near(of_tasks[0].tuned, 50, 1e-9);
  near(of_tasks[1].tuned, 25, 1e-9);
  near(cluster.tuned, 37.5, 1e-9);
  near(cluster.low, 37.5, 1e-9);
  const double uneven[] = {1, 1, 0, 99};
  const uint64_t pair[] = {0, 2};
  const bootstrap_data sums = {
      .n_clusters = 1, .clusters = one_cluster, .tasks = pair, .width = 2, .tuned = uneven, .total = ratio};
  bootstrap_run(&sums, 2, of_tasks, &cluster, &all);
  near(all.tuned, 1, 1e-9); // 1 of 100, not the mean of 100 and 0
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_mean),
      cmocka_unit_test(paired),
      cmocka_unit_test(clusters_first),
      cmocka_unit_test(tasks_of_a_cluster),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
