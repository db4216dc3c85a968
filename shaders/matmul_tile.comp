// A product by tiles of 64 × 64 in shared memory, for GPUs: 16 × 16 invocations, each with 4 × 4 results. A step of the
// loop stages 16 deep slices of both operands, transposed so that each invocation then reads four consecutive elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"
layout(constant_id = 5) const uint PRODUCT = 0; // of src/ops/matmul.h
const uint NT = 0, NN = 1, TN = 2;

const uint TILE = 64, DEEP = 16, PITCH = TILE + 4; // the pitch spreads stores of a column over the banks
shared float a_tile[DEEP * PITCH];
shared float b_tile[DEEP * PITCH];

void main() {
  const uint rows = PRODUCT == TN ? p.rows : live_rows(p.rows, p.live);
  const uint depth = PRODUCT == TN ? live_rows(p.depth, p.live) : p.depth;
  const uint row = gl_WorkGroupID.y * TILE, col = gl_WorkGroupID.x * TILE, id = gl_LocalInvocationID.x;
  if (row >= rows) return;

  // Where this invocation stages its four elements: along the depth (operand stored with contiguous k), or along the
  // tile's other side.
  const uint deep_at = id % 4 * 4, deep_side = id / 4;
  const uint side_at = id % 16 * 4, side_deep = id / 16;
  const uint y = id / 16 * 4, x = id % 16 * 4; // of its results

  float sum[16];
  [[unroll]] for (uint i = 0; i < 16; i++) sum[i] = 0.0;
  for (uint k = 0; k < depth; k += DEEP) {
    if (PRODUCT == TN) {
      const uint m = row + side_at, at = k + side_deep;
      const vec4 v = m < rows && at < depth ? a_load(p.a_offset + at * p.a_stride + m, rows - m) : vec4(0.0);
      [[unroll]] for (uint c = 0; c < 4; c++) a_tile[side_deep * PITCH + side_at + c] = v[c];
    } else {
      const uint m = row + deep_side, at = k + deep_at;
      const vec4 v = m < rows && at < depth ? a_load(p.a_offset + m * p.a_stride + at, depth - at) : vec4(0.0);
      [[unroll]] for (uint c = 0; c < 4; c++) a_tile[(deep_at + c) * PITCH + deep_side] = v[c];
    }
    if (PRODUCT == NT) {
      const uint n = col + deep_side, at = k + deep_at;
      const vec4 v = n < p.cols && at < depth ? b_load(n * p.b_stride + at, depth - at) : vec4(0.0);
      [[unroll]] for (uint c = 0; c < 4; c++) b_tile[(deep_at + c) * PITCH + deep_side] = v[c];
    } else {
      const uint n = col + side_at, at = k + side_deep;
      const vec4 v = n < p.cols && at < depth ? b_load(at * p.b_stride + n, p.cols - n) : vec4(0.0);
      [[unroll]] for (uint c = 0; c < 4; c++) b_tile[side_deep * PITCH + side_at + c] = v[c];
    }
    barrier();
    [[unroll]] for (uint d = 0; d < DEEP; d++) {
      float u[4], v[4];
      [[unroll]] for (uint c = 0; c < 4; c++) {
        u[c] = a_tile[d * PITCH + y + c];
        v[c] = b_tile[d * PITCH + x + c];
      }
      [[unroll]] for (uint i = 0; i < 4; i++)
        [[unroll]] for (uint j = 0; j < 4; j++) sum[i * 4 + j] = fma(u[i], v[j], sum[i * 4 + j]);
    }
    barrier();
  }

  [[unroll]] for (uint i = 0; i < 4; i++)
    [[unroll]] for (uint j = 0; j < 4; j++)
      if (row + y + i < rows && col + x + j < p.cols) store(row + y + i, col + x + j, sum[i * 4 + j]);
}
