// y = gelu(gate) · up, elementwise over live rows.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "geglu.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { swiglu_params p; };
layout(std430, binding = 0) readonly buffer GATE { float gate[]; };
layout(std430, binding = 1) readonly buffer UP { float up[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/gelu.glsl"

void main() {
  uint i = grid_index();
  if (i < live_rows(p.rows, p.live) * p.row_size) y[i] = gelu(gate[i]) * up[i];
}
