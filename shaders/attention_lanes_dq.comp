// attention_dq for CPU devices: an invocation holds one query with HEADS of its heads (shaders/attention_lanes.glsl).
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
  IN_ROWS to_dout;
  IN_RANGES to_ranges;
  IN_STATS to_stats;
  IN_COUNTS to_counts;
  OUT_ROWS to_dq;
};
#else
layout(push_constant) uniform PARAMS { attention_params p; };
layout(std430, binding = 0) readonly buffer Q { vec4 at[]; } to_q;
layout(std430, binding = 1) readonly buffer K { vec4 at[]; } to_k;
layout(std430, binding = 2) readonly buffer V { vec4 at[]; } to_v;
layout(std430, binding = 3) readonly buffer DOUT { vec4 at[]; } to_dout;
layout(std430, binding = 4) readonly buffer RANGES { uvec4 at[]; } to_ranges;
layout(std430, binding = 5) readonly buffer STATS { vec2 at[]; } to_stats;
layout(std430, binding = 6) readonly buffer COUNTS { uint at[]; } to_counts;
layout(std430, binding = 7) writeonly buffer DQ { vec4 at[]; } to_dq;
#endif
#define CAPPED_ID 4
#include "attention_cap.glsl"
#define counts to_counts.at
#include "lib/live.glsl"

uint n_live = live_rows(p.rows, p.live);

uvec2 range_of(uint row) {
  return row < n_live ? to_ranges.at[min(row, p.rows - 1)].xy : uvec2(0);
}

void main() {
  uint row = gl_GlobalInvocationID.x;
  if (gl_WorkGroupID.x * gl_WorkGroupSize.x >= n_live) return;
  uint head = gl_WorkGroupID.y * HEADS, kv_head = head / (p.n_heads / p.n_kv_heads);
  uint head_row = min(row, n_live - 1) * p.n_heads + head;
  uvec2 span = workgroup_span(), range = range_of(row);

  vec4 query[HEADS * QUADS], upstream[HEADS * QUADS], sum[HEADS * QUADS];
  vec2 lse_delta[HEADS];
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    lse_delta[h] = to_stats.at[head_row + h];
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      query[h * QUADS + i] = to_q.at[(head_row + h) * QUADS + i] * p.scale;
      upstream[h * QUADS + i] = to_dout.at[(head_row + h) * QUADS + i];
      sum[h * QUADS + i] = vec4(0);
    }
  }

  [[dont_unroll]] for (uint key = span.x; key < span.y; key += STEP) {
    uint column[STEP];
    [[unroll]] for (uint c = 0; c < STEP; c++) column[c] = (min(key + c, p.keys - 1) * p.n_kv_heads + kv_head) * QUADS;
    float score[HEADS * STEP], dw[HEADS * STEP];
    [[unroll]] for (uint j = 0; j < HEADS * STEP; j++) score[j] = dw[j] = 0;
    [[unroll]] for (uint i = 0; i < QUADS; i++)
      [[unroll]] for (uint c = 0; c < STEP; c++) {
        vec4 x = to_k.at[column[c] + i], y = to_v.at[column[c] + i];
        [[unroll]] for (uint h = 0; h < HEADS; h++)
          [[unroll]] for (uint e = 0; e < 4; e++) {
            score[h * STEP + c] = fma(query[h * QUADS + i][e], x[e], score[h * STEP + c]);
            dw[h * STEP + c] = fma(upstream[h * QUADS + i][e], y[e], dw[h * STEP + c]);
          }
      }
    [[unroll]] for (uint c = 0; c < STEP; c++) {
      bool seen = key + c >= range.x && key + c < range.y;
      float ds[HEADS];
      [[unroll]] for (uint h = 0; h < HEADS; h++) {
        const float capped = cap_score(score[h * STEP + c]), w = exp(capped - lse_delta[h].x);
        ds[h] = seen ? w * (dw[h * STEP + c] - lse_delta[h].y) * cap_slope(capped) : 0.0;
      }
      [[unroll]] for (uint i = 0; i < QUADS; i++) {
        vec4 x = mix(vec4(0), to_k.at[column[c] + i], bvec4(seen));
        [[unroll]] for (uint h = 0; h < HEADS; h++) sum[h * QUADS + i] = fma(vec4(ds[h]), x, sum[h * QUADS + i]);
      }
    }
  }

  if (row >= n_live) return;
  [[unroll]] for (uint h = 0; h < HEADS; h++)
    [[unroll]] for (uint i = 0; i < QUADS; i++) to_dq.at[(head_row + h) * QUADS + i] = sum[h * QUADS + i] * p.scale;
}
