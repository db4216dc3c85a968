// y[n] = x[n] · rstd[n] · w, rstd = 1 / sqrt(mean(x²) + eps). One workgroup a row, or a head of one.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rmsnorm.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { rmsnorm_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
layout(std430, binding = 4) writeonly buffer RSTD { float rstd[]; };
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
  float squares = 0.0;
  for (uint i = first; i < p.dim; i += step) squares += x[row + i] * x[row + i];
  float r = inversesqrt(workgroup_sum(squares) / float(p.dim) + p.eps);
  if (first == 0) rstd[n] = r;
  for (uint i = first; i < p.dim; i += step) y[row + i] = x[row + i] * r * weight_at(i);
}
