// Adds each live pair's rewards, and whether the chosen answer's is the larger, times its weight to the state. One workgroup;
// trees of fixed shape.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/step.h"
#include "reward_sum.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { reward_sum_params p; };
layout(std430, binding = 0) readonly buffer REWARDS { vec2 rewards[]; };
layout(std430, binding = 1) readonly buffer WEIGHT { float weight[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) buffer STATE { step_state state; };
#include "lib/live.glsl"
#include "lib/sum.glsl"

void main() {
  uint rows = live_rows(p.rows, p.live);
  float chosen = 0.0, rejected = 0.0, right = 0.0;
  for (uint i = gl_LocalInvocationID.x; i < rows; i += gl_WorkGroupSize.x) {
    chosen += weight[i] * rewards[i].x;
    rejected += weight[i] * rewards[i].y;
    if (rewards[i].x > rewards[i].y) right += weight[i];
  }
  chosen = workgroup_sum(chosen);
  rejected = workgroup_sum(rejected);
  right = workgroup_sum(right);
  if (gl_LocalInvocationID.x != 0) return;
  state.chosen_sum += chosen;
  state.rejected_sum += rejected;
  state.right_sum += right;
}
