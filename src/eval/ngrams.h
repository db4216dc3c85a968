// Runs of 1 to 6 symbols of a list, and how many of them two lists have in common.
#ifndef EVAL_NGRAMS_H
#define EVAL_NGRAMS_H

#include "base/arena.h"

enum { NGRAM_MOST = 6 };

typedef struct ngram {
  uint32_t symbols[NGRAM_MOST]; // the one that begins here and those behind it; 0 behind the end
} ngram;

typedef struct ngrams {
  ngram *items; // [n], sorted
  uint64_t n;
} ngrams;

// symbols: [n], none of them 0. `most`: of a run, at most NGRAM_MOST.
ngrams ngrams_of(arena *a, const uint32_t *symbols, uint64_t n, uint32_t most);
// How many runs of `order` symbols it has.
uint64_t ngrams_count(const ngrams *g, uint32_t order);
// Of the runs of `order` in x, those that some list of ys has too: each as often as the one that has it most often.
uint64_t ngrams_matches(arena *a, const ngrams *x, const ngrams *ys, uint32_t n_ys, uint32_t order);

#endif
