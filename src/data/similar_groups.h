// Tasks in groups of similar ones, where nobody has said which belong together; and how far such groups are from what somebody
// has said.
#ifndef DATA_SIMILAR_GROUPS_H
#define DATA_SIMILAR_GROUPS_H

#include "base/err.h"
#include "data/cluster_file.h"
#include "data/task_similarity.h"

enum { SIMILAR_LEAST_TASKS = 3, SIMILAR_BORDERS = 10 };

typedef struct similar_task {
  uint32_t group, other; // other: the group that is the next nearest
  uint32_t like;         // the most similar task of other groups, of whichever
  double width;          // of its silhouette: how clearly it belongs to its group, in [−1, 1]; 0 where it is alone
  double similarity;     // of `like`
} similar_task;

typedef struct similar_groups {
  uint32_t n, n_tasks;
  similar_task *tasks;    // [n_tasks], as the texts have them
  const char **names;     // [n], of the words that weigh most in them; no two are equal
  const uint32_t **lists; // [n]: tasks of each, the clearest first
  uint32_t *sizes;        // [n]; the largest group is the first
  uint32_t *borders;      // [n_borders]: the tasks that belong least clearly to the group that they share with others
  uint32_t n_borders;     // at most SIMILAR_BORDERS
  double silhouette;      // mean width
} similar_groups;

// n_groups 0: of 2 to min(n_tasks − 1, 10 + 2·√n_tasks) groups the number with the highest silhouette, the fewest of equal ones.
bool similar_groups_find(arena *a, const task_texts *tasks, const task_similarity *similarity, uint32_t n_groups,
                         similar_groups *out, err *e);

// As a file of clusters.
cluster_file similar_groups_file(arena *a, const similar_groups *g, const task_texts *tasks);

// Agreement with the tasks' own categories, of the tasks that have one: the adjusted Rand index (Hubert and Arabie, "Comparing
// partitions", 1985), 1 where both are the same and 0 by chance. With Σ over pairs of a group and a category of C(nᵢⱼ, 2) = s,
// and a, b the same over groups and categories: (s − ab/C(n, 2)) / ((a + b)/2 − ab/C(n, 2)).
typedef struct similar_agreement {
  uint32_t n, n_categories; // tasks that have one
  double index;
  // The same for `n_permutations` random orders of the categories: what chance gives.
  uint32_t n_permutations, n_as_high; // n_as_high: of them with an index at least as high
  double mean, deviation, highest;
} similar_agreement;

// n_categories is below 2 where there is nothing to agree with; then the rest is 0.
similar_agreement similar_groups_agree(const similar_groups *g, const task_texts *tasks, uint32_t n_permutations, uint64_t seed);

// The index of two partitions of n things, numbered below n_x and n_y.
double similar_rand_index(const uint32_t *x, uint32_t n_x, const uint32_t *y, uint32_t n_y, uint32_t n);

#endif
