// As fast as memory can be read and written: y = x, a vector of four a load, neighbours by neighbours.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "peak_params.h"
#include "lib/grid.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;

layout(push_constant) uniform parameters { peak_copy_params p; };
layout(binding = 0) readonly buffer input_vectors { vec4 x[]; };
layout(binding = 1) writeonly buffer output_vectors { vec4 y[]; };

void main() {
  const uint i = grid_index();
  if (i < p.n) y[i] = x[i];
}
