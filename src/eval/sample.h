// Choosing the next token from logits.
#ifndef EVAL_SAMPLE_H
#define EVAL_SAMPLE_H

#include <stdint.h>

#include "base/rng.h"

typedef struct sample_options {
  double temperature; // 0: the most likely token (the lowest id among equals)
  double top_p;       // the smallest set of most likely tokens whose probabilities reach it; 1: all
} sample_options;

// −1 where the most likely logit is not finite: a broken model must not answer as if it were well.
int32_t sample_token(const float *logits, uint32_t n, const sample_options *options, rng *r);

#endif
