// out = aᵀ b over the live tokens, without shared memory, for CPU devices: an invocation computes ROWS rows (a multiple
// of four) of COLS groups of four columns; neighbouring lanes hold neighbouring groups, so loads of a are uniform.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"

const uint STEPS = 4;

void main() {
  const uint depth = live_rows(p.depth, p.live), lanes = gl_WorkGroupSize.x;
  const uint row = gl_WorkGroupID.x * ROWS;
  const uint col = 4 * (gl_WorkGroupID.y * lanes * COLS + gl_LocalInvocationID.x);

  // What lies beyond the end repeats the last group, or is 0, and is not stored.
  uint a_row[ROWS / 4], b_col[COLS];
  [[unroll]] for (uint i = 0; i < ROWS / 4; i++) a_row[i] = min(row + 4 * i, VEC4 ? p.rows - 4 : p.rows);
  [[unroll]] for (uint j = 0; j < COLS; j++) b_col[j] = min(col + j * 4 * lanes, VEC4 ? p.cols - 4 : p.cols);

  vec4 sum[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++) sum[i] = vec4(0.0);
  uint k = 0;
  do { // STEPS of the depth at once, so that the sums, of which there are more than registers, are fetched less often
    // Steps beyond the end repeat the last one of a, and have 0 of b.
    uint at[STEPS];
    [[unroll]] for (uint u = 0; u < STEPS; u++) at[u] = min(k + u, max(depth, 1) - 1);
    vec4 b[STEPS * COLS];
    [[unroll]] for (uint u = 0; u < STEPS; u++)
      [[unroll]] for (uint j = 0; j < COLS; j++) {
        const vec4 v = b_load(at[u] * p.b_stride + b_col[j], p.cols - b_col[j]);
        b[u * COLS + j] = k + u < depth ? v : vec4(0.0);
      }
    [[unroll]] for (uint i = 0; i < ROWS / 4; i++) {
      vec4 x[STEPS];
      [[unroll]] for (uint u = 0; u < STEPS; u++)
        x[u] = a_load(p.a_offset + at[u] * p.a_stride + a_row[i], p.rows - a_row[i]);
      [[unroll]] for (uint c = 0; c < 4; c++)
        [[unroll]] for (uint j = 0; j < COLS; j++)
          [[unroll]] for (uint u = 0; u < STEPS; u++)
            sum[(4 * i + c) * COLS + j] = fma(vec4(x[u][c]), b[u * COLS + j], sum[(4 * i + c) * COLS + j]);
    }
    k += STEPS;
  } while (k < depth);

  [[unroll]] for (uint j = 0; j < COLS; j++)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      [[unroll]] for (uint c = 0; c < 4; c++) {
        const uint n = col + j * 4 * lanes + c;
        // Without live tokens the sum is 0, and what it was made of is nothing.
        if (row + i < p.rows && n < p.cols) store(row + i, n, depth == 0 ? 0.0 : sum[i * COLS + j][c]);
      }
}
