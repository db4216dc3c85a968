// Each head's pairs (a, b) = (x[j], x[j + rotary_dim / 2]) become (a·cos − sign·b·sin, b·cos + sign·a·sin); features from
// rotary_dim on are copied. The heads of queries and those of keys in one dispatch, one invocation a pair. A result may lie
// where its input lies.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rotary.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint Q_HEADS = 1;
layout(constant_id = 2) const uint K_HEADS = 0;
layout(constant_id = 3) const uint HEAD_DIM = 64;
layout(constant_id = 4) const uint ROTARY_DIM = 64; // features of a head that turn; the others pass
layout(push_constant) uniform PARAMS { rotary_params p; };
layout(std430, binding = 0) readonly buffer Q { float q[]; };
layout(std430, binding = 1) readonly buffer K { float k[]; };
layout(std430, binding = 2) readonly buffer POSITIONS { uint positions[]; };
layout(std430, binding = 3) readonly buffer COSINES { float cosines[]; };
layout(std430, binding = 4) readonly buffer SINES { float sines[]; };
layout(std430, binding = 5) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 6) writeonly buffer Q_TURNED { float q_turned[]; };
layout(std430, binding = 7) writeonly buffer K_TURNED { float k_turned[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  const uint pairs = HEAD_DIM / 2, turning = ROTARY_DIM / 2, heads = Q_HEADS + K_HEADS;
  const uint j = grid_index() % pairs, head = grid_index() / pairs % heads, n = grid_index() / pairs / heads;
  if (n >= live_rows(p.rows, p.live)) return;
  vec2 angle = vec2(1.0, 0.0); // cos, sin
  uvec2 at = uvec2(2 * j, 2 * j + 1); // from rotary_dim on: rotary_dim + 2 (j − rotary_dim / 2)
  if (j < turning) {
    at = uvec2(j, j + turning);
    angle = vec2(cosines[positions[n] * turning + j], p.sign * sines[positions[n] * turning + j]);
  }
  if (head < Q_HEADS) {
    at += (n * Q_HEADS + head) * HEAD_DIM;
    const vec2 x = vec2(q[at.x], q[at.y]);
    q_turned[at.x] = x.x * angle.x - x.y * angle.y;
    q_turned[at.y] = x.y * angle.x + x.x * angle.y;
  } else {
    at += (n * K_HEADS + head - Q_HEADS) * HEAD_DIM;
    const vec2 x = vec2(k[at.x], k[at.y]);
    k_turned[at.x] = x.x * angle.x - x.y * angle.y;
    k_turned[at.y] = x.y * angle.x + x.x * angle.y;
  }
}
