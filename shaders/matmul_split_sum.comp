// out[m][n] (+)= Σ_s partial[s][m][n] over the slices s of a product whose depth was split (matmul_tile.comp), in their
// order. An invocation adds up four columns.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "matmul_params.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool VEC4 = false;     // four columns are side by side and aligned in both
layout(constant_id = 2) const bool BY_TOKENS = true; // rows of out are tokens, of which only the live ones hold data
layout(push_constant) uniform PARAMS { matmul_params p; };
layout(std430, binding = 0) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 1) readonly buffer PARTIAL { float partial[]; };
layout(std430, binding = 1) readonly buffer PARTIAL_QUADS { vec4 partial_quads[]; };
layout(std430, binding = 2) buffer OUT { float result[]; };
layout(std430, binding = 2) buffer OUT_QUADS { vec4 result_quads[]; };
#include "lib/grid.glsl"
#include "lib/live.glsl"

void main() {
  const uint quads = (p.cols + 3) / 4, m = grid_index() / quads, n = grid_index() % quads * 4;
  if (m >= (BY_TOKENS ? live_rows(p.rows, p.live) : p.rows)) return;
  const uint at = p.out_offset + m * p.out_stride + n, from = m * p.cols + n, step = p.rows * p.cols;
  if (VEC4) {
    vec4 sum = vec4(0.0);
    [[dont_unroll]] for (uint s = 0; s < p.slices; s++) sum += partial_quads[(from + s * step) / 4];
    result_quads[at / 4] = p.accumulate != 0 ? result_quads[at / 4] + sum : sum;
    return;
  }
  [[dont_unroll]] for (uint c = 0; c < min(4, p.cols - n); c++) {
    float sum = 0.0;
    [[dont_unroll]] for (uint s = 0; s < p.slices; s++) sum += partial[from + c + s * step];
    result[at + c] = p.accumulate != 0 ? result[at + c] + sum : sum;
  }
}
