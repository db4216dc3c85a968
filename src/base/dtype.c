#include "base/dtype.h"

#include <string.h>

#include "base/err.h"

static const dtype_info infos[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 1, 4},     [DTYPE_F16] = {"f16", 1, 2},     [DTYPE_BF16] = {"bf16", 1, 2},
    [DTYPE_I32] = {"i32", 1, 4},     [DTYPE_Q8_0] = {"q8_0", 32, 34}, [DTYPE_Q4_0] = {"q4_0", 32, 18},
    [DTYPE_Q4_1] = {"q4_1", 32, 20},
};

const dtype_info *dtype_get(dtype t) {
  REQUIRE(t < DTYPE_COUNT, "dtype %d", (int)t);
  return &infos[t];
}

uint64_t dtype_bytes(dtype t, uint64_t elements) {
  const dtype_info *i = dtype_get(t);
  REQUIRE(elements % i->block_elements == 0, "%llu elements of %s", (unsigned long long)elements, i->name);
  return elements / i->block_elements * i->block_bytes;
}

float f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1F, mantissa = h & 0x3FF, bits;
  if (exponent == 0x1F) {
    bits = sign | 0x7F800000u | mantissa << 13;
  } else if (exponent) {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {
    float f = (float)mantissa * 0x1p-24f; // subnormal: mantissa · 2⁻²⁴
    return sign ? -f : f;
  }
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t f32_to_f16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00);  // NaN
  if (magnitude >= 0x477FF000) return (uint16_t)(sign | 0x7C00); // 65520 and above round to infinity
  if (magnitude < 0x38800000) {                                  // below 2⁻¹⁴: a multiple of 2⁻²⁴
    float scaled, rounded;
    memcpy(&scaled, &magnitude, 4);
    rounded = scaled + 0.5f; // an ulp of [0.5, 1) is 2⁻²⁴, so the addition rounds to nearest even
    uint32_t r;
    memcpy(&r, &rounded, 4);
    return (uint16_t)(sign | (r - 0x3F000000u));
  }
  uint32_t odd = magnitude >> 13 & 1;
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xFFF + odd) >> 13));
}

float bf16_to_f32(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t f32_to_bf16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static uint16_t half_at(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return h;
}

// ggml's 32-element blocks. Q8_0: scale d (f16), 32 int8. Q4_0: d, 16 bytes; low nibbles are elements 0–15, high ones
// 16–31; value d·(q − 8). Q4_1: d, m (f16); value d·q + m.
static void block_to_f32(dtype t, const uint8_t *p, float *out) {
  float d = f16_to_f32(half_at(p));
  if (t == DTYPE_Q8_0) {
    for (int i = 0; i < 32; i++) out[i] = d * (float)(int8_t)p[2 + i];
    return;
  }
  float m = t == DTYPE_Q4_1 ? f16_to_f32(half_at(p + 2)) : -8.0f * d;
  const uint8_t *q = p + (t == DTYPE_Q4_1 ? 4 : 2);
  for (int i = 0; i < 16; i++) {
    out[i] = d * (float)(q[i] & 15) + m;
    out[i + 16] = d * (float)(q[i] >> 4) + m;
  }
}

void dtype_to_f32(dtype t, const void *in, float *out, uint64_t n) {
  const dtype_info *info = dtype_get(t);
  const uint8_t *p = in;
  REQUIRE(n % info->block_elements == 0, "%llu elements of %s", (unsigned long long)n, info->name);
  switch (t) {
    case DTYPE_F32: memcpy(out, in, (size_t)n * 4); return;
    case DTYPE_F16:
      for (uint64_t i = 0; i < n; i++) out[i] = f16_to_f32(half_at(p + 2 * i));
      return;
    case DTYPE_BF16:
      for (uint64_t i = 0; i < n; i++) out[i] = bf16_to_f32(half_at(p + 2 * i));
      return;
    case DTYPE_Q8_0:
    case DTYPE_Q4_0:
    case DTYPE_Q4_1:
      for (uint64_t b = 0; b < n / 32; b++) block_to_f32(t, p + b * info->block_bytes, out + 32 * b);
      return;
    default: REQUIRE(false, "%s is no float type", info->name);
  }
}

void dtype_from_f32(dtype t, const float *in, void *out, uint64_t n) {
  uint8_t *p = out;
  REQUIRE(t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16, "f32 to %s", dtype_get(t)->name);
  if (t == DTYPE_F32) {
    memcpy(out, in, (size_t)n * 4);
    return;
  }
  for (uint64_t i = 0; i < n; i++) {
    uint16_t h = t == DTYPE_F16 ? f32_to_f16(in[i]) : f32_to_bf16(in[i]);
    memcpy(p + 2 * i, &h, 2);
  }
}
