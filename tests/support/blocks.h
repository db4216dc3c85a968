// Weights of quantized types for tests: blocks of random integers, with scales that give the values a size.
#ifndef SUPPORT_BLOCKS_H
#define SUPPORT_BLOCKS_H

#include "base/dtype.h"
#include "base/rng.h"

// `elements` of ggml's type t, whose values have a mean near 0 and spread by about `scale`.
void blocks_random(rng *r, dtype t, uint64_t elements, double scale, uint8_t *out);

#endif
