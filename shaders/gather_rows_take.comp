// y[t] = from[t] ≥ 0 ? x[from[t]] : 0 for live t. Forward: `from` lists the rows; backward: it is their inverse, and y is
// dx. One invocation an element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "gather_rows.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROW_SIZE = 64;
layout(push_constant) uniform PARAMS { gather_rows_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer FROM { int from[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint t = grid_index() / ROW_SIZE, i = grid_index() % ROW_SIZE;
  if (t >= live_rows(p.rows, p.live)) return;
  int row = from[t];
  float value = 0.0;
  if (row >= 0) value = x[uint(row) * ROW_SIZE + i];
  y[t * ROW_SIZE + i] = value;
}
