// attention_dkv for CPU devices: an invocation holds one key (shaders/attention_lanes.glsl); columns are queries, for one
// query head after the other.
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
  IN_SPANS to_spans;
  IN_STATS to_stats;
  OUT_ROWS to_dk;
  OUT_ROWS to_dv;
};
#else
layout(push_constant) uniform PARAMS { attention_params p; };
layout(std430, binding = 0) readonly buffer Q { vec4 at[]; } to_q;
layout(std430, binding = 1) readonly buffer K { vec4 at[]; } to_k;
layout(std430, binding = 2) readonly buffer V { vec4 at[]; } to_v;
layout(std430, binding = 3) readonly buffer DOUT { vec4 at[]; } to_dout;
layout(std430, binding = 4) readonly buffer SPANS { uvec2 at[]; } to_spans;
layout(std430, binding = 5) readonly buffer STATS { vec2 at[]; } to_stats;
layout(std430, binding = 6) writeonly buffer DK { vec4 at[]; } to_dk;
layout(std430, binding = 7) writeonly buffer DV { vec4 at[]; } to_dv;
#endif
#define CAPPED_ID 4
#include "attention_cap.glsl"

uvec2 range_of(uint row) {
  return row < p.keys ? to_spans.at[min(row, p.keys - 1)] : uvec2(0);
}

void main() {
  uint row = gl_GlobalInvocationID.x, kv_head = gl_WorkGroupID.y, sharing = p.n_heads / p.n_kv_heads;
  uint head_row = min(row, p.keys - 1) * p.n_kv_heads + kv_head;
  uvec2 span = workgroup_span(), range = range_of(row);

  vec4 key[QUADS], value[QUADS], dk_sum[QUADS], dv_sum[QUADS];
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    key[i] = to_k.at[head_row * QUADS + i] * p.scale;
    value[i] = to_v.at[head_row * QUADS + i];
    dk_sum[i] = dv_sum[i] = vec4(0);
  }

  uint head = kv_head * sharing;
  [[dont_unroll]] do { // tests at its end: no round may read the head after the last
    [[dont_unroll]] for (uint n = span.x; n < span.y; n += STEP) {
      uint column[STEP];
      [[unroll]] for (uint c = 0; c < STEP; c++) column[c] = (min(n + c, p.rows - 1) * p.n_heads + head) * QUADS;
      bool seen[STEP];
      float w[STEP], ds[STEP];
      [[unroll]] for (uint c = 0; c < STEP; c++) w[c] = ds[c] = 0;
      [[unroll]] for (uint i = 0; i < QUADS; i++)
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec4 x = to_q.at[column[c] + i], y = to_dout.at[column[c] + i];
          [[unroll]] for (uint e = 0; e < 4; e++) {
            w[c] = fma(key[i][e], x[e], w[c]);
            ds[c] = fma(value[i][e], y[e], ds[c]);
          }
        }
      [[unroll]] for (uint c = 0; c < STEP; c++) {
        vec2 lse_delta = to_stats.at[min(n + c, p.rows - 1) * p.n_heads + head];
        seen[c] = n + c >= range.x && n + c < range.y;
        const float score = cap_score(w[c]);
        w[c] = seen[c] ? exp(score - lse_delta.x) : 0.0;
        ds[c] = seen[c] ? w[c] * (ds[c] - lse_delta.y) * cap_slope(score) : 0.0;
      }
      [[unroll]] for (uint i = 0; i < QUADS; i++)
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec4 x = mix(vec4(0), to_q.at[column[c] + i], bvec4(seen[c]));
          vec4 y = mix(vec4(0), to_dout.at[column[c] + i], bvec4(seen[c]));
          dk_sum[i] = fma(vec4(ds[c]), x, dk_sum[i]);
          dv_sum[i] = fma(vec4(w[c]), y, dv_sum[i]);
        }
    }
  } while (++head < (kv_head + 1) * sharing);

  if (row >= p.keys) return;
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    to_dk.at[head_row * QUADS + i] = dk_sum[i] * p.scale;
    to_dv.at[head_row * QUADS + i] = dv_sum[i];
  }
}
