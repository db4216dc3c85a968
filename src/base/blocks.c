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
// NF4_DOUBLE goes by parts of 16,384 elements, the last one filled up: 8,192 bytes of nibbles, then for each of the 256 blocks of
// 64 the code c of its a, a byte, then two f32 numbers, b and o: a = map[c] b + o. b is the largest |a - o| of the part, o the mean
// of all a.
//
// In blocks of 32, low nibbles are elements 0-15 and high ones 16-31. NF4's low nibble is the element before that of the high
// one, in each byte.
#include "base/blocks.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
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

// bitsandbytes does not divide by what it scales by but multiplies by this, which now and then rounds to the other neighbour.
static float inverse_of(float scale) {
  return 1 / fmaxf(scale, 1e-38f);
}

void blocks_from_f32_nf4(const float *in, uint8_t *block) {
  float largest = 0;
  for (int i = 0; i < 64; i++) largest = fmaxf(largest, fabsf(in[i]));
  memcpy(block, &largest, 4);
  memset(block + 4, 0, 32);
  const float inverse = inverse_of(largest);
  for (int i = 0; i < 64; i++) {
    const int q = nearest_nf4(in[i] * inverse);
    block[4 + i / 2] = (uint8_t)(block[4 + i / 2] | q << (i % 2 * 4));
  }
}

// --- nf4, doubly quantized ---------------------------------------------------------------------------------------------------

enum { DECADES = 7, BLOCK = 64, NIBBLES = 8192, CODES = 256, PART = NIBBLES + CODES + 8 };

// Where interval k of [0.1, 1] begins, rounded as bitsandbytes has it of torch.linspace: steps from the nearer end.
static float interval_begin(uint32_t k, uint32_t intervals) {
  const float step = (1 - 0.1f) / (float)intervals;
  return (float)(k < (intervals + 1) / 2 ? 0.1f + (double)step * k : 1 - (double)step * (intervals - k));
}

// The positive values below 1, ascending: 2^(i + more) of decade i. Returns how many.
static uint32_t put_decades(uint32_t more, float *out) {
  uint32_t n = 0;
  for (int i = 0; i < DECADES; i++) {
    const uint32_t intervals = 1u << ((uint32_t)i + more);
    const float unit = (float)pow(10, i - 6);
    for (uint32_t k = 0; k < intervals; k++)
      out[n++] = unit * ((interval_begin(k, intervals) + interval_begin(k + 1, intervals)) / 2);
  }
  return n;
}

void blocks_dynamic_map(bool is_signed, float out[DYNAMIC_MAP]) {
  float positive[DYNAMIC_MAP];
  const uint32_t n = put_decades(is_signed ? 0 : 1, positive), below = is_signed ? n : 0;
  for (uint32_t k = 0; k < below; k++) out[k] = -positive[n - 1 - k];
  out[below] = 0;
  memcpy(out + below + 1, positive, n * sizeof *out);
  out[DYNAMIC_MAP - 1] = 1;
  REQUIRE(below + n + 2 == DYNAMIC_MAP, "%u values in the map", below + n + 2);
}

// The signed map's value of a code, by its decade. Two roundings, here as on the device: at most the last bit beside the map's own.
static float code_value(uint8_t code) {
  static const float base[DECADES] = {5.49999982e-07f, 3.24999996e-06f, 2.12499999e-05f, 0.000156249997f,
                                      0.00128125004f,  0.0114062503f,   0.107031249f};
  static const float width[DECADES] = {8.99999975e-07f, 4.50000016e-06f, 2.25000003e-05f, 0.000112499998f,
                                       0.000562499976f, 0.00281250011f,  0.0140624996f};
  const uint32_t k = code < 127 ? 127u - code : code - 127u;
  int decade = 0;
  if (!k) return 0;
  if (code == 255) return 1;
  while (k >> (decade + 1)) decade++;
  const float offset = (float)(k - (1u << decade)) * width[decade], value = base[decade] + offset;
  return code < 127 ? -value : value;
}

static float scale_of(const uint8_t *part, uint32_t block) {
  float b, o;
  memcpy(&b, part + NIBBLES + CODES, 4);
  memcpy(&o, part + NIBBLES + CODES + 4, 4);
  const float product = code_value(part[NIBBLES + block]) * b; // rounded by itself, here and on the device
  return product + o;
}

void blocks_to_f32_nf4_double(const uint8_t *p, float *out, uint64_t n) {
  for (uint64_t k = 0; k < n / BLOCK; k++) {
    const uint8_t *part = p + k / CODES * PART, *q = part + k % CODES * (BLOCK / 2);
    const float a = scale_of(part, k % CODES);
    for (int i = 0; i < BLOCK; i++) out[k * BLOCK + (uint64_t)i] = a * nf4[q[i / 2] >> (i % 2 * 4) & 15];
  }
}

// As nearest_nf4, of the map.
static uint8_t nearest_code(const float map[DYNAMIC_MAP], float x) {
  int low = 0, high = DYNAMIC_MAP - 1;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (map[middle] <= x) low = middle;
    else high = middle;
  }
  return (uint8_t)(x > (map[low] + map[high]) / 2 ? high : low);
}

// The scales a of a part's blocks, of which there are n.
static void encode_scales(const float map[DYNAMIC_MAP], const float *a, uint64_t n, float o, uint8_t *part) {
  float b = 0;
  for (uint64_t k = 0; k < n; k++) b = fmaxf(b, fabsf(a[k] - o));
  const float inverse = inverse_of(b);
  for (uint64_t k = 0; k < n; k++) part[NIBBLES + k] = nearest_code(map, (a[k] - o) * inverse);
  memcpy(part + NIBBLES + CODES, &b, 4);
  memcpy(part + NIBBLES + CODES + 4, &o, 4);
}

void blocks_from_f32_nf4_double(const float *in, uint8_t *p, uint64_t n) {
  const uint64_t blocks = n / BLOCK;
  arena *memory = arena_new("scales");
  float map[DYNAMIC_MAP], *a = ARENA_ARRAY(memory, float, blocks);
  uint8_t block[4 + BLOCK / 2];
  double sum = 0;
  blocks_dynamic_map(true, map);
  memset(p, 0, (size_t)((blocks + CODES - 1) / CODES * PART));
  for (uint64_t k = 0; k < blocks; k++) {
    blocks_from_f32_nf4(in + k * BLOCK, block);
    memcpy(&a[k], block, 4);
    memcpy(p + k / CODES * PART + k % CODES * (BLOCK / 2), block + 4, BLOCK / 2);
    sum += (double)a[k];
  }
  for (uint64_t k = 0; k < blocks; k += CODES)
    encode_scales(map, a + k, blocks - k < CODES ? blocks - k : CODES, (float)(sum / (double)blocks), p + k / CODES * PART);
  arena_free(memory);
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
