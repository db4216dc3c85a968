// squares[first + b] = Σ g² over block b of 1,024 gradient sums. One workgroup a block.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grad_norm.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BLOCK = 1024;
layout(push_constant) uniform PARAMS { grad_norm_params p; };
layout(std430, binding = 0) readonly buffer GRAD { vec4 grad[]; };
layout(std430, binding = 1) writeonly buffer SQUARES { float squares[]; };
#include "lib/grid.glsl"
#include "lib/sum.glsl"

void main() {
  uint b = grid_group();
  if (b >= p.n_blocks) return;
  float sum = 0.0;
  for (uint i = gl_LocalInvocationID.x; i < BLOCK / 4; i += gl_WorkGroupSize.x) {
    vec4 g = grad[b * (BLOCK / 4) + i];
    sum += dot(g, g);
  }
  sum = workgroup_sum(sum);
  if (gl_LocalInvocationID.x == 0) squares[p.first_block + b] = sum;
}
