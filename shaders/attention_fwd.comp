// o = softmax(scale · q kᵀ) v over each query's range of keys, with the online softmax: a running maximum m and sum l per
// query; what was summed is scaled by exp(m_old − m_new) when m grows. lse = m + ln l. A query without keys: o = lse = 0.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "attention.h"
#include "attention_tile.glsl"

layout(push_constant) uniform PARAMS { attention_params p; };
ATTENTION_INPUT(0, q)
ATTENTION_INPUT(1, k)
ATTENTION_INPUT(2, v)
layout(std430, binding = 3) readonly buffer RANGES { uvec4 ranges[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
ATTENTION_OUTPUT(5, o)
layout(std430, binding = 6) writeonly buffer LSE { float lse[]; };
#include "lib/live.glsl"

const float LOW = -1e30; // below every score, and finite: LOW − LOW is 0

shared vec4 weights[GROUPS * COLUMNS];
shared vec4 partial[GROUPS * TILES]; // maxima, at the end sums, of each invocation's tile

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
  vec4 m = vec4(LOW), l = vec4(0); // l: over the columns of this invocation's tiles
  mat4 sums = mat4(0);

  for (uint column = span.x; column < span.y; column += COLUMNS) {
    uint first = column + 4 * lane;
    mat4 tile;
    if (lane < TILES) {
      uvec4 k_rows = head_rows(first, p.keys, p.n_kv_heads, kv_head);
      TILE_DOTS(tile, q, q_rows, k, k_rows)
      for (uint c = 0; c < 4; c++) tile[c] = mix(vec4(LOW), tile[c] * p.scale, sees(view, first + c));
      partial[group * TILES + lane] = max(max(tile[0], tile[1]), max(tile[2], tile[3]));
    }
    barrier();

    vec4 top = m;
    [[dont_unroll]] for (uint i = 0; i < TILES; i++) top = max(top, partial[group * TILES + i]);
    vec4 shrink = exp(m - top);
    m = top;
    if (lane < TILES) {
      l *= shrink;
      for (uint c = 0; c < 4; c++) {
        vec4 w = mix(vec4(0), exp(tile[c] - top), sees(view, first + c));
        weights[group * COLUMNS + 4 * lane + c] = w;
        l += w;
      }
    }
    barrier();

    if (lane < QUADS) {
      for (uint r = 0; r < 4; r++) sums[r] *= shrink[r];
      uint n = min(COLUMNS, span.y - column);
      bool all_seen = column >= view.by_all.x && column + n <= view.by_all.y;
      [[dont_unroll]] for (uint c = 0; c < n; c++) {
        vec4 w = weights[group * COLUMNS + c], value = v_at((column + c) * p.n_kv_heads + kv_head, lane);
        if (all_seen) sums += outerProduct(value, w);
        else sums = add_seen(sums, w, value, sees(view, column + c));
      }
    }
  }

  if (lane < TILES) partial[group * TILES + lane] = l; // no one reads the maxima any more: a barrier has passed since
  barrier();
  l = vec4(0);
  [[dont_unroll]] for (uint i = 0; i < TILES; i++) l += partial[group * TILES + i];
  for (uint r = 0; r < 4; r++) {
    if (row + r >= n_live) break;
    bool empty = view.begin[r] >= view.end[r];
    if (lane == 0) lse[q_rows[r]] = empty ? 0.0 : m[r] + log(l[r]);
    if (lane < QUADS) o_store(q_rows[r], lane, empty ? vec4(0) : sums[r] / l[r]);
  }
}
