// Of each pair the sums of its answers' token losses; from them loss, rewards, and what backward multiplies by. One workgroup
// a pair; trees of fixed shape.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dpo_loss.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { dpo_loss_params p; };
layout(std430, binding = 0) readonly buffer LOSS { float loss[]; };
layout(std430, binding = 1) readonly buffer SPANS { ivec4 spans[]; };
layout(std430, binding = 2) readonly buffer REFERENCE { vec2 reference[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer PAIR_LOSS { float pair_loss[]; };
layout(std430, binding = 5) writeonly buffer SLOPES { vec2 slopes[]; };
layout(std430, binding = 6) writeonly buffer REWARDS { vec2 rewards[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/sum.glsl"

float sum_of(int begin, int end) {
  float sum = 0.0;
  for (int t = begin + int(gl_LocalInvocationID.x); t < end; t += int(gl_WorkGroupSize.x)) sum += loss[t];
  return workgroup_sum(sum);
}

// log(1 + e^x). Where 1 + y rounds to 1 or nearly so, its logarithm is taken as a series.
float softplus(float x) {
  float y = exp(-abs(x));
  return max(x, 0.0) + (y < 1e-3 ? y - 0.5 * y * y : log(1.0 + y));
}

float sigmoid(float x) {
  float y = exp(-abs(x));
  return (x < 0.0 ? y : 1.0) / (1.0 + y);
}

void main() {
  uint i = grid_group();
  if (i >= live_rows(p.rows, p.live)) return;
  ivec4 span = spans[i];
  float chosen = -sum_of(span.x, span.y) - reference[i].x, rejected = -sum_of(span.y, span.z) - reference[i].y;
  if (gl_LocalInvocationID.x != 0) return;
  vec2 share = vec2(1.0);
  if (p.normalised != 0) share = 1.0 / vec2(float(span.y - span.x), float(span.z - span.y));
  float margin = p.beta * (chosen * share.x - rejected * share.y), e = p.label_smoothing;
  float slope = p.beta * ((1.0 - e) * sigmoid(-margin) - e * sigmoid(margin)); // −d loss / dΔ
  pair_loss[i] = (1.0 - e) * softplus(-margin) + e * softplus(margin);
  slopes[i] = vec2(slope, -slope) * share;
  rewards[i] = p.beta * vec2(chosen, rejected);
}
