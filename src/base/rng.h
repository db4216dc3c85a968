// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A number depends on its key and counter alone, never on how many were drawn before, so that dropout, shuffling and
// initialisation repeat whatever the batching. shaders/lib/philox.glsl computes the same.
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

typedef struct rng_block {
  uint32_t v[4];
} rng_block;

rng_block rng_philox(const uint32_t key[2], const uint32_t counter[4]);

// A stream for host use: key (seed, purpose), numbers drawn one after the other. Its state is three words, so it can be
// kept in a checkpoint; `purpose` separates streams of one seed (initialisation, shuffling, sampling…).
typedef struct rng {
  uint32_t key[2];
  uint64_t drawn;
} rng;

rng rng_new(uint64_t seed, uint32_t purpose);
uint32_t rng_u32(rng *r);
uint32_t rng_below(rng *r, uint32_t n); // uniform in [0, n), without bias; n > 0
double rng_uniform(rng *r);             // uniform in [0, 1), 53 bits
double rng_normal(rng *r);              // mean 0, variance 1 (Box–Muller)

enum {
  RNG_INIT = 1,
  RNG_SHUFFLE,
  RNG_SPLIT,
  RNG_SAMPLE,
  RNG_TEST,
  RNG_AUGMENT,
  RNG_TEMPLATE,
  RNG_BOOTSTRAP,
  RNG_CONTROL,
  RNG_MAKE
};

#endif
