// Known answers: subgroup operations, on devices that have them. y[4i …] = the sum of x over i's subgroup, x of the
// neighbour (invocation id xor 1), the subgroup's id, and the invocation's id within it.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "check.h"

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(push_constant) uniform parameters { check_params p; };
layout(binding = 0) readonly buffer input_x { float x[]; };
layout(binding = 1) writeonly buffer output_y { vec4 y[]; };

void main() {
  uint i = gl_LocalInvocationID.x;
  float v = i < p.n ? x[i] : 0.0;
  y[i] = vec4(subgroupAdd(v), subgroupShuffleXor(v, 1), gl_SubgroupID, gl_SubgroupInvocationID);
}
