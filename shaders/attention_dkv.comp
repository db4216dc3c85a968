// dv[j] = Σ_n w[n][j] · dout[n], dk[j] = scale · Σ_n ds[n][j] · q[n], over the queries n that see key j and over the query
// heads that share the key's head, in that order; w and ds as in attention_dq. Here rows are keys and columns queries.
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
layout(std430, binding = 4) readonly buffer SPANS { uvec2 spans[]; };
layout(std430, binding = 5) readonly buffer STATS { vec2 stats[]; }; // lse, delta
ATTENTION_OUTPUT(6, dk)
ATTENTION_OUTPUT(7, dv)

shared vec4 weights[GROUPS * COLUMNS], score_grads[GROUPS * COLUMNS];

uvec2 range_of(uint row) {
  return row < p.keys ? spans[row] : uvec2(0);
}

void main() {
  uint first_row = gl_WorkGroupID.x * 4 * GROUPS, kv_head = gl_WorkGroupID.y, sharing = p.n_heads / p.n_kv_heads;
  uint row = first_row + 4 * group;
  uvec4 k_rows = head_rows(row, p.keys, p.n_kv_heads, kv_head);
  group_view view = view_of(row);
  uvec2 span = workgroup_span(first_row);
  mat4 dk_sums = mat4(0), dv_sums = mat4(0);

  for (uint head = kv_head * sharing; head < (kv_head + 1) * sharing; head++) {
    for (uint column = span.x; column < span.y; column += COLUMNS) {
      if (lane < TILES) {
        uint first = column + 4 * lane;
        uvec4 q_rows = head_rows(first, p.rows, p.n_heads, head);
        mat4 scores, dw;
        TILE_DOTS(scores, k, k_rows, q, q_rows)
        TILE_DOTS(dw, v, k_rows, dout, q_rows)
        for (uint c = 0; c < 4; c++) {
          vec2 lse_delta = stats[q_rows[c]];
          vec4 w = mix(vec4(0), exp(scores[c] * p.scale - lse_delta.x), sees(view, first + c));
          weights[group * COLUMNS + 4 * lane + c] = w;
          score_grads[group * COLUMNS + 4 * lane + c] = w * (dw[c] - lse_delta.y) * p.scale;
        }
      }
      barrier();

      if (lane < QUADS) {
        uint n = min(COLUMNS, span.y - column);
        bool all_seen = column >= view.by_all.x && column + n <= view.by_all.y;
        [[dont_unroll]] for (uint c = 0; c < n; c++) {
          uint q_row = (column + c) * p.n_heads + head;
          vec4 w = weights[group * COLUMNS + c], ds = score_grads[group * COLUMNS + c];
          vec4 upstream = dout_at(q_row, lane), query = q_at(q_row, lane);
          if (all_seen) {
            dv_sums += outerProduct(upstream, w);
            dk_sums += outerProduct(query, ds);
          } else {
            bvec4 seen = sees(view, column + c);
            dv_sums = add_seen(dv_sums, w, upstream, seen);
            dk_sums = add_seen(dk_sums, ds, query, seen);
          }
        }
      }
      barrier();
    }
  }

  for (uint r = 0; r < 4; r++) {
    if (row + r >= p.keys) break;
    bool unseen = view.begin[r] >= view.end[r]; // its sums may hold what other keys' queries hold
    if (lane < QUADS) dk_store(k_rows[r], lane, unseen ? vec4(0) : dk_sums[r]);
    if (lane < QUADS) dv_store(k_rows[r], lane, unseen ? vec4(0) : dv_sums[r]);
  }
}
