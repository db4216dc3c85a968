// y[n][to + c] = x[n][from + c], c < WIDTH, for live rows. One invocation an element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "split.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint WIDTH = 64;
layout(push_constant) uniform PARAMS { split_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 2) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint i = grid_index(), n = i / WIDTH, c = i % WIDTH;
  if (n < live_rows(p.rows, p.live)) y[n * p.to_size + p.to + c] = x[n * p.from_size + p.from + c];
}
