// attention_fwd for few queries against many keys: one workgroup a query and head, its invocations side by side over
// the keys of a block (for the scores), then over PARTS subsets of them × quads of features (for the sums).
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_rows.glsl"

layout(local_size_x_id = 0) in; // at least QUADS
layout(push_constant) uniform PARAMS { attention_params p; };
#define CAPPED_ID 2
#include "attention_cap.glsl"
ATTENTION_INPUT(0, q)
ATTENTION_INPUT(1, k)
ATTENTION_INPUT(2, v)
layout(std430, binding = 3) readonly buffer RANGES { uvec4 ranges[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
ATTENTION_OUTPUT(5, o)
layout(std430, binding = 6) writeonly buffer LSE { float lse[]; };
#include "lib/live.glsl"

const float LOW = -1e30; // below every score, and finite
const uint SIZE = gl_WorkGroupSize.x, PARTS = SIZE / QUADS, BLOCK = 4 * SIZE;

shared vec4 query[QUADS];
shared float weights[BLOCK];
shared float partial[SIZE];
shared vec4 partial_sums[SIZE];

float score(uint key, uint kv_head) {
  float sum = 0;
  [[dont_unroll]] for (uint i = 0; i < QUADS; i++) sum += dot(query[i], k_at(key * p.n_kv_heads + kv_head, i));
  return cap_score(sum * p.scale);
}

void main() {
  uint n = gl_WorkGroupID.x, head = gl_WorkGroupID.y, kv_head = head / (p.n_heads / p.n_kv_heads), lane = gl_LocalInvocationID.x;
  if (n >= live_rows(p.rows, p.live)) return;
  uint head_row = n * p.n_heads + head, begin = ranges[n].x, end = ranges[n].y, part = lane / QUADS, quad = lane % QUADS;
  if (lane < QUADS) query[lane] = q_at(head_row, lane);
  barrier();

  float m = LOW, l = 0; // l: over this invocation's keys
  vec4 sums = vec4(0);  // over the keys of this invocation's part
  for (uint first = begin; first < end; first += BLOCK) {
    uint n_keys = min(BLOCK, end - first);
    float top = LOW;
    for (uint i = lane; i < n_keys; i += SIZE) {
      weights[i] = score(first + i, kv_head);
      top = max(top, weights[i]);
    }
    partial[lane] = top;
    barrier();

    top = m;
    [[dont_unroll]] for (uint i = 0; i < SIZE; i++) top = max(top, partial[i]);
    float shrink = exp(m - top);
    m = top;
    l *= shrink;
    for (uint i = lane; i < n_keys; i += SIZE) {
      weights[i] = exp(weights[i] - top);
      l += weights[i];
    }
    barrier();

    sums *= shrink;
    if (part < PARTS) {
      for (uint i = part; i < n_keys; i += PARTS) {
        sums += weights[i] * v_at((first + i) * p.n_kv_heads + kv_head, quad);
      }
    }
    barrier();
  }

  partial[lane] = l;
  partial_sums[lane] = sums;
  barrier();
  if (part > 0) return;
  l = 0;
  [[dont_unroll]] for (uint i = 0; i < SIZE; i++) l += partial[i];
  [[dont_unroll]] for (uint i = 1; i < PARTS; i++) sums += partial_sums[i * QUADS + quad];
  o_store(head_row, quad, begin < end ? sums / l : vec4(0));
  if (lane == 0) lse[head_row] = begin < end ? m + log(l) : 0.0;
}
