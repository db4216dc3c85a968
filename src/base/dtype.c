#include "base/dtype.h"

#include <string.h>

#include "base/blocks.h"
#include "base/err.h"

static const dtype_info infos[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 1, 4},       [DTYPE_F16] = {"f16", 1, 2},
    [DTYPE_BF16] = {"bf16", 1, 2},     [DTYPE_I32] = {"i32", 1, 4},
    [DTYPE_Q8_0] = {"q8_0", 32, 34},   [DTYPE_Q4_0] = {"q4_0", 32, 18},
    [DTYPE_Q4_1] = {"q4_1", 32, 20},   [DTYPE_Q5_0] = {"q5_0", 32, 22},
    [DTYPE_Q5_1] = {"q5_1", 32, 24},   [DTYPE_Q4_K] = {"q4_k", 256, 144},
    [DTYPE_Q5_K] = {"q5_k", 256, 176}, [DTYPE_Q6_K] = {"q6_k", 256, 210},
    [DTYPE_NF4] = {"nf4", 64, 36},     [DTYPE_NF4_DOUBLE] = {"nf4_double", 16384, 8456},
};

const dtype_info *dtype_get(dtype t) {
  REQUIRE(t < DTYPE_COUNT, "dtype %d", (int)t);
  return &infos[t];
}

uint64_t dtype_bytes(dtype t, uint64_t elements) {
  const dtype_info *i = dtype_get(t);
  REQUIRE(elements % dtype_row_elements(t) == 0, "%llu elements of %s", (unsigned long long)elements, i->name);
  return (elements + i->block_elements - 1) / i->block_elements * i->block_bytes;
}

bool dtype_is_quantized(dtype t) {
  return dtype_get(t)->block_elements > 1;
}

uint32_t dtype_row_elements(dtype t) {
  return t == DTYPE_NF4_DOUBLE ? 64 : dtype_get(t)->block_elements;
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

void dtype_to_f32(dtype t, const void *in, float *out, uint64_t n) {
  const dtype_info *info = dtype_get(t);
  const uint8_t *p = in;
  REQUIRE(n % dtype_row_elements(t) == 0, "%llu elements of %s", (unsigned long long)n, info->name);
  switch (t) {
    case DTYPE_F32: memcpy(out, in, (size_t)n * 4); return;
    case DTYPE_F16:
      for (uint64_t i = 0; i < n; i++) out[i] = f16_to_f32(half_at(p + 2 * i));
      return;
    case DTYPE_BF16:
      for (uint64_t i = 0; i < n; i++) out[i] = bf16_to_f32(half_at(p + 2 * i));
      return;
    case DTYPE_NF4_DOUBLE: blocks_to_f32_nf4_double(in, out, n); return;
    default:
      REQUIRE(info->block_elements > 1, "%s is no float type", info->name);
      for (uint64_t b = 0; b < n / info->block_elements; b++)
        blocks_to_f32(t, p + b * info->block_bytes, out + b * info->block_elements);
  }
}

void dtype_from_f32(dtype t, const float *in, void *out, uint64_t n) {
  uint8_t *p = out;
  REQUIRE(n % dtype_row_elements(t) == 0, "%llu elements of %s", (unsigned long long)n, dtype_get(t)->name);
  switch (t) {
    case DTYPE_F32: memcpy(out, in, (size_t)n * 4); return;
    case DTYPE_F16:
    case DTYPE_BF16: break;
    case DTYPE_NF4:
      for (uint64_t b = 0; b < n / 64; b++) blocks_from_f32_nf4(in + 64 * b, p + 36 * b);
      return;
    case DTYPE_NF4_DOUBLE: blocks_from_f32_nf4_double(in, out, n); return;
    default: REQUIRE(false, "f32 to %s", dtype_get(t)->name);
  }
  for (uint64_t i = 0; i < n; i++) {
    uint16_t h = t == DTYPE_F16 ? f32_to_f16(in[i]) : f32_to_bf16(in[i]);
    memcpy(p + 2 * i, &h, 2);
  }
}
