// o = softmax(scale · q kᵀ) v over each query's range of keys, with the online softmax: a running maximum m and sum l per
// row; what was summed is scaled by exp(m_old − m_new) when m grows. lse = m + ln l. A query without keys: o = lse = 0.
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
layout(std430, binding = 3) readonly buffer RANGES { uvec4 ranges[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
ATTENTION_OUTPUT(5, o)
layout(std430, binding = 6) writeonly buffer LSE { float lse[]; };
#include "lib/live.glsl"

const float LOW = -1e30; // below every score, and finite: LOW − LOW is 0

shared vec4 partial[DOWN * ACROSS]; // maxima, at the end sums, of each invocation's columns

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
  const uint row = first_row + 4 * down, mine = down * ACROSS;
  const group_view view = view_of(row);
  const uvec2 span = workgroup_span(SHARING);
  vec4 m = vec4(LOW), l = vec4(0); // l: over this invocation's columns
  mat4 sums[SUMS];
  [[unroll]] for (uint s = 0; s < SUMS; s++) sums[s] = mat4(0);
  set_rows();

  for (uint column = span.x; column < span.y; column += COLUMNS) {
    DOTS(dots, q, k, column)
    vec4 top = vec4(LOW);
    [[unroll]] for (uint i = 0; i < MINE; i++) {
      dots[i] = mix(vec4(LOW), cap_scores(dots[i] * p.scale), sees(view, column + across + i * ACROSS));
      top = max(top, dots[i]);
    }
    partial[mine + across] = top;
    barrier();

    top = m;
    [[dont_unroll]] for (uint i = 0; i < ACROSS; i++) top = max(top, partial[mine + i]);
    const vec4 shrink = exp(m - top);
    m = top;
    l *= shrink;
    [[unroll]] for (uint i = 0; i < MINE; i++) {
      const vec4 w = mix(vec4(0), exp(dots[i] - top), sees(view, column + across + i * ACROSS));
      set_weights(i, w);
      l += w;
    }
    [[unroll]] for (uint s = 0; s < SUMS; s++)
      [[unroll]] for (uint r = 0; r < 4; r++) sums[s][r] *= shrink[r];
    ADD_WEIGHTED(sums, v, column, view)
  }

  barrier();
  partial[mine + across] = l;
  barrier();
  l = vec4(0);
  [[dont_unroll]] for (uint i = 0; i < ACROSS; i++) l += partial[mine + i];
  [[unroll]] for (uint s = 0; s < SUMS; s++)
    [[unroll]] for (uint r = 0; r < 4; r++) sums[s][r] /= l[r];
  [[unroll]] for (uint r = 0; r < 4; r++)
    if ((row + r) / SHARING < n_live) {
      const uint head = head_of_row(row + r);
      const bool empty = view.begin[r] >= view.end[r];
      if (across == 0) lse[head] = empty ? 0.0 : m[r] + log(l[r]);
      STORE_SUMS(o, sums, head, r, empty)
    }
}
