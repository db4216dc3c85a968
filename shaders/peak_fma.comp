// As many multiply-adds as a device can do: CHAINS vectors in registers, each x ← x · a + b, UNROLL · `rounds` times.
// The only memory access is the end, so that nothing can be left out. 2 · 4 · CHAINS · UNROLL · rounds operations an invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "peak_params.h"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;
layout(constant_id = 1) const uint CHAINS = 4;
layout(constant_id = 2) const bool FUSED = true; // some software drivers call a library for fma

const uint UNROLL = 8; // the loop's own work is to be small beside it

layout(push_constant) uniform parameters { peak_fma_params p; };
layout(binding = 0) writeonly buffer output_vectors { vec4 y[]; };

void main() {
  const uint at = gl_WorkGroupID.x * THREADS + gl_LocalInvocationID.x;
  vec4 x[CHAINS];
  for (uint c = 0; c < CHAINS; c++) x[c] = vec4(at + c) + vec4(0, 1, 2, 3);
  for (uint round = 0; round < p.rounds; round++)
    for (uint i = 0; i < UNROLL; i++)
      for (uint c = 0; c < CHAINS; c++) x[c] = FUSED ? fma(x[c], vec4(p.a), vec4(p.b)) : x[c] * p.a + p.b;
  vec4 sum = vec4(0);
  for (uint c = 0; c < CHAINS; c++) sum += x[c];
  y[at] = sum;
}
