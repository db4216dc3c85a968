// With z = (x − mean) · rstd: dx = rstd · (w·dy − mean(w·dy) − z · mean(w·dy·z)) (+ residual, the gradient that x has from
// elsewhere). One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "layernorm.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 2) const bool ADD = false;
layout(push_constant) uniform PARAMS { layernorm_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer STATS { vec2 stats[]; };
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
  if (n >= live_rows(p.rows, p.live)) return;
  uint row = n * p.dim;
  const vec2 stat = stats[n];
  float sum = 0.0, dot_sum = 0.0;
  for (uint i = first; i < p.dim; i += step) {
    float d = weight_at(i) * dy[row + i];
    sum += d;
    dot_sum += d * (x[row + i] - stat.x) * stat.y;
  }
  const float mean = workgroup_sum(sum) / float(p.dim), mean_dot = workgroup_sum(dot_sum) / float(p.dim);
  for (uint i = first; i < p.dim; i += step) {
    float d = stat.y * (weight_at(i) * dy[row + i] - mean - (x[row + i] - stat.x) * stat.y * mean_dot);
    dx[row + i] = ADD ? residual[row + i] + d : d;
  }
}
