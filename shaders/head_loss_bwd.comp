// In place: logit l of id v in row t becomes (exp(l − lse[t]) − [v = ids[t]]) · dloss[t]; where CAPPED, z becomes that of
// l = cap · tanh(z / cap) times dl/dz = 1 − (l / cap)². One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "head_loss.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint CAPPED = 0;
layout(push_constant) uniform PARAMS { head_loss_params p; };
layout(std430, binding = 0) readonly buffer IDS { int ids[]; };
layout(std430, binding = 1) readonly buffer LSE { float lse[]; };
layout(std430, binding = 2) readonly buffer DLOSS { float dloss[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) buffer LOGITS { float logits[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/tanh.glsl"

void main() {
  uint t = grid_group();
  if (t >= live_rows(p.rows, p.live)) return;
  uint target = uint(ids[t]) - p.first_id;
  float l = lse[t], upstream = dloss[t];
  for (uint i = gl_LocalInvocationID.x; i < p.n_ids; i += gl_WorkGroupSize.x) {
    uint at = t * p.n_ids + i;
    const float tanh_z = CAPPED == 0 ? 0.0 : tanh_of(logits[at] / p.cap), z = CAPPED == 0 ? logits[at] : p.cap * tanh_z;
    logits[at] = (exp(z - l) - (i == target ? 1.0 : 0.0)) * upstream * (1.0 - tanh_z * tanh_z);
  }
}
