#include "data/agglomerate.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

// --- merges ------------------------------------------------------------------------------------------------------------

typedef struct linkage {
  double *d;      // [n, n]: of clusters, each at the place of its least item
  uint32_t *size; // [n]; 0: merged into another
  uint32_t n;
} linkage;

static double *between(const linkage *l, uint32_t x, uint32_t y) {
  return &l->d[(uint64_t)x * l->n + y];
}

// The nearest cluster; `before`, where it is as near as that: so a chain comes to an end.
static uint32_t nearest_to(const linkage *l, uint32_t x, uint32_t before) {
  uint32_t best = before;
  double least = before == UINT32_MAX ? DBL_MAX : *between(l, x, before);
  for (uint32_t y = 0; y < l->n; y++)
    if (y != x && l->size[y] && *between(l, x, y) < least) least = *between(l, x, y), best = y;
  return best;
}

// Lance and Williams: the mean over the pairs of both.
static void merge(const linkage *l, uint32_t x, uint32_t y) {
  const double nx = l->size[x], ny = l->size[y];
  for (uint32_t z = 0; z < l->n; z++) {
    if (!l->size[z] || z == x || z == y) continue;
    const double mean = (nx * *between(l, x, z) + ny * *between(l, y, z)) / (nx + ny);
    *between(l, x, z) = *between(l, z, x) = mean;
  }
  l->size[x] += l->size[y];
  l->size[y] = 0;
}

static int by_distance(const void *a, const void *b) {
  const agglomerate_merge *x = a, *y = b;
  if (x->distance < y->distance || x->distance > y->distance) return x->distance < y->distance ? -1 : 1;
  if (x->a != y->a) return x->a < y->a ? -1 : 1;
  return (x->b > y->b) - (x->b < y->b);
}

agglomerate_merge *agglomerate(arena *a, const float *d, uint32_t n) {
  agglomerate_merge *merges = ARENA_ARRAY(a, agglomerate_merge, n);
  arena *scratch = arena_new("distances of clusters");
  linkage l = {ARENA_ARRAY(scratch, double, (uint64_t)n *n), ARENA_ARRAY(scratch, uint32_t, n), n};
  uint32_t *chain = ARENA_ARRAY(scratch, uint32_t, n), length = 0, done = 0;
  for (uint64_t i = 0; i < (uint64_t)n * n; i++) l.d[i] = (double)d[i];
  for (uint32_t i = 0; i < n; i++) l.size[i] = 1;
  while (done + 1 < n) {
    if (!length) {
      uint32_t first = 0;
      while (!l.size[first]) first++;
      chain[length++] = first;
    }
    const uint32_t x = chain[length - 1], before = length > 1 ? chain[length - 2] : UINT32_MAX, y = nearest_to(&l, x, before);
    if (y != before) {
      chain[length++] = y;
      continue;
    }
    const uint32_t less = x < y ? x : y, more = x < y ? y : x;
    merges[done++] = (agglomerate_merge){less, more, *between(&l, x, y)};
    merge(&l, less, more);
    length -= 2;
  }
  if (done) qsort(merges, done, sizeof *merges, by_distance);
  arena_free(scratch);
  return merges;
}

// --- clusters ----------------------------------------------------------------------------------------------------------

static uint32_t root_of(uint32_t *parents, uint32_t i) {
  for (; parents[i] != i; i = parents[i]) parents[i] = parents[parents[i]];
  return i;
}

void agglomerate_cut(const agglomerate_merge *merges, uint32_t n, uint32_t k, uint32_t *labels) {
  REQUIRE(k && k <= n, "%u clusters of %u items", k, n);
  arena *a = arena_new("merged items");
  uint32_t *parents = ARENA_ARRAY(a, uint32_t, n), next = 0; // the least item of each cluster is its own
  for (uint32_t i = 0; i < n; i++) parents[i] = i;
  for (uint32_t m = 0; m < n - k; m++) {
    const uint32_t x = root_of(parents, merges[m].a), y = root_of(parents, merges[m].b);
    parents[x < y ? y : x] = x < y ? x : y;
  }
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t root = root_of(parents, i);
    labels[i] = root == i ? next++ : labels[root];
  }
  REQUIRE(next == k, "%u clusters instead of %u", next, k);
  arena_free(a);
}

double agglomerate_silhouette(arena *a, const float *d, uint32_t n, uint32_t k, const uint32_t *labels, double *widths,
                              uint32_t *nearest) {
  uint32_t *sizes = ARENA_ARRAY(a, uint32_t, k);
  double *sums = ARENA_ARRAY(a, double, k), all = 0;
  for (uint32_t i = 0; i < n; i++) sizes[labels[i]]++;
  for (uint32_t i = 0; i < n; i++) {
    memset(sums, 0, k * sizeof *sums);
    for (uint32_t j = 0; j < n; j++)
      if (j != i) sums[labels[j]] += (double)d[(uint64_t)i * n + j];
    const uint32_t own = labels[i];
    uint32_t other = own ? 0 : 1;
    for (uint32_t c = 0; c < k; c++)
      if (c != own && sums[c] / sizes[c] < sums[other] / sizes[other]) other = c;
    const double outside = sums[other] / sizes[other], inside = sizes[own] > 1 ? sums[own] / (sizes[own] - 1) : 0;
    const double most = outside > inside ? outside : inside, width = sizes[own] > 1 && most > 0 ? (outside - inside) / most : 0;
    all += width;
    if (widths) widths[i] = width;
    if (nearest) nearest[i] = other;
  }
  return all / n;
}
