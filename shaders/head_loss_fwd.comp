// Takes one chunk of logits into each row's running maximum m and sum s = Σ exp(l − m), and the target's logit into
// loss; after the last chunk lse = m + log s and loss = lse − target's logit. Where CAPPED, a logit z is cap · tanh(z / cap).
// One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "head_loss.h"

layout(local_size_x_id = 0) in; // a power of two, at most 256
layout(constant_id = 1) const uint CAPPED = 0;
layout(push_constant) uniform PARAMS { head_loss_params p; };
layout(std430, binding = 0) readonly buffer LOGITS { float logits[]; };
layout(std430, binding = 1) readonly buffer IDS { int ids[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) buffer STATE { vec2 state[]; }; // m, s
layout(std430, binding = 4) buffer LOSS { float loss[]; };
layout(std430, binding = 5) writeonly buffer LSE { float lse[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/tanh.glsl"
#include "lib/sum.glsl"

shared float max_partial[256];

float workgroup_max(float value) {
  uint i = gl_LocalInvocationID.x;
  max_partial[i] = value;
  barrier();
  for (uint half_size = gl_WorkGroupSize.x / 2; half_size > 0; half_size /= 2) {
    if (i < half_size) max_partial[i] = max(max_partial[i], max_partial[i + half_size]);
    barrier();
  }
  return max_partial[0];
}

float logit(uint at) {
  return CAPPED == 0 ? logits[at] : p.cap * tanh_of(logits[at] / p.cap);
}

void main() {
  uint t = grid_group(), first = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
  if (t >= live_rows(p.rows, p.live)) return;
  uint row = t * p.n_ids;
  bool start = p.first_id == 0;
  float largest = logit(row);
  for (uint i = first; i < p.n_ids; i += step) largest = max(largest, logit(row + i));
  largest = workgroup_max(largest);
  float m = start ? largest : max(largest, state[t].x);
  float sum = 0.0;
  for (uint i = first; i < p.n_ids; i += step) sum += exp(logit(row + i) - m);
  sum = workgroup_sum(sum);
  if (first != 0) return;
  if (!start) sum += state[t].y * exp(state[t].x - m);
  state[t] = vec2(m, sum);
  uint target = uint(ids[t]) - p.first_id; // ids before the chunk wrap around to large numbers
  if (target < p.n_ids) loss[t] = logit(row + target);
  if (p.last != 0) {
    float l = m + log(sum);
    lse[t] = l;
    loss[t] = l - loss[t];
  }
}
