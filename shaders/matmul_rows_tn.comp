// out = aᵀ b over the live tokens, without shared memory, for CPU devices: an invocation computes ROWS rows (a multiple
// of four) of COLS groups of four columns; neighbouring lanes hold neighbouring groups, so loads of a are uniform.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"

void main() {
  const uint depth = live_rows(p.depth, p.live), lanes = gl_WorkGroupSize.x;
  const uint row = gl_WorkGroupID.y * ROWS;
  const uint col = 4 * (gl_WorkGroupID.x * lanes * COLS + gl_LocalInvocationID.x);

  // What lies beyond the end repeats the last group, or is 0, and is not stored.
  uint a_row[ROWS / 4], b_col[COLS];
  [[unroll]] for (uint i = 0; i < ROWS / 4; i++) a_row[i] = min(row + 4 * i, VEC4 ? p.rows - 4 : p.rows);
  [[unroll]] for (uint j = 0; j < COLS; j++) b_col[j] = min(col + j * 4 * lanes, VEC4 ? p.cols - 4 : p.cols);

  vec4 sum[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++) sum[i] = vec4(0.0);
  for (uint k = 0; k < depth; k++) {
    vec4 b[COLS];
    [[unroll]] for (uint j = 0; j < COLS; j++) b[j] = b_load(k * p.b_stride + b_col[j], p.cols - b_col[j]);
    [[unroll]] for (uint i = 0; i < ROWS / 4; i++) {
      const vec4 x = a_load(p.a_offset + k * p.a_stride + a_row[i], p.rows - a_row[i]);
      [[unroll]] for (uint c = 0; c < 4; c++)
        [[unroll]] for (uint j = 0; j < COLS; j++)
          sum[(4 * i + c) * COLS + j] = fma(vec4(x[c]), b[j], sum[(4 * i + c) * COLS + j]);
    }
  }

  [[unroll]] for (uint j = 0; j < COLS; j++)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      [[unroll]] for (uint c = 0; c < 4; c++) {
        const uint n = col + j * 4 * lanes + c;
        if (row + i < p.rows && n < p.cols) store(row + i, n, sum[i * COLS + j][c]);
      }
}
