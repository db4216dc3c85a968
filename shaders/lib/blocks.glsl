// Weights of quantized types, as their blocks lie in files (src/base/blocks.c says how), read as 32-bit words: four elements are
// decoded at once, on their way into registers or shared memory. Included by weight.glsl with -DBLOCKS. The arithmetic is that
// of blocks.c, to the bit.
//
// Blocks of 18, 22, 34 and 210 bytes begin in the middle of every second word: what spans two words is made of both, of which
// the second one is the first again where it does not. So nothing is read beyond the last block.
const uint WEIGHT_Q8_0 = 4, WEIGHT_Q4_0 = 5, WEIGHT_Q4_1 = 6, WEIGHT_Q5_0 = 7, WEIGHT_Q5_1 = 8;
const uint WEIGHT_Q4_K = 9, WEIGHT_Q5_K = 10, WEIGHT_Q6_K = 11, WEIGHT_NF4 = 12, WEIGHT_NF4_DOUBLE = 13;
#ifdef ADDRESSES
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer WEIGHT_WORDS { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer WEIGHT_LINES { uvec4 at[]; };
#define TAKES_WEIGHT WEIGHT_QUADS w,
#define WEIGHT w,
#define WORD(i) WEIGHT_WORDS(w).at[i]
#define LINE(i) WEIGHT_LINES(w).at[i]
#else
layout(set = 0, binding = WEIGHT_BINDING, std430) readonly buffer WEIGHT_LINES { uvec4 weight_lines[]; };
#define TAKES_WEIGHT
#define WEIGHT
#define WORD(i) weight_words[i]
#define LINE(i) weight_lines[i]
#endif

// --- pieces of a block -----------------------------------------------------------------------------------------------

// An f16 number. Not unpackHalf2x16, which may take subnormal numbers for 0: scales of small weights are such.
float half_of(uint bits) {
  const uint magnitude = bits & 0x7fffu, bias = magnitude < 0x7c00u ? 112u << 23 : 224u << 23; // infinity and NaN stay such
  const float normal = uintBitsToFloat((magnitude << 13) + bias), below = float(magnitude) * 5.9604644775390625e-8;
  return uintBitsToFloat(floatBitsToUint(magnitude < 0x400u ? below : normal) | (bits & 0x8000u) << 16);
}

// Two bytes from an even place on, and what lies above them.
uint pair_at(TAKES_WEIGHT uint place) {
  return WORD(place / 4) >> (place & 2) * 8;
}

// Four bytes from an even place on.
uint four_at(TAKES_WEIGHT uint place) {
  const uint first = WORD(place / 4), second = WORD((place + 2) / 4);
  return (place & 2) != 0 ? first >> 16 | second << 16 : first;
}

vec4 unsigned_bytes(uint word) {
  return vec4(word & 255u, word >> 8 & 255u, word >> 16 & 255u, word >> 24);
}

vec4 signed_bytes(uint word) {
  const int i = int(word);
  return vec4(i << 24 >> 24, i << 16 >> 24, i << 8 >> 24, i >> 24);
}

// Bits 0 … 3, each in a byte.
uint spread_bits(uint bits) {
  return (bits & 1u) | (bits & 2u) << 7 | (bits & 4u) << 14 | (bits & 8u) << 21;
}

// --- four elements of a block: quad q of it --------------------------------------------------------------------------

vec4 of_q8_0(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 34;
  return half_of(pair_at(WEIGHT at)) * signed_bytes(four_at(WEIGHT at + 2 + 4 * q));
}

uint nibbles(uint word, bool high) {
  return (high ? word >> 4 : word) & 0x0f0f0f0fu;
}

vec4 of_q4_0(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 18, word = four_at(WEIGHT at + 2 + 4 * (q & 3));
  return half_of(pair_at(WEIGHT at)) * (unsigned_bytes(nibbles(word, q > 3)) - 8.0);
}

vec4 of_q4_1(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 5, head = WORD(at), word = WORD(at + 1 + (q & 3));
  return half_of(head & 0xffffu) * unsigned_bytes(nibbles(word, q > 3)) + half_of(head >> 16);
}

vec4 of_q5_0(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 22, word = four_at(WEIGHT at + 6 + 4 * (q & 3)), fifth = four_at(WEIGHT at + 2) >> 4 * q;
  return half_of(pair_at(WEIGHT at)) * (unsigned_bytes(nibbles(word, q > 3) | spread_bits(fifth) << 4) - 16.0);
}

vec4 of_q5_1(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 6, head = WORD(at), word = WORD(at + 2 + (q & 3)), fifth = WORD(at + 1) >> 4 * q;
  const vec4 v = unsigned_bytes(nibbles(word, q > 3) | spread_bits(fifth) << 4);
  return half_of(head & 0xffffu) * v + half_of(head >> 16);
}

// d s and m t of part i, of 32 elements: head is the block's first 16 bytes.
vec2 k_scales(uvec4 head, uint i) {
  const uint k = 8 * (i & 3);
  uvec2 s = uvec2(head.y, head.z) >> k & 63u;
  if (i > 3) s = (uvec2(head.w, head.w >> 4) >> k & 15u) | (uvec2(head.y, head.z) >> (k + 6) & 3u) << 4;
  return vec2(half_of(head.x & 0xffffu), half_of(head.x >> 16)) * vec2(s);
}

vec4 of_q4_k(TAKES_WEIGHT uint block, uint q) {
  const uint word = WORD(block * 36 + 4 + 8 * (q / 16) + q % 8);
  const vec2 scales = k_scales(LINE(block * 9), q / 8);
  return scales.x * unsigned_bytes(nibbles(word, (q & 8) != 0)) - scales.y;
}

vec4 of_q5_k(TAKES_WEIGHT uint block, uint q) {
  const uint word = WORD(block * 44 + 12 + 8 * (q / 16) + q % 8), fifth = WORD(block * 44 + 4 + q % 8) >> q / 8 & 0x01010101u;
  const vec2 scales = k_scales(LINE(block * 11), q / 8);
  return scales.x * unsigned_bytes(nibbles(word, (q & 8) != 0) | fifth << 4) - scales.y;
}

vec4 of_q6_k(TAKES_WEIGHT uint block, uint q) {
  const uint at = block * 210, side = q / 32, part = q / 8 % 4, k = 4 * (q % 8);
  const uint low = nibbles(four_at(WEIGHT at + 64 * side + 32 * (part & 1) + k), part > 1);
  const uint high = four_at(WEIGHT at + 128 + 32 * side + k) >> 2 * part & 0x03030303u;
  const uint scales = pair_at(WEIGHT at + 192 + 8 * side + 2 * part) >> 8 * (k / 16);
  const float scale = half_of(pair_at(WEIGHT at + 208)) * float(int(scales) << 24 >> 24);
  return scale * (unsigned_bytes(low | high << 4) - 32.0);
}

float by_bit(uint q, float even, float odd) {
  return (q & 1) == 0 ? even : odd;
}

float by_bits(uint q, float a, float b, float c, float d) { // of the lowest two
  return (q & 2) == 0 ? by_bit(q, a, b) : by_bit(q, c, d);
}

// Choices, not a table: an array that is indexed by what is read lies in memory on real GPUs.
float nf4_value(uint q) {
  if ((q & 12) == 0) return by_bits(q, -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453);
  if ((q & 12) == 4) return by_bits(q, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0);
  if ((q & 12) == 8) return by_bits(q, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224);
  return by_bits(q, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0);
}

vec4 nf4_of(uint word) {
  return vec4(nf4_value(word), nf4_value(word >> 4), nf4_value(word >> 8), nf4_value(word >> 12));
}

vec4 of_nf4(TAKES_WEIGHT uint block, uint q) {
  return uintBitsToFloat(WORD(block * 9)) * nf4_of(WORD(block * 9 + 1 + q / 2) >> 16 * (q & 1));
}

// The dynamic map's value of a code: blocks.c's code_value, to the bit.
float dynamic_of(uint code) {
  if (code == 127) return 0.0;
  if (code == 255) return 1.0;
  const uint k = code < 127 ? 127 - code : code - 127;
  const int decade = findMSB(k);
  const float base =
      decade == 0 ? 5.49999982e-07 : decade == 1 ? 3.24999996e-06 : decade == 2 ? 2.12499999e-05 :
      decade == 3 ? 0.000156249997 : decade == 4 ? 0.00128125004 : decade == 5 ? 0.0114062503 : 0.107031249;
  const float width =
      decade == 0 ? 8.99999975e-07 : decade == 1 ? 4.50000016e-06 : decade == 2 ? 2.25000003e-05 :
      decade == 3 ? 0.000112499998 : decade == 4 ? 0.000562499976 : decade == 5 ? 0.00281250011 : 0.0140624996;
  precise float value = float(k - (1u << decade)) * width;
  value = base + value;
  return code < 127 ? -value : value;
}

vec4 of_nf4_double(TAKES_WEIGHT uint part, uint q) {
  const uint at = part * 2114, block = q / 16; // words
  const uint code = WORD(at + 2048 + block / 4) >> 8 * (block & 3) & 255u;
  precise float scale = dynamic_of(code) * uintBitsToFloat(WORD(at + 2112)); // rounded by itself, as on the host
  scale = scale + uintBitsToFloat(WORD(at + 2113));
  return scale * nf4_of(WORD(at + q / 2) >> 16 * (q & 1));
}

vec4 weight_at4(TAKES_WEIGHT uint i) {
  if (WEIGHT_TYPE == WEIGHT_Q8_0) return of_q8_0(WEIGHT i / 8, i % 8);
  if (WEIGHT_TYPE == WEIGHT_Q4_0) return of_q4_0(WEIGHT i / 8, i % 8);
  if (WEIGHT_TYPE == WEIGHT_Q4_1) return of_q4_1(WEIGHT i / 8, i % 8);
  if (WEIGHT_TYPE == WEIGHT_Q5_0) return of_q5_0(WEIGHT i / 8, i % 8);
  if (WEIGHT_TYPE == WEIGHT_Q5_1) return of_q5_1(WEIGHT i / 8, i % 8);
  if (WEIGHT_TYPE == WEIGHT_Q4_K) return of_q4_k(WEIGHT i / 64, i % 64);
  if (WEIGHT_TYPE == WEIGHT_Q5_K) return of_q5_k(WEIGHT i / 64, i % 64);
  if (WEIGHT_TYPE == WEIGHT_Q6_K) return of_q6_k(WEIGHT i / 64, i % 64);
  if (WEIGHT_TYPE == WEIGHT_NF4) return of_nf4(WEIGHT i / 16, i % 16);
  return of_nf4_double(WEIGHT i / 4096, i % 4096);
}

#ifndef ADDRESSES
float weight_at(uint i) {
  return weight_at4(i / 4)[i % 4];
}
#endif
