// partial[c][i] = Σ dy[n][i] over the rows n of chunk c, in their order. One invocation per element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bias.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { bias_params p; };
layout(std430, binding = 0) readonly buffer DY { float dy[]; };
layout(std430, binding = 1) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 2) writeonly buffer PARTIAL { float partial[]; };
#include "lib/live.glsl"

void main() {
  uint i = gl_GlobalInvocationID.x, c = gl_WorkGroupID.y;
  if (i >= p.dim) return;
  uint end = min(live_rows(p.rows, p.live), (c + 1) * p.chunk);
  float sum = 0.0;
  for (uint n = c * p.chunk; n < end; n++) sum += dy[n * p.dim + i];
  partial[c * p.dim + i] = sum;
}
