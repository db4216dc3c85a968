// dq[n] = scale · Σ_j ds[n][j] · k[j], ds = w · (dout[n] · v[j] − delta[n]), w = exp(scale · q[n]·k[j] − lse[n]), over the
// keys j that query n sees.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_tile.glsl"

layout(push_constant) uniform PARAMS { attention_params p; };
#define CAPPED_ID 9
#include "attention_cap.glsl"
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
  return row / SHARING < n_live ? ranges[row / SHARING].xy : uvec2(0);
}

uint head_of_row(uint row) {
  return head_of_pair(row, p.rows, p.n_heads);
}

uint head_of_column(uint column) {
  return head_of_key(column, p.keys, p.n_kv_heads);
}

void main() {
  if (first_row / SHARING >= n_live) return;
  const uint row = first_row + 4 * down;
  const group_view view = view_of(row);
  const uvec2 span = workgroup_span(SHARING);
  vec4 lse, delta;
  [[unroll]] for (uint r = 0; r < 4; r++) {
    const vec2 of_row = stats[head_of_row(row + r)];
    lse[r] = of_row.x;
    delta[r] = of_row.y;
  }
  mat4 sums[SUMS];
  [[unroll]] for (uint s = 0; s < SUMS; s++) sums[s] = mat4(0);
  set_rows();

  for (uint column = span.x; column < span.y; column += COLUMNS) {
    DOTS(dots, q, k, column)
    DOTS(more_dots, dout, v, column)
    barrier();
    [[unroll]] for (uint i = 0; i < MINE; i++) {
      const vec4 score = cap_scores(dots[i] * p.scale);
      const vec4 ds = exp(score - lse) * (more_dots[i] - delta) * cap_slopes(score) * p.scale;
      set_weights(i, mix(vec4(0), ds, sees(view, column + across + i * ACROSS)));
    }
    ADD_WEIGHTED(sums, k, column, view)
  }

  [[unroll]] for (uint r = 0; r < 4; r++)
    if ((row + r) / SHARING < n_live) STORE_SUMS(dq, sums, head_of_row(row + r), r, view.begin[r] >= view.end[r])
}
