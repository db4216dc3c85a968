// attention_decode for CPU devices: a workgroup, which is one subgroup, holds one query with HEADS of its heads that share a
// key head. In a block of keys its invocations lie beside each other along the keys for the scores, and along the features for
// the sums, so that these stay in registers and need not be put together. What is the same for all of them, elements of the
// query and weights, are scalars, broadcast. The order of all sums is fixed, and does not depend on where the keys lie.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_lanes.glsl"

#ifdef ADDRESSES
layout(push_constant) uniform PARAMS {
  attention_params p;
  IN_ROWS to_q;
  IN_ROWS to_k;
  IN_FLOATS to_v;
  IN_RANGES to_ranges;
  IN_COUNTS to_counts;
  OUT_FLOATS to_o;
  OUT_FLOATS to_lse;
};
#else
layout(push_constant) uniform PARAMS { attention_params p; };
layout(std430, binding = 0) readonly buffer Q { vec4 at[]; } to_q;
layout(std430, binding = 1) readonly buffer K { vec4 at[]; } to_k;
layout(std430, binding = 2) readonly buffer V { float at[]; } to_v;
layout(std430, binding = 3) readonly buffer RANGES { uvec4 at[]; } to_ranges;
layout(std430, binding = 4) readonly buffer COUNTS { uint at[]; } to_counts;
layout(std430, binding = 5) writeonly buffer O { float at[]; } to_o;
layout(std430, binding = 6) writeonly buffer LSE { float at[]; } to_lse;
#endif
#define CAPPED_ID 4
#include "attention_cap.glsl"
#define counts to_counts.at
#include "lib/live.glsl"

const float LOW = -1e30; // below every score, and finite
const uint LANES = gl_WorkGroupSize.x, FEATURES = (DIM + LANES - 1) / LANES, BLOCK = STEP * LANES;

shared float weights[HEADS * BLOCK];
shared float tops[HEADS * LANES];

uvec2 range_of(uint row) {
  return to_ranges.at[row].xy;
}

void main() {
  const uint n = gl_WorkGroupID.x, lane = gl_LocalInvocationID.x;
  if (n >= live_rows(p.rows, p.live)) return;
  const uint head = gl_WorkGroupID.y * HEADS, kv_head = head / (p.n_heads / p.n_kv_heads), head_row = n * p.n_heads + head;
  const uvec2 range = range_of(n);

  float m[HEADS], l[HEADS], sum[HEADS * FEATURES]; // m, l: the same in all invocations
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    m[h] = LOW, l[h] = 0;
    [[unroll]] for (uint f = 0; f < FEATURES; f++) sum[h * FEATURES + f] = 0;
  }
  uint feature[FEATURES]; // those beyond the end repeat the last one
  [[unroll]] for (uint f = 0; f < FEATURES; f++) feature[f] = min(f * LANES + lane, DIM - 1);

  uint first = range.x;
  if (range.x < range.y) do {
    const uint n_keys = min(BLOCK, range.y - first);
    float top[HEADS];
    [[unroll]] for (uint h = 0; h < HEADS; h++) top[h] = LOW;
    uint c = 0;
    do {
      const uint key = c + lane, column = (min(first + key, p.keys - 1) * p.n_kv_heads + kv_head) * QUADS;
      float w[HEADS];
      [[unroll]] for (uint h = 0; h < HEADS; h++) w[h] = 0;
      [[unroll]] for (uint i = 0; i < QUADS; i++) {
        const vec4 x = to_k.at[column + i];
        [[unroll]] for (uint h = 0; h < HEADS; h++) {
          const vec4 query = to_q.at[(head_row + h) * QUADS + i];
          [[unroll]] for (uint e = 0; e < 4; e++) w[h] = fma(query[e], x[e], w[h]);
        }
      }
      [[unroll]] for (uint h = 0; h < HEADS; h++) {
        const float score = cap_score(w[h] * p.scale);
        weights[h * BLOCK + key] = score;
        top[h] = key < n_keys ? max(top[h], score) : top[h];
      }
      c += LANES;
    } while (c < n_keys);
    [[unroll]] for (uint h = 0; h < HEADS; h++) tops[h * LANES + lane] = top[h];
    barrier();

    float shrink[HEADS], total[HEADS];
    [[unroll]] for (uint h = 0; h < HEADS; h++) {
      float largest = m[h];
      [[dont_unroll]] for (uint i = 0; i < LANES; i++) largest = max(largest, tops[h * LANES + i]);
      shrink[h] = exp(m[h] - largest);
      m[h] = largest;
      c = lane; // beyond n_keys are weights that nobody asks for
      do {
        weights[h * BLOCK + c] = exp(weights[h * BLOCK + c] - largest);
        c += LANES;
      } while (c < n_keys);
      total[h] = 0;
      [[unroll]] for (uint f = 0; f < FEATURES; f++) sum[h * FEATURES + f] *= shrink[h];
    }
    barrier();

    c = 0;
    do {
      const uint column = ((first + c) * p.n_kv_heads + kv_head) * DIM;
      float x[FEATURES];
      [[unroll]] for (uint f = 0; f < FEATURES; f++) x[f] = to_v.at[column + feature[f]];
      [[unroll]] for (uint h = 0; h < HEADS; h++) {
        const float w = weights[h * BLOCK + c];
        total[h] += w;
        [[unroll]] for (uint f = 0; f < FEATURES; f++) sum[h * FEATURES + f] = fma(w, x[f], sum[h * FEATURES + f]);
      }
      c++;
    } while (c < n_keys);
    [[unroll]] for (uint h = 0; h < HEADS; h++) l[h] = fma(l[h], shrink[h], total[h]);
    barrier();
    first += BLOCK;
  } while (first < range.y);

  const bool empty = range.x >= range.y;
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    const float inverse = empty ? 0.0 : 1.0 / l[h];
    if (lane == 0) to_lse.at[head_row + h] = empty ? 0.0 : m[h] + log(l[h]);
    [[unroll]] for (uint f = 0; f < FEATURES; f++)
      if (f * LANES + lane < DIM) to_o.at[(head_row + h) * DIM + feature[f]] = sum[h * FEATURES + f] * inverse;
  }
}
