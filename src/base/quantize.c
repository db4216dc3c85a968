// The blocks of 32 elements as ggml's reference rounds them (quantize_row_q8_0_ref and quantize_row_q4_0_ref of ggml-quants.c), so
// that a file of ours and one of llama-quantize agree byte for byte. d is kept as f16, but divided by in f32.
//   Q8_0: d = max|x| / 127; q = x / d, halves away from zero.                              { d, q[32] }
//   Q4_0: d = x of the largest |x| / −8; q = ⌊x / d + 8.5⌋, at most 15: the value d (q − 8).   { d, q of i | q of i + 16 « 4, i < 16 }
#include "base/quantize.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

enum { BLOCK = 32 };

bool quantize_makes(dtype t) {
  return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16 || t == DTYPE_Q8_0 || t == DTYPE_Q4_0;
}

// The element whose magnitude is largest, the first of equals.
static float largest(const float *x) {
  float most = 0;
  for (int i = 0; i < BLOCK; i++)
    if (fabsf(x[i]) > fabsf(most)) most = x[i];
  return most;
}

static void put_scale(uint8_t *out, float d) {
  const uint16_t half = f32_to_f16(d);
  memcpy(out, &half, sizeof half);
}

// 0 also where all elements are so small that it has no f32: d is 0 as f16 long before.
static float inverse_of(float d) {
  const float inverse = 1 / d;
  return isfinite(inverse) ? inverse : 0;
}

static void block_q8_0(const float *x, uint8_t *out) {
  const float d = fabsf(largest(x)) / 127, inverse = inverse_of(d);
  put_scale(out, d);
  for (int i = 0; i < BLOCK; i++) out[2 + i] = (uint8_t)(int8_t)roundf(x[i] * inverse);
}

static uint8_t nibble(float x) {
  const int q = (int)(x + 8.5f);
  return (uint8_t)(q > 15 ? 15 : q);
}

static void block_q4_0(const float *x, uint8_t *out) {
  const float d = largest(x) / -8, inverse = inverse_of(d);
  put_scale(out, d);
  for (int i = 0; i < BLOCK / 2; i++) out[2 + i] = (uint8_t)(nibble(x[i] * inverse) | nibble(x[i + BLOCK / 2] * inverse) << 4);
}

void quantize(dtype t, const float *in, void *out, uint64_t n) {
  const dtype_info *info = dtype_get(t);
  REQUIRE(quantize_makes(t) && n % info->block_elements == 0, "%llu elements to %s", (unsigned long long)n, info->name);
  if (info->block_elements == 1) {
    dtype_from_f32(t, in, out, n);
    return;
  }
  uint8_t *p = out;
  for (uint64_t i = 0; i < n / BLOCK; i++, p += info->block_bytes)
    if (t == DTYPE_Q8_0) block_q8_0(in + BLOCK * i, p);
    else block_q4_0(in + BLOCK * i, p);
}
