// dx = dy · gelu′(x), elementwise over live rows. dx may lie where dy lies.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "gelu.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { gelu_params p; };
layout(std430, binding = 0) readonly buffer DY { float dy[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer DX { float dx[]; };
#include "lib/gelu.glsl"
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint i = grid_index();
  if (i < live_rows(p.rows, p.live) * p.row_size) dx[i] = dy[i] * gelu_slope(x[i]);
}
