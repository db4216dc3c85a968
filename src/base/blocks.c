// Formulas as ggml's, to the bit: d and m are f16 numbers of the block, q an element's integer. Products of the two are exact
// in f32, so each value is rounded at most once.
//
//   type   block  bytes, in their order                          value
//   Q8_0     32   d, 32 q (signed)                               d q
//   Q4_0     32   d, 16 of nibbles                               d (q - 8)
//   Q4_1     32   d, m, 16 of nibbles                            d q + m
//   Q5_0     32   d, 4 of fifth bits, 16 of nibbles              d (q - 16)
//   Q5_1     32   d, m, 4 of fifth bits, 16 of nibbles           d q + m
//   Q4_K    256   d, m, 12 of scales, 128 of nibbles             d s q - m t, s and t of 6 bits for each 32 elements
//   Q5_K    256   d, m, 12 of scales, 32 of fifth bits, 128      the same
//   Q6_K    256   128 of nibbles, 64 of upper bits, 16 s, d      d s (q - 32), s of 8 bits (signed) for each 16 elements
//   NF4      64   a (f32), 32 of nibbles                         a table[q]
//
// In blocks of 32, low nibbles are elements 0-15 and high ones 16-31. NF4's low nibble is the element before that of the high
// one, in each byte.
#include "base/blocks.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

static float half_at(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return f16_to_f32(h);
}

// --- blocks of 32 --------------------------------------------------------------------------------------------------------

static void q8_0_to_f32(const uint8_t *p, float *out) {
  const float d = half_at(p);
  for (int i = 0; i < 32; i++) out[i] = d * (float)(int8_t)p[2 + i];
}

// fifth: a bit for each element, NULL: none.
static void nibbles_to_f32(const uint8_t *q, const uint8_t *fifth, float d, float m, float *out) {
  uint32_t bits = 0;
  if (fifth) memcpy(&bits, fifth, 4);
  for (int i = 0; i < 16; i++) {
    out[i] = d * (float)((q[i] & 15) | (int)(bits >> i & 1) << 4) + m;
    out[i + 16] = d * (float)(q[i] >> 4 | (int)(bits >> (i + 16) & 1) << 4) + m;
  }
}

// --- blocks of 256 ---------------------------------------------------------------------------------------------------------

// Numbers s and t of 6 bits of part i: parts 0-3 have theirs in the low bits of bytes 0-3 and 4-7; of parts 4-7 the low 4 bits
// lie in bytes 8-11, the upper 2 above those of parts 0-3.
static void k_scales(const uint8_t *p, int i, float *s, float *t) {
  if (i < 4) {
    *s = (float)(p[i] & 63);
    *t = (float)(p[i + 4] & 63);
    return;
  }
  *s = (float)((p[i + 4] & 15) | p[i - 4] >> 6 << 4);
  *t = (float)(p[i + 4] >> 4 | p[i] >> 6 << 4);
}

// Q4_K, or Q5_K with `fifth`, where bit i of byte k belongs to element k of part i.
static void k_to_f32(const uint8_t *p, const uint8_t *fifth, const uint8_t *q, float *out) {
  const float d = half_at(p), m = half_at(p + 2);
  for (int i = 0; i < 8; i++) {
    float s, t;
    k_scales(p + 4, i, &s, &t);
    for (int k = 0; k < 32; k++) {
      const int low = i % 2 ? q[32 * (i / 2) + k] >> 4 : q[32 * (i / 2) + k] & 15;
      out[32 * i + k] = d * s * (float)(low | (fifth ? fifth[k] >> i & 1 : 0) << 4) - m * t;
    }
  }
}

// Each half of the block is four parts of 32: the low nibbles of 2 · 32 bytes, then the high ones.
static void q6_k_to_f32(const uint8_t *p, float *out) {
  const float d = half_at(p + 208);
  for (int i = 0; i < 256; i++) {
    const int half = i / 128, part = i / 32 % 4, k = i % 32;
    const int low = p[64 * half + 32 * (part % 2) + k] >> (part / 2 * 4) & 15;
    const int high = p[128 + 32 * half + k] >> (2 * part) & 3;
    out[i] = d * (float)(int8_t)p[192 + i / 16] * (float)((low | high << 4) - 32);
  }
}

// --- nf4 -------------------------------------------------------------------------------------------------------------------

// The quantiles of a normal distribution that QLoRA takes (Dettmers et al. 2023), as bitsandbytes has them.
static const float nf4[16] = {-1.0f,
                              -0.6961928009986877f,
                              -0.5250730514526367f,
                              -0.39491748809814453f,
                              -0.28444138169288635f,
                              -0.18477343022823334f,
                              -0.09105003625154495f,
                              0.0f,
                              0.07958029955625534f,
                              0.16093020141124725f,
                              0.24611230194568634f,
                              0.33791524171829224f,
                              0.44070982933044434f,
                              0.5626170039176941f,
                              0.7229568362236023f,
                              1.0f};

static void nf4_to_f32(const uint8_t *p, float *out) {
  float largest;
  memcpy(&largest, p, 4);
  for (int i = 0; i < 64; i++) out[i] = largest * nf4[p[4 + i / 2] >> (i % 2 * 4) & 15];
}

// The entry that is nearest to x, the lower one of two that are equally near.
static int nearest_nf4(float x) {
  int i = 0;
  while (i < 15 && x > (nf4[i] + nf4[i + 1]) / 2) i++;
  return i;
}

void blocks_from_f32_nf4(const float *in, uint8_t *block) {
  float largest = 0;
  for (int i = 0; i < 64; i++) largest = fmaxf(largest, fabsf(in[i]));
  memcpy(block, &largest, 4);
  memset(block + 4, 0, 32);
  for (int i = 0; i < 64; i++) {
    const int q = nearest_nf4(largest > 0 ? in[i] / largest : 0);
    block[4 + i / 2] = (uint8_t)(block[4 + i / 2] | q << (i % 2 * 4));
  }
}

void blocks_to_f32(dtype t, const uint8_t *p, float *out) {
  switch (t) {
    case DTYPE_Q8_0: q8_0_to_f32(p, out); return;
    case DTYPE_Q4_0: nibbles_to_f32(p + 2, NULL, half_at(p), -8 * half_at(p), out); return;
    case DTYPE_Q4_1: nibbles_to_f32(p + 4, NULL, half_at(p), half_at(p + 2), out); return;
    case DTYPE_Q5_0: nibbles_to_f32(p + 6, p + 2, half_at(p), -16 * half_at(p), out); return;
    case DTYPE_Q5_1: nibbles_to_f32(p + 8, p + 4, half_at(p), half_at(p + 2), out); return;
    case DTYPE_Q4_K: k_to_f32(p, NULL, p + 16, out); return;
    case DTYPE_Q5_K: k_to_f32(p, p + 16, p + 48, out); return;
    case DTYPE_Q6_K: q6_k_to_f32(p, out); return;
    case DTYPE_NF4: nf4_to_f32(p, out); return;
    default: REQUIRE(false, "%s has no blocks", dtype_get(t)->name);
  }
}
