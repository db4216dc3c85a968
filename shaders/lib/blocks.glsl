// Weights of quantized types, as their blocks lie in files (src/base/blocks.c says how), read as 32-bit words: four elements are
// decoded at once, on their way into registers or shared memory. Included by weight.glsl with -DBLOCKS. The arithmetic is that
// of blocks.c, to the bit.
//
// Blocks of 18, 22, 34 and 210 bytes begin in the middle of every second word: what spans two words is made of both, of which
// the second one is the first again where it does not. So nothing is read beyond the last block.
const uint WEIGHT_Q8_0 = 4, WEIGHT_Q4_0 = 5, WEIGHT_Q4_1 = 6, WEIGHT_Q5_0 = 7, WEIGHT_Q5_1 = 8;
const uint WEIGHT_Q4_K = 9, WEIGHT_Q5_K = 10, WEIGHT_Q6_K = 11, WEIGHT_NF4 = 12, WEIGHT_NF4_DOUBLE = 13;
const float NF4[16] =
    float[](-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
            -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
            0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0);
// The dynamic map's positive values below 1 (base/blocks.h): codes 128 to 254. Code 127 is 0, 255 is 1, lower ones mirror these.
const float DYNAMIC[127] = float[](
    5.49999982e-07, 3.24999996e-06, 7.7499999e-06, 2.12499999e-05, 4.37499984e-05, 6.62500024e-05, 8.87499991e-05,
    0.000156249997, 0.000268750009, 0.000381249993, 0.000493749976, 0.000606250018, 0.000718750001, 0.000831249985,
    0.000943750027, 0.00128125004, 0.00184375001, 0.00240624999, 0.00296874996, 0.00353124994, 0.00409374991, 0.00465625012,
    0.00521874987, 0.00578125007, 0.00634374982, 0.00690625003, 0.00746874977, 0.00803124998, 0.00859375019, 0.00915625039,
    0.00971874967, 0.0114062503, 0.0142187504, 0.0170312505, 0.0198437497, 0.0226562507, 0.0254687499, 0.0282812491,
    0.0310937501, 0.0339062512, 0.0367187485, 0.0395312496, 0.0423437506, 0.0451562516, 0.047968749, 0.05078125, 0.053593751,
    0.0564062484, 0.0592187494, 0.0620312504, 0.0648437515, 0.0676562488, 0.0704687536, 0.0732812509, 0.0760937482,
    0.078906253, 0.0817187503, 0.0845312476, 0.0873437524, 0.0901562497, 0.092968747, 0.0957812518, 0.0985937491, 0.107031249,
    0.12109375, 0.135156244, 0.149218753, 0.163281247, 0.177343756, 0.19140625, 0.205468744, 0.219531253, 0.233593747,
    0.247656256, 0.26171875, 0.275781244, 0.289843738, 0.303906262, 0.317968756, 0.33203125, 0.346093744, 0.360156238,
    0.374218762, 0.388281256, 0.40234375, 0.416406244, 0.430468738, 0.444531262, 0.458593756, 0.47265625, 0.486718744,
    0.500781238, 0.514843762, 0.528906226, 0.54296875, 0.557031274, 0.571093738, 0.585156262, 0.599218726, 0.61328125,
    0.627343774, 0.641406238, 0.655468762, 0.669531226, 0.68359375, 0.697656274, 0.711718738, 0.725781262, 0.739843726,
    0.75390625, 0.767968774, 0.782031238, 0.796093762, 0.810156226, 0.82421875, 0.838281274, 0.852343738, 0.866406262,
    0.880468726, 0.89453125, 0.908593774, 0.922656238, 0.936718762, 0.950781226, 0.96484375, 0.978906274, 0.992968738);

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
  const uint magnitude = bits & 0x7fffu;
  const float normal = uintBitsToFloat((magnitude << 13) + (112u << 23)), below = float(magnitude) * 5.9604644775390625e-8;
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

vec4 nf4_of(uint word) {
  return vec4(NF4[word & 15], NF4[word >> 4 & 15], NF4[word >> 8 & 15], NF4[word >> 12 & 15]);
}

vec4 of_nf4(TAKES_WEIGHT uint block, uint q) {
  return uintBitsToFloat(WORD(block * 9)) * nf4_of(WORD(block * 9 + 1 + q / 2) >> 16 * (q & 1));
}

float dynamic_of(uint code) {
  if (code == 127) return 0.0;
  if (code == 255) return 1.0;
  return code < 127 ? -DYNAMIC[126 - code] : DYNAMIC[code - 128];
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
