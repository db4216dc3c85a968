#include "support/blocks.h"

#include <string.h>

#include "base/err.h"

// How far the integers of a block spread, what takes their mean away, and where its f16 numbers d and m lie.
static const struct {
  double spread, mean;
  uint32_t d, m; // 0: no m, and at 0 only d
} kinds[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = {74, 0, 0, 0},
    [DTYPE_Q4_0] = {4.6, 0, 0, 0},
    [DTYPE_Q4_1] = {4.6, -7.5, 0, 2},
    [DTYPE_Q5_0] = {9.2, 0, 0, 0},
    [DTYPE_Q5_1] = {9.2, -15.5, 0, 2},
    [DTYPE_Q4_K] = {4.6 * 31.5, 7.5, 0, 2},
    [DTYPE_Q5_K] = {9.2 * 31.5, 15.5, 0, 2},
    [DTYPE_Q6_K] = {18.5 * 74, 0, 208, 0},
};

static void put_half(uint8_t *at, double x) {
  const uint16_t h = f32_to_f16((float)x);
  memcpy(at, &h, 2);
}

void blocks_random(rng *r, dtype t, uint64_t elements, double scale, uint8_t *out) {
  const dtype_info *info = dtype_get(t);
  REQUIRE(kinds[t].spread > 0 && elements % info->block_elements == 0, "%llu elements of %s", (unsigned long long)elements,
          info->name);
  for (uint64_t b = 0; b < elements / info->block_elements; b++, out += info->block_bytes) {
    const double d = scale / kinds[t].spread * (0.5 + rng_below(r, 1000) / 1000.0);
    for (uint32_t i = 0; i < info->block_bytes; i++) out[i] = (uint8_t)rng_below(r, 256);
    put_half(out + kinds[t].d, rng_below(r, 2) ? d : -d);
    if (kinds[t].m)
      put_half(out + kinds[t].m, kinds[t].mean * f16_to_f32((uint16_t)(out[kinds[t].d] | out[kinds[t].d + 1] << 8)));
  }
}
