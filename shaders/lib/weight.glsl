// Weights of any type: F32, or F16 and BF16 packed two to a word (the low half first), so that no 16-bit feature is
// needed. The includer first defines WEIGHT_BINDING (the binding's number) and WEIGHT_ID (a free constant_id): the
// specialization constant WEIGHT_TYPE is the tensor's `dtype`, and the decoding folds to one type's.
//
//   weight_at(i)   element i; rows of odd length are fine: they start in the middle of a word
//   weight_at4(i)  elements 4 i … 4 i + 3, in one load
//
// With -DADDRESSES: weight_at4(w, i), of a reference WEIGHT_QUADS w. With -DBLOCKS: weights of quantized types instead
// (blocks.glsl), in kernels of their own, so that the others stay small.
const uint WEIGHT_F32 = 0, WEIGHT_F16 = 1, WEIGHT_BF16 = 2; // as in base/dtype.h
layout(constant_id = WEIGHT_ID) const uint WEIGHT_TYPE = WEIGHT_F32;

// The two values of a word.
vec2 weight_unpack(uint word) {
  if (WEIGHT_TYPE == WEIGHT_F16) return unpackHalf2x16(word);
  return uintBitsToFloat(uvec2(word << 16, word & 0xffff0000u)); // BF16 is the upper half of an F32
}

#ifdef ADDRESSES

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer WEIGHT_QUADS { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer WEIGHT_PAIRS { uvec2 at[]; };

#ifndef BLOCKS
vec4 weight_at4(WEIGHT_QUADS w, uint i) {
  if (WEIGHT_TYPE == WEIGHT_F32) return w.at[i];
  const uvec2 words = WEIGHT_PAIRS(w).at[i];
  return vec4(weight_unpack(words.x), weight_unpack(words.y));
}
#endif

#else

layout(set = 0, binding = WEIGHT_BINDING, std430) readonly buffer WEIGHT_WORDS { uint weight_words[]; };
layout(set = 0, binding = WEIGHT_BINDING, std430) readonly buffer WEIGHT_PAIRS { uvec2 weight_pairs[]; };
layout(set = 0, binding = WEIGHT_BINDING, std430) readonly buffer WEIGHT_QUADS { vec4 weight_quads[]; };

#ifndef BLOCKS
float weight_at(uint i) {
  if (WEIGHT_TYPE == WEIGHT_F32) return uintBitsToFloat(weight_words[i]);
  const vec2 pair = weight_unpack(weight_words[i >> 1]);
  return (i & 1u) != 0u ? pair.y : pair.x;
}

vec4 weight_at4(uint i) {
  if (WEIGHT_TYPE == WEIGHT_F32) return weight_quads[i];
  const uvec2 words = weight_pairs[i];
  return vec4(weight_unpack(words.x), weight_unpack(words.y));
}
#endif

#endif

#ifdef BLOCKS
#include "blocks.glsl"
#endif
