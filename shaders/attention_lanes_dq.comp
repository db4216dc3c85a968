// attention_dq for CPU devices: an invocation holds one query with HEADS of its heads (shaders/attention_lanes.glsl).
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_lanes.glsl"

layout(push_constant) uniform PARAMS { attention_params p; };
ATTENTION_INPUT(0, q)
ATTENTION_INPUT(1, k)
ATTENTION_INPUT(2, v)
ATTENTION_INPUT(3, dout)
layout(std430, binding = 4) readonly buffer RANGES { uvec4 ranges[]; };
layout(std430, binding = 5) readonly buffer STATS { vec2 stats[]; }; // lse, delta
layout(std430, binding = 6) readonly buffer COUNTS { uint counts[]; };
ATTENTION_OUTPUT(7, dq)
#include "lib/live.glsl"

uint n_live = live_rows(p.rows, p.live);

uvec2 range_of(uint row) {
  return row < n_live ? ranges[row].xy : uvec2(0);
}

void main() {
  if (workgroup_row >= n_live) return;
  uint head = gl_WorkGroupID.y * HEADS, kv_head = head / (p.n_heads / p.n_kv_heads);
  uint head_row = min(row, n_live - 1) * p.n_heads + head;
  uvec2 span = span_of(workgroup_row, gl_WorkGroupSize.x), own = span_of(subgroup_row, gl_SubgroupSize), range = range_of(row);

  vec4 query[HEADS * QUADS], upstream[HEADS * QUADS], sum[HEADS * QUADS];
  vec2 lse_delta[HEADS];
  [[unroll]] for (uint h = 0; h < HEADS; h++) {
    lse_delta[h] = stats[head_row + h];
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      query[h * QUADS + i] = q_at(head_row + h, i) * p.scale;
      upstream[h * QUADS + i] = dout_at(head_row + h, i);
      sum[h * QUADS + i] = vec4(0);
    }
  }

  [[dont_unroll]] for (uint staged = span.x; staged < span.y; staged += COLUMNS) {
    STAGE(staged, span.y, k, v, p.n_kv_heads, kv_head)
    [[dont_unroll]] for (uint key = step_of(staged, own.x); key < min(staged + COLUMNS, own.y); key += STEP) {
      uint at = (key - staged) * QUADS;
      float score[HEADS * STEP], dw[HEADS * STEP];
      [[unroll]] for (uint j = 0; j < HEADS * STEP; j++) score[j] = dw[j] = 0;
      [[unroll]] for (uint i = 0; i < QUADS; i++)
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec4 x = staged_a[at + c * QUADS + i], y = staged_b[at + c * QUADS + i];
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
          float w = exp(score[h * STEP + c] - lse_delta[h].x);
          ds[h] = seen ? w * (dw[h * STEP + c] - lse_delta[h].y) : 0.0;
        }
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
          vec4 x = mix(vec4(0), staged_a[at + c * QUADS + i], bvec4(seen));
          [[unroll]] for (uint h = 0; h < HEADS; h++) sum[h * QUADS + i] = fma(vec4(ds[h]), x, sum[h * QUADS + i]);
        }
      }
    }
  }

  if (row >= n_live) return;
  [[unroll]] for (uint h = 0; h < HEADS; h++)
    [[unroll]] for (uint i = 0; i < QUADS; i++) dq_store(head_row + h, i, sum[h * QUADS + i] * p.scale);
}
