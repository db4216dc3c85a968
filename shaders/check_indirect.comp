// Known answers: each workgroup says how many there are, at its place among them (lib/grid.glsl). From n on.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "check.h"

layout(local_size_x = 1) in;
layout(push_constant) uniform PARAMS { check_params p; };
layout(binding = 0) writeonly buffer OUTPUT { uint y[]; };
#include "lib/grid.glsl"

void main() {
  y[p.n + grid_group()] = gl_NumWorkGroups.y * 1000 + gl_NumWorkGroups.x;
}
