// sum[n] = a[n] + b[n], y[n] = sum[n] · rstd[n] · w, rstd = 1 / sqrt(mean(sum²) + eps). One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "add_rmsnorm.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { add_rmsnorm_params p; };
layout(std430, binding = 0) readonly buffer A { float a[]; };
layout(std430, binding = 1) readonly buffer B { float b[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer Y { float y[]; };
layout(std430, binding = 5) buffer SUM { float total[]; }; // each invocation reads what it wrote itself
layout(std430, binding = 6) writeonly buffer RSTD { float rstd[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/sum.glsl"
#define WEIGHT_BINDING 2
#define WEIGHT_ID 1
#include "lib/weight.glsl"

void main() {
  uint n = grid_group(), first = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
  if (n >= live_rows(p.rows, p.live)) return;
  uint row = n * p.dim;
  float squares = 0.0;
  for (uint i = first; i < p.dim; i += step) {
    float x = a[row + i] + b[row + i];
    total[row + i] = x;
    squares += x * x;
  }
  float r = inversesqrt(workgroup_sum(squares) / float(p.dim) + p.eps);
  if (first == 0) rstd[n] = r;
  for (uint i = first; i < p.dim; i += step) y[row + i] = total[row + i] * r * weight_at(i);
}
