// dm[i] += Σ partial[c][i] / m[i] over the chunks c, in their order; rows of params counts the chunks here.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dora.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { dora_params p; };
layout(std430, binding = 0) readonly buffer PARTIAL { float partial[]; };
layout(std430, binding = 1) readonly buffer MAGNITUDE { float magnitude[]; };
layout(std430, binding = 2) buffer DM { float dm[]; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= p.row_size || magnitude[i] == 0.0) return;
  float sum = 0.0;
  for (uint c = 0; c < p.rows; c++) sum += partial[c * p.row_size + i];
  dm[i] += sum / magnitude[i];
}
