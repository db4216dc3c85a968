// Agglomerative clustering with average linkage: the two clusters whose members are nearest on average become one, until all are
// one (Sokal and Michener, 1958). By nearest-neighbour chains (Murtagh, "A survey of recent advances in hierarchical clustering
// algorithms", 1983), in n² time. What is equally near is taken in the order of the numbers, so that the same distances give the
// same clusters.
#ifndef DATA_AGGLOMERATE_H
#define DATA_AGGLOMERATE_H

#include "base/arena.h"

typedef struct agglomerate_merge {
  uint32_t a, b;   // an item of each of the two clusters: their least, a < b
  double distance; // between them: the mean over pairs
} agglomerate_merge;

// Of n ≥ 1 items with the distances d[n, n], symmetric. Returns n − 1 merges, the nearest first.
agglomerate_merge *agglomerate(arena *a, const float *d, uint32_t n);
// The `k` clusters that are left when n − k merges are done: labels[n], numbered in the order of their first items.
void agglomerate_cut(const agglomerate_merge *merges, uint32_t n, uint32_t k, uint32_t *labels);

// How well an item lies in its cluster (Rousseeuw, "Silhouettes", 1987): with a the mean distance to the others of its own, and b
// the least mean distance to those of another, (b − a) / max(a, b); 0 where it is alone. widths[n], and nearest[n], the other
// cluster (both may be NULL). Returns the mean. k ≥ 2.
double agglomerate_silhouette(arena *a, const float *d, uint32_t n, uint32_t k, const uint32_t *labels, double *widths,
                              uint32_t *nearest);

#endif
