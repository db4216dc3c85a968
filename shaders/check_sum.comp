// Known answers: shared memory and barriers within a workgroup. y[g] = the sum of x[g · THREADS …], THREADS of them, by a
// tree; THREADS is a power of two.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "check.h"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;

layout(push_constant) uniform parameters { check_params p; };
layout(binding = 0) readonly buffer input_x { float x[]; };
layout(binding = 1) writeonly buffer output_y { float y[]; };

shared float partial[THREADS];

void main() {
  uint t = gl_LocalInvocationID.x, i = gl_WorkGroupID.x * THREADS + t;
  partial[t] = i < p.n ? x[i] : 0.0;
  barrier();
  for (uint half_ = THREADS / 2; half_ > 0; half_ /= 2) {
    if (t < half_) partial[t] += partial[t + half_];
    barrier();
  }
  if (t == 0) y[gl_WorkGroupID.x] = partial[0];
}
