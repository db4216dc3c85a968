// y[n] = scale · table[ids[n]] for the ids in the bound window of the table. One invocation per element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "embedding.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 2) const uint DIM = 64;
layout(push_constant) uniform PARAMS { embedding_params p; };
layout(std430, binding = 1) readonly buffer IDS { uint ids[]; };
layout(std430, binding = 2) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#define WEIGHT_BINDING 0
#define WEIGHT_ID 1
#include "lib/weight.glsl"

void main() {
  uint i = grid_index(), n = i / DIM;
  if (n >= live_rows(p.rows, p.live)) return;
  uint id = ids[n] - p.first_id;
  if (id < p.n_ids) y[i] = p.scale * weight_at(id * DIM + i % DIM);
}
