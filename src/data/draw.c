#include "data/draw.h"

#include "base/rng.h"

uint64_t draw_key(uint64_t seed, uint32_t index, uint32_t purpose) {
  const rng stream = rng_new(seed, RNG_SPLIT);
  const rng_block b = rng_philox(stream.key, (uint32_t[4]){index, purpose});
  return (uint64_t)b.v[0] << 32 | b.v[1];
}

int draw_order(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->task != y->task) return x->task < y->task ? -1 : 1;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->i > y->i) - (x->i < y->i);
}
