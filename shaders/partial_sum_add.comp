// total[i] += Σ partial[c][i] over the chunks c, in their order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "partial_sum.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { partial_sum_params p; };
layout(std430, binding = 0) readonly buffer PARTIAL { float partial[]; };
layout(std430, binding = 1) buffer TOTAL { float total[]; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= p.dim) return;
  float sum = 0.0;
  for (uint c = 0; c < p.chunks; c++) sum += partial[c * p.dim + i];
  total[i] += sum;
}
