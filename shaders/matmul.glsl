// What all matrix products share: bindings, loads of four consecutive elements, the store of a result.
// The three products differ in how their operands are stored (N activation rows, as in src/ops/matmul.h):
//
//            a stored     b stored     contiguous along
//   NT       [m, k]       [n, k]       k, k     forward: y = x Wᵀ
//   NN       [m, k]       [k, n]       k, n     input gradient: dx = dy W
//   TN       [k, m]       [k, n]       m, n     weight gradient: dW = dyᵀ x
//
// a is F32; b is a weight of any type, or an activation (F32). With -DBLOCKS it is a weight of a quantized type (not in TN).
//
// With -DADDRESSES buffers come as addresses behind the parameters, in the order of the bindings, which cost no test of
// bounds at each load (on lavapipe twice the speed). So nothing may be read beyond a buffer's end, not even by a loop's
// last round with all invocations switched off, which lavapipe goes through: loops test at their end, and indices are
// clamped. Only shapes with VEC4.
//
// With -DTURNED (NT) the columns are heads of HEAD_DIM features, which the rotary embedding turns before they are stored: an
// invocation holds both halves of a head's pairs, (j, j + HEAD_DIM / 2), and cos and sin of half a head lie in a row of
// each position.
#extension GL_EXT_control_flow_attributes : require
#include "matmul_params.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROWS = 8;     // of out, for one invocation
layout(constant_id = 2) const uint COLS = 1;     // columns or groups of four columns, for one invocation
#define WEIGHT_ID 3
#define WEIGHT_BINDING 2
layout(constant_id = 4) const bool VEC4 = false; // all offsets, strides and contiguous dimensions are multiples of 4

#ifdef TURNED
layout(constant_id = 11) const uint HEAD_DIM = 64;
const uint HALF = HEAD_DIM / 2;
#endif

#ifdef ADDRESSES
#extension GL_EXT_buffer_reference : require
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer COUNTS { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer A_QUADS { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer OUT { float at[]; };
#include "lib/weight.glsl"
#ifdef TURNED
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer ANGLES { float at[]; };
layout(push_constant) uniform PARAMS {
  matmul_params p;
  COUNTS to_counts;
  A_QUADS to_a;
  WEIGHT_QUADS to_weight;
  OUT to_out;
  COUNTS to_positions;
  ANGLES to_cosines;
  ANGLES to_sines;
};
#define positions to_positions.at
#define cosines to_cosines.at
#define sines to_sines.at
#else
layout(push_constant) uniform PARAMS { matmul_params p; COUNTS to_counts; A_QUADS to_a; WEIGHT_QUADS to_weight; OUT to_out; };
#endif
#define counts to_counts.at
#define a_quads to_a.at
#define result to_out.at
#else
layout(push_constant) uniform PARAMS { matmul_params p; };
layout(std430, binding = 0) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 1) readonly buffer A { float a[]; };
layout(std430, binding = 1) readonly buffer A_QUADS { vec4 a_quads[]; };
layout(std430, binding = 3) buffer OUT { float result[]; };
#ifdef TURNED
layout(std430, binding = 4) readonly buffer POSITIONS { uint positions[]; };
layout(std430, binding = 5) readonly buffer COSINES { float cosines[]; };
layout(std430, binding = 5) readonly buffer COSINE_QUADS { vec4 cosine_quads[]; };
layout(std430, binding = 6) readonly buffer SINES { float sines[]; };
layout(std430, binding = 6) readonly buffer SINE_QUADS { vec4 sine_quads[]; };
#endif
#include "lib/weight.glsl"
#endif
#include "lib/live.glsl"

// Elements at … at + 3 of a; those from the `left`-th on are 0 (with VEC4: at is a multiple of 4, and left at least 4).
vec4 a_load(uint at, uint left) {
#ifdef ADDRESSES
  return a_quads[at / 4];
#else
  if (VEC4) return a_quads[at / 4];
  vec4 v = vec4(0.0);
  [[unroll]] for (uint c = 0; c < 4; c++)
    if (c < left) v[c] = a[at + c];
  return v;
#endif
}

vec4 b_load(uint at, uint left) {
#ifdef ADDRESSES
  return weight_at4(to_weight, at / 4);
#elif defined BLOCKS
  return VEC4 || left > 0 ? weight_at4(at / 4) : vec4(0.0); // rows are whole blocks, whatever a has
#else
  if (VEC4) return weight_at4(at / 4);
  vec4 v = vec4(0.0);
  [[unroll]] for (uint c = 0; c < 4; c++)
    if (c < left) v[c] = weight_at(at + c);
  return v;
#endif
}

void store(uint row, uint col, float sum) {
  const uint at = p.out_offset + row * p.out_stride + col;
  const float y = p.alpha * sum;
  result[at] = p.accumulate != 0 ? result[at] + y : y;
}

#ifdef TURNED
// Of a pair: the column of its first half.
void store_turned(uint row, uint col, vec2 sum) {
  const uint at = p.out_offset + row * p.out_stride + col, from = min(row, max(live_rows(p.rows, p.live), 1) - 1);
  const uint angle = positions[from] * HALF + col % HEAD_DIM;
  vec2 y = p.alpha * sum;
  if (p.accumulate != 0) y += vec2(result[at], result[at + HALF]);
  result[at] = y.x * cosines[angle] - y.y * sines[angle];
  result[at + HALF] = y.y * cosines[angle] + y.x * sines[angle];
}
#endif
