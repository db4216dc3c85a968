// y = x + alpha / √(L · row_size) · (2 u − 1), u uniform in [0, 1) and L the length of the row's example.
// One Philox block serves four features: counter (example, epoch, position, feature / 4). One invocation a block.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "noise.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROW_SIZE = 64;
layout(push_constant) uniform PARAMS { noise_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer KEYS { uint keys[]; };
layout(std430, binding = 2) readonly buffer LENGTHS { uint lengths[]; };
layout(std430, binding = 3) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 4) writeonly buffer Y { float y[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"
#include "lib/philox.glsl"

void main() {
  uint blocks = (ROW_SIZE + 3) / 4, n = grid_index() / blocks, first = grid_index() % blocks * 4;
  if (n >= live_rows(p.rows, p.live)) return;
  uvec4 words = philox(uvec2(p.key_low, p.key_high), uvec4(keys[3 * n], keys[3 * n + 1], keys[3 * n + 2], first / 4));
  vec4 noise = p.alpha / sqrt(float(lengths[n])) * (vec4(words >> 8) * (1.0 / 8388608.0) - 1.0);
  uint n_features = min(4, ROW_SIZE - first), at = n * ROW_SIZE + first;
  for (uint i = 0; i < n_features; i++) y[at + i] = x[at + i] + noise[i];
}
