// The step's norm, clipping factor and finite check from the blocks' sums; moves the loss on. One workgroup.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grad_norm.h"
#include "lib/step.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { grad_norm_params p; };
layout(std430, binding = 0) readonly buffer SQUARES { float squares[]; };
layout(std430, binding = 1) readonly buffer HYPER { step_hyper hyper; };
layout(std430, binding = 2) buffer STATE { step_state state; };
#include "lib/sum.glsl"

// By the exponent's bits: compilers may assume that isnan is always false.
bool is_finite(float x) {
  return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u;
}

void main() {
  float sum = 0.0;
  for (uint b = gl_LocalInvocationID.x; b < p.n_blocks; b += gl_WorkGroupSize.x) sum += squares[b];
  sum = workgroup_sum(sum);
  if (gl_LocalInvocationID.x != 0) return;
  float norm = sqrt(sum) * hyper.inverse_targets, loss = state.loss_sum * hyper.inverse_targets, clip = 1.0;
  bool finite = is_finite(norm) && is_finite(loss);
  if (hyper.max_grad_norm > 0.0) clip = min(1.0, hyper.max_grad_norm / (norm + 1e-6));
  state.loss_sum = 0.0;
  state.loss = loss;
  state.chosen = state.chosen_sum * hyper.inverse_targets;
  state.rejected = state.rejected_sum * hyper.inverse_targets;
  state.accuracy = state.right_sum * hyper.inverse_targets;
  state.chosen_sum = state.rejected_sum = state.right_sum = 0.0;
  state.grad_norm = norm;
  state.grad_scale = clip * hyper.inverse_targets;
  state.finite = finite ? 1 : 0;
  if (finite) state.applied += 1;
}
