// norms[i] = √(squares[i] + s Σ_k b[i][k] · (2 aw[k][i] + s baa[i][k])). One invocation a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dora_norm.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { dora_norm_params p; };
layout(std430, binding = 0) readonly buffer SQUARES { float squares[]; };
layout(std430, binding = 1) readonly buffer AW { float aw[]; };
layout(std430, binding = 2) readonly buffer BAA { float baa[]; };
layout(std430, binding = 3) readonly buffer B { float b[]; };
layout(std430, binding = 4) writeonly buffer NORMS { float norms[]; };

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= p.rows) return;
  float sum = 0.0;
  for (uint k = 0; k < p.rank; k++) sum += b[i * p.rank + k] * (2.0 * aw[k * p.rows + i] + p.scale * baa[i * p.rank + k]);
  norms[i] = sqrt(max(squares[i] + p.scale * sum, 0.0));
}
