// dx = rstd · (w·dy − x · rstd² · mean(w·dy·x)) (+ residual, the gradient that x has from elsewhere). One workgroup a row,
// or a head of one.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rmsnorm.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 2) const bool ADD = false;
layout(push_constant) uniform PARAMS { rmsnorm_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer RSTD { float rstd[]; };
layout(std430, binding = 3) readonly buffer DY { float dy[]; };
layout(std430, binding = 4) readonly buffer RESIDUAL { float residual[]; };
layout(std430, binding = 5) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 6) writeonly buffer DX { float dx[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/sum.glsl"
#define WEIGHT_BINDING 1
#define WEIGHT_ID 1
#include "lib/weight.glsl"

void main() {
  uint n = grid_group(), first = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
  if (n >= live_rows(p.rows, p.live) * p.heads) return;
  uint row = n * p.dim;
  float dot_sum = 0.0;
  for (uint i = first; i < p.dim; i += step) dot_sum += weight_at(i) * dy[row + i] * x[row + i];
  float r = rstd[n], mean = workgroup_sum(dot_sum) / float(p.dim) * r * r;
  for (uint i = first; i < p.dim; i += step) {
    float d = r * (weight_at(i) * dy[row + i] - x[row + i] * mean);
    dx[row + i] = ADD ? residual[row + i] + d : d;
  }
}
