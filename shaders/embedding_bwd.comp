// dtable[id] += scale · Σ dy[n] over the positions n where id occurs, in their order. One workgroup per distinct id.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "embedding.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { embedding_params p; };
layout(std430, binding = 0) readonly buffer IDS { uint ids[]; };
layout(std430, binding = 1) readonly buffer STARTS { uint starts[]; };
layout(std430, binding = 2) readonly buffer POSITIONS { uint positions[]; };
layout(std430, binding = 3) readonly buffer DY { float dy[]; };
layout(std430, binding = 4) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 5) buffer DTABLE { float dtable[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint k = grid_group();
  if (k >= live_rows(p.rows, p.live)) return;
  uint id = ids[k] - p.first_id;
  if (id >= p.n_ids) return;
  for (uint d = gl_LocalInvocationID.x; d < p.dim; d += gl_WorkGroupSize.x) {
    float sum = 0.0;
    for (uint i = starts[k]; i < starts[k + 1]; i++) sum += dy[positions[i] * p.dim + d];
    dtable[id * p.dim + d] += p.scale * sum;
  }
}
