// Sorted by their first 6 symbols the runs are sorted by their first 1 to 5 as well, so equal ones of any order are neighbours.
#include "eval/ngrams.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare(const ngram *x, const ngram *y, uint32_t order) {
  for (uint32_t i = 0; i < order; i++)
    if (x->symbols[i] != y->symbols[i]) return x->symbols[i] < y->symbols[i] ? -1 : 1;
  return 0;
}

static int by_symbols(const void *x, const void *y) {
  return compare(x, y, NGRAM_MOST);
}

ngrams ngrams_of(arena *a, const uint32_t *symbols, uint64_t n, uint32_t most) {
  ngrams g = {ARENA_ARRAY(a, ngram, n), n};
  for (uint64_t i = 0; i < n; i++)
    for (uint64_t j = 0; j < most && i + j < n; j++) g.items[i].symbols[j] = symbols[i + j];
  if (n) qsort(g.items, (size_t)n, sizeof *g.items, by_symbols);
  return g;
}

uint64_t ngrams_count(const ngrams *g, uint32_t order) {
  return g->n >= order ? g->n - order + 1 : 0;
}

// Whether there is a run of `order` at *at, which is moved to it over shorter ones.
static bool find_run(const ngrams *g, uint64_t *at, uint32_t order) {
  while (*at < g->n && !g->items[*at].symbols[order - 1]) ++*at;
  return *at < g->n;
}

// How many equal it from there on.
static uint64_t run_length(const ngrams *g, uint64_t at, uint32_t order) {
  uint64_t end = at + 1;
  while (end < g->n && !compare(&g->items[at], &g->items[end], order)) end++;
  return end - at;
}

// How often `wanted` is in g from *at on, which is moved to where it could be.
static uint64_t count_of(const ngrams *g, uint64_t *at, const ngram *wanted, uint32_t order) {
  while (find_run(g, at, order)) {
    const int order_of = compare(&g->items[*at], wanted, order);
    if (order_of > 0) return 0;
    const uint64_t n = run_length(g, *at, order);
    if (!order_of) return n;
    *at += n;
  }
  return 0;
}

uint64_t ngrams_matches(arena *a, const ngrams *x, const ngrams *ys, uint32_t n_ys, uint32_t order) {
  uint64_t *at = ARENA_ARRAY(a, uint64_t, n_ys), matches = 0;
  for (uint64_t i = 0, n; find_run(x, &i, order); i += n) {
    uint64_t most = 0;
    n = run_length(x, i, order);
    for (uint32_t y = 0; y < n_ys; y++) {
      const uint64_t m = count_of(&ys[y], &at[y], &x->items[i], order);
      if (most < m) most = m;
    }
    matches += most < n ? most : n;
  }
  return matches;
}
