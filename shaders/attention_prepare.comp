// What the backward kernels need of each query and head: (lse, delta), delta = do · o; and of each key the queries that
// see it, none beyond the live rows (so that attention_dkv, which has eight bindings, needs no counts). One invocation a
// query and head.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_rows.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { attention_params p; };
ATTENTION_INPUT(0, o)
ATTENTION_INPUT(1, dout)
layout(std430, binding = 2) readonly buffer LSE { float lse[]; };
layout(std430, binding = 3) readonly buffer RANGES { uvec4 ranges[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 5) writeonly buffer STATS { vec2 stats[]; };
layout(std430, binding = 6) writeonly buffer SPANS { uvec2 spans[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint head_row = grid_index(), n = head_row / p.n_heads;
  if (n >= p.rows) return;
  bool live = n < live_rows(p.rows, p.live);
  if (head_row % p.n_heads == 0) spans[n] = live ? ranges[n].zw : uvec2(0);
  if (!live) return;
  float delta = 0;
  [[dont_unroll]] for (uint i = 0; i < QUADS; i++) delta += dot(o_at(head_row, i), dout_at(head_row, i));
  stats[head_row] = vec2(lse[head_row], delta);
}
