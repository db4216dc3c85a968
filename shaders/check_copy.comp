// Known answers: the same memory seen as words and as vectors. y = x, n words: whole vectors of four through the vector
// view, the rest through the word view.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "check.h"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;

layout(push_constant) uniform parameters { check_params p; };
layout(binding = 0) readonly buffer input_words { uint x[]; };
layout(binding = 0) readonly buffer input_vectors { uvec4 x4[]; };
layout(binding = 1) writeonly buffer output_words { uint y[]; };
layout(binding = 1) writeonly buffer output_vectors { uvec4 y4[]; };

void main() {
  uint i = gl_WorkGroupID.x * THREADS + gl_LocalInvocationID.x, begin = 4 * i;
  if (begin + 4 <= p.n) {
    y4[i] = x4[i];
  } else {
    for (uint j = begin; j < p.n; j++) y[j] = x[j];
  }
}
