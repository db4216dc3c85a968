// dw[i] += Σ partial[c][i] over the chunks c, in their order; rows of params counts the chunks here.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rmsnorm.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { rmsnorm_params p; };
layout(std430, binding = 0) readonly buffer PARTIAL { float partial[]; };
layout(std430, binding = 1) buffer DW { float dw[]; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= p.dim) return;
  float sum = 0.0;
  for (uint c = 0; c < p.rows; c++) sum += partial[c * p.dim + i];
  dw[i] += sum;
}
