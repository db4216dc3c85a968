// attention_dkv for CPU devices: an invocation holds one key (shaders/attention_lanes.glsl); columns are queries, for one
// query head after the other.
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
layout(std430, binding = 4) readonly buffer SPANS { uvec2 spans[]; };
layout(std430, binding = 5) readonly buffer STATS { vec2 stats[]; }; // lse, delta
ATTENTION_OUTPUT(6, dk)
ATTENTION_OUTPUT(7, dv)

uvec2 range_of(uint row) {
  return row < p.keys ? spans[row] : uvec2(0);
}

void main() {
  uint kv_head = gl_WorkGroupID.y, sharing = p.n_heads / p.n_kv_heads;
  uint head_row = min(row, p.keys - 1) * p.n_kv_heads + kv_head;
  uvec2 span = span_of(workgroup_row, gl_WorkGroupSize.x), own = span_of(subgroup_row, gl_SubgroupSize), range = range_of(row);

  vec4 key[QUADS], value[QUADS], dk_sum[QUADS], dv_sum[QUADS];
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    key[i] = k_at(head_row, i) * p.scale;
    value[i] = v_at(head_row, i);
    dk_sum[i] = dv_sum[i] = vec4(0);
  }

  [[dont_unroll]] for (uint head = kv_head * sharing; head < (kv_head + 1) * sharing; head++)
    [[dont_unroll]] for (uint staged = span.x; staged < span.y; staged += COLUMNS) {
      STAGE(staged, span.y, q, dout, p.n_heads, head)
      [[dont_unroll]] for (uint n = step_of(staged, own.x); n < min(staged + COLUMNS, own.y); n += STEP) {
        uint at = (n - staged) * QUADS;
        bool seen[STEP];
        float w[STEP], ds[STEP];
        [[unroll]] for (uint c = 0; c < STEP; c++) w[c] = ds[c] = 0;
        [[unroll]] for (uint i = 0; i < QUADS; i++)
          [[unroll]] for (uint c = 0; c < STEP; c++) {
            vec4 x = staged_a[at + c * QUADS + i], y = staged_b[at + c * QUADS + i];
            [[unroll]] for (uint e = 0; e < 4; e++) {
              w[c] = fma(key[i][e], x[e], w[c]);
              ds[c] = fma(value[i][e], y[e], ds[c]);
            }
          }
        [[unroll]] for (uint c = 0; c < STEP; c++) {
          vec2 lse_delta = stats[min(n + c, p.rows - 1) * p.n_heads + head];
          seen[c] = n + c >= range.x && n + c < range.y;
          w[c] = seen[c] ? exp(w[c] - lse_delta.x) : 0.0;
          ds[c] = seen[c] ? w[c] * (ds[c] - lse_delta.y) : 0.0;
        }
        [[unroll]] for (uint i = 0; i < QUADS; i++)
          [[unroll]] for (uint c = 0; c < STEP; c++) {
            vec4 x = mix(vec4(0), staged_a[at + c * QUADS + i], bvec4(seen[c]));
            vec4 y = mix(vec4(0), staged_b[at + c * QUADS + i], bvec4(seen[c]));
            dk_sum[i] = fma(vec4(ds[c]), x, dk_sum[i]);
            dv_sum[i] = fma(vec4(w[c]), y, dv_sum[i]);
          }
      }
    }

  if (row >= p.keys) return;
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    dk_store(head_row, i, dk_sum[i] * p.scale);
    dv_store(head_row, i, dv_sum[i]);
  }
}
