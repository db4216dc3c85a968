// y[n] = (x[n] − mean) · rstd · w + b, rstd = 1 / sqrt(mean((x − mean)²) + eps). One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "layernorm.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { layernorm_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer B { float b[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer Y { float y[]; };
layout(std430, binding = 5) writeonly buffer STATS { vec2 stats[]; }; // mean, rstd
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/sum.glsl"
#define WEIGHT_BINDING 1
#define WEIGHT_ID 1
#include "lib/weight.glsl"

void main() {
  uint n = grid_group(), first = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
  if (n >= live_rows(p.rows, p.live)) return;
  uint row = n * p.dim;
  float sum = 0.0, squares = 0.0;
  for (uint i = first; i < p.dim; i += step) sum += x[row + i];
  float mean = workgroup_sum(sum) / float(p.dim);
  for (uint i = first; i < p.dim; i += step) squares += (x[row + i] - mean) * (x[row + i] - mean);
  float r = inversesqrt(workgroup_sum(squares) / float(p.dim) + p.eps);
  if (first == 0) stats[n] = vec2(mean, r);
  for (uint i = first; i < p.dim; i += step) y[row + i] = (x[row + i] - mean) * r * weight_at(i) + b[i];
}
