// cache[rows[n]] = x[n] for live n. One invocation an element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "cache_write.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { cache_write_params p; };
layout(std430, binding = 0) writeonly buffer CACHE { float cache[]; };
layout(std430, binding = 1) readonly buffer ROWS { uint rows[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  uint n = grid_index() / p.row_size, i = grid_index() % p.row_size;
  if (n < live_rows(p.rows, p.live)) cache[rows[n] * p.row_size + i] = x[n * p.row_size + i];
}
