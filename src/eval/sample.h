// Choosing the next token from logits.
#ifndef EVAL_SAMPLE_H
#define EVAL_SAMPLE_H

#include <stdint.h>

#include "base/rng.h"

// In the order in which they act, as in transformers: penalty, temperature, top-k, top-p of what top-k left, min-p.
typedef struct sample_options {
  double temperature;        // 0: the most likely token (the lowest id among equals)
  uint32_t top_k;            // only so many most likely tokens; 0: all
  double top_p;              // the smallest set of most likely tokens whose probabilities reach it; 1: all
  double min_p;              // only tokens at least so likely, as a share of the most likely one's probability; 0: all
  double repetition_penalty; // Keskar et al., "CTRL", 2019: see sample_penalize; 0 and 1: none
} sample_options;

// −1 where the most likely logit is not finite: a broken model must not answer as if it were well. The penalty is not
// applied here.
int32_t sample_token(const float *logits, uint32_t n, const sample_options *options, rng *r);

// For each token of ids [n] sets out[id] to its logit divided by `penalty` where that is positive, else multiplied: once,
// however often the token is there. out begins as a copy of logits.
void sample_penalize(const float *logits, const int32_t *ids, uint64_t n, double penalty, float *out);

// The random numbers of one token: they depend on the seed, the number of the prompt and the token's place in the answer
// alone, so that an answer is the same whatever else is answered beside it.
rng sample_rng(uint64_t seed, uint64_t prompt, uint32_t place);

#endif
