// Known answers: f32 arithmetic. y[i] += scale · (exp(−a²) + sqrt(|a|) · b − a / b), with i beyond n left alone.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "check.h"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;

layout(push_constant) uniform parameters { check_params p; };
layout(binding = 0) readonly buffer input_a { float a[]; };
layout(binding = 1) readonly buffer input_b { float b[]; };
layout(binding = 2) buffer output_y { float y[]; };

void main() {
  uint i = gl_WorkGroupID.x * THREADS + gl_LocalInvocationID.x;
  if (i >= p.n) return;
  y[i] += p.scale * (exp(-a[i] * a[i]) + sqrt(abs(a[i])) * b[i] - a[i] / b[i]);
}
