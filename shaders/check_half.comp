// Known answers: 16-bit numbers unpacked from words, without any 16-bit feature. Word i holds two; y[2i], y[2i + 1] = its
// halves as f16 (TYPE 0) or bf16 (TYPE 1).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "check.h"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;
layout(constant_id = 1) const uint TYPE = 0;

layout(push_constant) uniform parameters { check_params p; };
layout(binding = 0) readonly buffer input_x { uint x[]; };
layout(binding = 1) writeonly buffer output_y { float y[]; };

void main() {
  uint i = gl_WorkGroupID.x * THREADS + gl_LocalInvocationID.x;
  if (i >= p.n) return;
  vec2 v = TYPE == 0 ? unpackHalf2x16(x[i]) : vec2(uintBitsToFloat(x[i] << 16), uintBitsToFloat(x[i] & 0xffff0000u));
  y[2 * i] = v.x;
  y[2 * i + 1] = v.y;
}
