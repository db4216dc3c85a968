// out = a b without shared memory, for CPU devices: an invocation computes ROWS rows of COLS groups of four columns;
// neighbouring lanes hold neighbouring groups, so loads of a are uniform.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"

void main() {
  const uint rows = live_rows(p.rows, p.live), lanes = gl_WorkGroupSize.x;
  const uint row = gl_WorkGroupID.x * ROWS;
  if (row >= rows) return;
  const uint col = 4 * (gl_WorkGroupID.y * lanes * COLS + gl_LocalInvocationID.x);

  // What lies beyond the end repeats the last row or group, or is 0, and is not stored.
  uint a_at[ROWS], b_col[COLS];
  [[unroll]] for (uint i = 0; i < ROWS; i++) a_at[i] = p.a_offset + min(row + i, max(rows, 1) - 1) * p.a_stride;
  [[unroll]] for (uint j = 0; j < COLS; j++) b_col[j] = min(col + j * 4 * lanes, VEC4 ? p.cols - 4 : p.cols);

  vec4 sum[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++) sum[i] = vec4(0.0);
  uint k = 0;
  do {
    const uint left = p.depth - k;
    vec4 b[4 * COLS];
    [[unroll]] for (uint c = 0; c < 4; c++)
      [[unroll]] for (uint j = 0; j < COLS; j++)
        b[c * COLS + j] = b_load((k + c) * p.b_stride + b_col[j], VEC4 || c < left ? p.cols - b_col[j] : 0);
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
      const vec4 x = a_load(a_at[i] + k, left);
      [[unroll]] for (uint c = 0; c < 4; c++)
        [[unroll]] for (uint j = 0; j < COLS; j++)
          sum[i * COLS + j] = fma(vec4(x[c]), b[c * COLS + j], sum[i * COLS + j]);
    }
    k += 4;
  } while (k < p.depth);

  [[unroll]] for (uint j = 0; j < COLS; j++)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      [[unroll]] for (uint c = 0; c < 4; c++) {
        const uint n = col + j * 4 * lanes + c;
        if (row + i < rows && n < p.cols) store(row + i, n, sum[i * COLS + j][c]);
      }
}
