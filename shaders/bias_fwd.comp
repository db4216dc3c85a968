// y[n][i] = x[n][i] + b[i], elementwise over live rows. y may lie where x lies.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bias.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 2) const uint DIM = 1;
layout(push_constant) uniform PARAMS { bias_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#define WEIGHT_BINDING 1
#define WEIGHT_ID 1
#include "lib/weight.glsl"

void main() {
  uint i = grid_index();
  if (i < live_rows(p.rows, p.live) * DIM) y[i] = x[i] + weight_at(i % DIM);
}
