// Each head's pairs (a, b) = (x[j], x[j + rotary_dim / 2]) become (a·cos − sign·b·sin, b·cos + sign·a·sin); features from
// rotary_dim on are copied. One invocation a pair. y may lie where x lies.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rotary.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint N_HEADS = 1;
layout(constant_id = 2) const uint HEAD_DIM = 64;
layout(constant_id = 3) const uint ROTARY_DIM = 64; // features of a head that turn; the others pass
layout(push_constant) uniform PARAMS { rotary_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer POSITIONS { uint positions[]; };
layout(std430, binding = 2) readonly buffer COSINES { float cosines[]; };
layout(std430, binding = 3) readonly buffer SINES { float sines[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 5) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint pairs = HEAD_DIM / 2, turning = ROTARY_DIM / 2;
  uint head = grid_index() / pairs, j = grid_index() % pairs, n = head / N_HEADS; // head: of all rows
  if (n >= live_rows(p.rows, p.live)) return;
  if (j < turning) {
    uint a = head * HEAD_DIM + j, b = a + turning, angle = positions[n] * turning + j;
    float c = cosines[angle], s = p.sign * sines[angle];
    const float first = x[a], second = x[b];
    y[a] = first * c - second * s;
    y[b] = second * c + first * s;
  } else {
    uint a = head * HEAD_DIM + 2 * j; // rotary_dim + 2 (j − rotary_dim / 2)
    y[a] = x[a];
    y[a + 1] = x[a + 1];
  }
}
