// attention_fwd for CPU devices: an invocation holds one query with HEADS of its heads (shaders/attention_lanes.glsl).
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
  IN_ROWS to_v;
  IN_RANGES to_ranges;
  IN_COUNTS to_counts;
  OUT_ROWS to_o;
  OUT_FLOATS to_lse;
};
#else
layout(push_constant) uniform PARAMS { attention_params p; };
layout(std430, binding = 0) readonly buffer Q { vec4 at[]; } to_q;
layout(std430, binding = 1) readonly buffer K { vec4 at[]; } to_k;
layout(std430, binding = 2) readonly buffer V { vec4 at[]; } to_v;
layout(std430, binding = 3) readonly buffer RANGES { uvec4 at[]; } to_ranges;
layout(std430, binding = 4) readonly buffer COUNTS { uint at[]; } to_counts;
layout(std430, binding = 5) writeonly buffer O { vec4 at[]; } to_o;
layout(std430, binding = 6) writeonly buffer LSE { float at[]; } to_lse;
#endif
#define CAPPED_ID 4
#include "attention_cap.glsl"
#define counts to_counts.at
#include "lib/live.glsl"

const float LOW = -1e30; // below every score, and finite: LOW − LOW is 0

uint n_live = live_rows(p.rows, p.live);

uvec2 range_of(uint row) {
  return row < n_live ? to_ranges.at[min(row, p.rows - 1)].xy : uvec2(0);
}

// The next columns from `from` on that rows of the workgroup see, as far as one of those that see the first of them does; x ≥ y
// where there are none. So what lies between two sequences is passed over, and the steps of a row begin with its first column,
// whatever its neighbours see: sequences that are computed beside each other round as they do alone.
uvec2 next_span(uint from) {
  uvec2 span = uvec2(0xffffffffu, 0);
  [[dont_unroll]] for (uint r = 0; r < gl_WorkGroupSize.x; r++) {
    uvec2 range = range_of(gl_WorkGroupID.x * gl_WorkGroupSize.x + r);
    uint begin = max(range.x, from);
    if (begin >= range.y || begin > span.x) continue;
    span = uvec2(begin, begin < span.x ? range.y : max(span.y, range.y));
  }
  return span;
}

void main() {
  uint row = gl_GlobalInvocationID.x;
  if (gl_WorkGroupID.x * gl_WorkGroupSize.x >= n_live) return;
  uint head = gl_WorkGroupID.y * HEADS, kv_head = head / (p.n_heads / p.n_kv_heads);
  uint head_row = min(row, n_live - 1) * p.n_heads + head;
  uvec2 range = range_of(row);

  vec4 query[HEADS * QUADS], sum[HEADS * QUADS];
  float m[HEADS], l[HEADS];
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    m[h] = LOW, l[h] = 0;
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      query[h * QUADS + i] = to_q.at[(head_row + h) * QUADS + i] * p.scale;
      sum[h * QUADS + i] = vec4(0);
    }
  }

  uvec2 span = next_span(0);
  [[dont_unroll]] while (span.x < span.y) {
    [[dont_unroll]] for (uint key = span.x; key < span.y; key += STEP) {
      uint column[STEP];
      [[unroll]] for (uint c = 0; c < STEP; c++) column[c] = (min(key + c, p.keys - 1) * p.n_kv_heads + kv_head) * QUADS;
      bool seen[STEP];
      float w[HEADS * STEP], shrink[HEADS];
      [[unroll]] for (uint c = 0; c < STEP; c++) seen[c] = key + c >= range.x && key + c < min(range.y, span.y);
      [[unroll]] for (uint j = 0; j < HEADS * STEP; j++) w[j] = 0;
      [[unroll]] for (uint i = 0; i < QUADS; i++)
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec4 x = to_k.at[column[c] + i];
          [[unroll]] for (uint h = 0; h < HEADS; h++)
            [[unroll]] for (uint e = 0; e < 4; e++) w[h * STEP + c] = fma(query[h * QUADS + i][e], x[e], w[h * STEP + c]);
        }
      [[unroll]] for (uint h = 0; h < HEADS; h++) {
        float top = m[h], total = 0;
        [[unroll]] for (uint c = 0; c < STEP; c++) w[h * STEP + c] = cap_score(w[h * STEP + c]);
        [[unroll]] for (uint c = 0; c < STEP; c++) top = max(top, seen[c] ? w[h * STEP + c] : LOW);
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          w[h * STEP + c] = seen[c] ? exp(w[h * STEP + c] - top) : 0.0;
          total += w[h * STEP + c];
        }
        shrink[h] = exp(m[h] - top);
        m[h] = top;
        l[h] = l[h] * shrink[h] + total;
      }
      [[unroll]] for (uint i = 0; i < QUADS; i++) {
        [[unroll]] for (uint h = 0; h < HEADS; h++) sum[h * QUADS + i] *= shrink[h];
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec4 x = mix(vec4(0), to_v.at[column[c] + i], bvec4(seen[c]));
          [[unroll]] for (uint h = 0; h < HEADS; h++) sum[h * QUADS + i] = fma(vec4(w[h * STEP + c]), x, sum[h * QUADS + i]);
        }
      }
    }
    span = next_span(span.y);
  }

  if (row >= n_live) return;
  bool empty = range.x >= range.y;
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    float inverse = empty ? 0.0 : 1.0 / l[h];
    to_lse.at[head_row + h] = empty ? 0.0 : m[h] + log(l[h]);
    [[unroll]] for (uint i = 0; i < QUADS; i++) to_o.at[(head_row + h) * QUADS + i] = sum[h * QUADS + i] * inverse;
  }
}
