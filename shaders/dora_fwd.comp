// y = z · m / norm, by columns; a column without length stays 0. The backward is the same map of dy. One invocation per element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dora.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROW_SIZE = 64;
layout(push_constant) uniform PARAMS { dora_params p; };
layout(std430, binding = 0) readonly buffer Z { float z[]; };
layout(std430, binding = 1) readonly buffer MAGNITUDE { float magnitude[]; };
layout(std430, binding = 2) readonly buffer NORMS { float norms[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint i = grid_index(), n = i / ROW_SIZE, at = i % ROW_SIZE;
  if (n >= live_rows(p.rows, p.live)) return;
  y[i] = norms[at] > 0.0 ? z[i] * (magnitude[at] / norms[at]) : 0.0;
}
