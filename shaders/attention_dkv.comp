// dv[j] = Σ_n w[n][j] · dout[n], dk[j] = scale · Σ_n ds[n][j] · q[n], over the queries n that see key j and for each over the
// query heads that share the key's head, in that order; w and ds as in attention_dq. Rows are keys and columns pairs here.
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
layout(std430, binding = 4) readonly buffer SPANS { uvec2 spans[]; };
layout(std430, binding = 5) readonly buffer STATS { vec2 stats[]; }; // lse, delta
ATTENTION_OUTPUT(6, dk)
ATTENTION_OUTPUT(7, dv)

uvec2 range_of(uint row) {
  return row < p.keys ? spans[row] * SHARING : uvec2(0);
}

uint head_of_row(uint row) {
  return head_of_key(row, p.keys, p.n_kv_heads);
}

uint head_of_column(uint column) {
  return head_of_pair(column, p.rows, p.n_heads);
}

void main() {
  const uint row = first_row + 4 * down;
  const group_view view = view_of(row);
  uvec2 span = workgroup_span(1);
  // Keys that nobody sees take one step for nothing: lavapipe 26.1 enters a loop that no lane takes, and reads by descriptors which it
  // then has not.
  if (span.x >= span.y) span = uvec2(0, 1);
  mat4 dk_sums[SUMS], dv_sums[SUMS];
  [[unroll]] for (uint s = 0; s < SUMS; s++) dk_sums[s] = dv_sums[s] = mat4(0);
  set_rows();

  for (uint column = span.x; column < span.y; column += COLUMNS) {
    DOTS(dots, k, q, column)
    DOTS(more_dots, v, dout, column)
    barrier();
    [[unroll]] for (uint i = 0; i < MINE; i++) {
      const uint pair = column + across + i * ACROSS;
      const vec2 lse_delta = stats[head_of_column(pair)];
      const bvec4 seen = sees(view, pair);
      const vec4 score = cap_scores(dots[i] * p.scale), w = mix(vec4(0), exp(score - lse_delta.x), seen);
      set_weights(i, w);
      more_dots[i] = mix(vec4(0), w * (more_dots[i] - lse_delta.y) * cap_slopes(score) * p.scale, seen);
    }
    ADD_WEIGHTED(dv_sums, dout, column, view)
    barrier();
    [[unroll]] for (uint i = 0; i < MINE; i++) set_weights(i, more_dots[i]);
    ADD_WEIGHTED(dk_sums, q, column, view)
  }

  [[unroll]] for (uint r = 0; r < 4; r++)
    if (row + r < p.keys) {
      const uint head = head_of_row(row + r);
      const bool unseen = view.begin[r] >= view.end[r];
      STORE_SUMS(dk, dk_sums, head, r, unseen)
      STORE_SUMS(dv, dv_sums, head, r, unseen)
    }
}
