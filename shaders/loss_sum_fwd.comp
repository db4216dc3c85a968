// state.loss_sum += Σ weight[t] · loss[t] over live targets. One workgroup; a tree of fixed shape.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/step.h"
#include "loss_sum.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { loss_sum_params p; };
layout(std430, binding = 0) readonly buffer LOSS { float loss[]; };
layout(std430, binding = 1) readonly buffer WEIGHT { float weight[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) buffer STATE { step_state state; };
#include "lib/live.glsl"
#include "lib/sum.glsl"

void main() {
  uint rows = live_rows(p.rows, p.live);
  float sum = 0.0;
  for (uint t = gl_LocalInvocationID.x; t < rows; t += gl_WorkGroupSize.x) sum += weight[t] * loss[t];
  sum = workgroup_sum(sum);
  if (gl_LocalInvocationID.x == 0) state.loss_sum += sum;
}
