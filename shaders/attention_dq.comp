// dq[n] = scale · Σ_j ds[n][j] · k[j], ds = w · (dout[n] · v[j] − delta[n]), w = exp(scale · q[n]·k[j] − lse[n]), over the
// keys j that query n sees.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_tile.glsl"

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

shared vec4 weights[GROUPS * COLUMNS];

uint n_live = live_rows(p.rows, p.live);

uvec2 range_of(uint row) {
  return row < n_live ? ranges[row].xy : uvec2(0);
}

void main() {
  uint first_row = gl_WorkGroupID.x * 4 * GROUPS, head = gl_WorkGroupID.y, kv_head = head / (p.n_heads / p.n_kv_heads);
  if (first_row >= n_live) return;
  uint row = first_row + 4 * group;
  uvec4 q_rows = head_rows(row, p.rows, p.n_heads, head);
  group_view view = view_of(row);
  uvec2 span = workgroup_span(first_row);
  vec4 lse, delta;
  for (uint r = 0; r < 4; r++) {
    lse[r] = stats[q_rows[r]].x;
    delta[r] = stats[q_rows[r]].y;
  }
  mat4 sums = mat4(0);

  for (uint column = span.x; column < span.y; column += COLUMNS) {
    if (lane < TILES) {
      uint first = column + 4 * lane;
      uvec4 k_rows = head_rows(first, p.keys, p.n_kv_heads, kv_head);
      mat4 scores, dw;
      TILE_DOTS(scores, q, q_rows, k, k_rows)
      TILE_DOTS(dw, dout, q_rows, v, k_rows)
      for (uint c = 0; c < 4; c++) {
        vec4 ds = exp(scores[c] * p.scale - lse) * (dw[c] - delta) * p.scale;
        weights[group * COLUMNS + 4 * lane + c] = mix(vec4(0), ds, sees(view, first + c));
      }
    }
    barrier();

    if (lane < QUADS) {
      uint n = min(COLUMNS, span.y - column);
      bool all_seen = column >= view.by_all.x && column + n <= view.by_all.y;
      [[dont_unroll]] for (uint c = 0; c < n; c++) {
        vec4 ds = weights[group * COLUMNS + c], key = k_at((column + c) * p.n_kv_heads + kv_head, lane);
        if (all_seen) sums += outerProduct(key, ds);
        else sums = add_seen(sums, ds, key, sees(view, column + c));
      }
    }
    barrier();
  }

  for (uint r = 0; r < 4; r++) {
    if (row + r >= n_live) break;
    if (lane < QUADS) dq_store(q_rows[r], lane, view.begin[r] < view.end[r] ? sums[r] : vec4(0));
  }
}
