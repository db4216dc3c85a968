// out = a bᵀ without shared memory, for CPU devices: an invocation computes ROWS rows of COLS columns, which lie a
// workgroup apart. Neighbouring lanes hold neighbouring columns, so loads of a are uniform. Turned: COLS / 2 pairs of columns.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"

#ifdef TURNED
uint column(uint j) {
  const uint pair = (gl_WorkGroupID.y * (COLS / 2) + j / 2) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
  return pair / HALF * HEAD_DIM + pair % HALF + j % 2 * HALF;
}
#else
uint column(uint j) {
  return (gl_WorkGroupID.y * COLS + j) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
#endif

void main() {
  const uint rows = live_rows(p.rows, p.live);
  const uint row = gl_WorkGroupID.x * ROWS;
  if (row >= rows) return;

  // Rows and columns beyond the end repeat the last one and are not stored: no test in the loop.
  uint a_at[ROWS], b_at[COLS];
  [[unroll]] for (uint i = 0; i < ROWS; i++) a_at[i] = p.a_offset + min(row + i, max(rows, 1) - 1) * p.a_stride;
  [[unroll]] for (uint j = 0; j < COLS; j++) b_at[j] = min(column(j), p.cols - 1) * p.b_stride;

  float sum[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++) sum[i] = 0.0;
  uint k = 0;
  do {
    const uint left = p.depth - k;
    vec4 b[COLS];
    [[unroll]] for (uint j = 0; j < COLS; j++) b[j] = b_load(b_at[j] + k, left);
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
      const vec4 x = a_load(a_at[i] + k, left);
      [[unroll]] for (uint j = 0; j < COLS; j++)
        [[unroll]] for (uint c = 0; c < 4; c++) sum[i * COLS + j] = fma(x[c], b[j][c], sum[i * COLS + j]);
    }
    k += 4;
  } while (k < p.depth);

#ifdef TURNED
  [[unroll]] for (uint j = 0; j < COLS; j += 2)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      if (row + i < rows && column(j) < p.cols)
        store_turned(row + i, column(j), vec2(sum[i * COLS + j], sum[i * COLS + j + 1]));
#else
  [[unroll]] for (uint j = 0; j < COLS; j++)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      if (row + i < rows && column(j) < p.cols) store(row + i, column(j), sum[i * COLS + j]);
#endif
}
