#include "base/rng.h"

#include <math.h>

rng_block rng_philox(const uint32_t key[2], const uint32_t counter[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1, c3 = (uint32_t)p0, c0 = n0, c2 = n2;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return (rng_block){{c0, c1, c2, c3}};
}

rng rng_new(uint64_t seed, uint32_t purpose) {
  return (rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ purpose * 0x9E3779B9u}};
}

uint32_t rng_u32(rng *r) {
  uint64_t n = r->drawn++;
  rng_block b = rng_philox(r->key, (uint32_t[4]){(uint32_t)(n >> 2), (uint32_t)(n >> 34), 0, 0});
  return b.v[n & 3];
}

uint32_t rng_below(rng *r, uint32_t n) {
  uint32_t reject = (uint32_t)(-n) % n; // 2^32 mod n: the values below it would be drawn once too often
  for (;;) {
    uint32_t v = rng_u32(r);
    if (v >= reject) return v % n;
  }
}

double rng_uniform(rng *r) {
  uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;
  return (double)(high << 26 | low) * 0x1p-53;
}

double rng_normal(rng *r) {
  double u = 1.0 - rng_uniform(r), v = rng_uniform(r); // u in (0, 1]
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
