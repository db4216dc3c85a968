// dloss[t] = dpair[i] · slopes[i][a] of the pair i and the answer a that target t is of.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dpo_loss.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { dpo_loss_params p; };
layout(std430, binding = 0) readonly buffer ANSWERS { int answers[]; };
layout(std430, binding = 1) readonly buffer SLOPES { float slopes[]; };
layout(std430, binding = 2) readonly buffer DPAIR { float dpair[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer DLOSS { float dloss[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint t = grid_index();
  if (t >= live_rows(p.rows, p.live)) return;
  int answer = answers[t];
  dloss[t] = dpair[answer / 2] * slopes[answer];
}
