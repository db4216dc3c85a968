// A product by tiles in shared memory, for GPUs: BM × BN of out for a workgroup, ROWS × COLS for an invocation. A step of
// the loop stages BK deep slices of both operands as f32, deep by deep, so that an invocation reads four rows or columns
// at once. What is contiguous along the depth is turned in registers, in blocks of 4 × 4, on its way.
//
// The quads of slice k lie at places exclusive-or (k / 4) % 8: neither the stores of turned blocks nor the reads meet in a
// bank, and no padding is needed.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define INVOCATIONS (NX * NY)
#define NX (BN / COLS)
#define NY (BM / ROWS)
#include "matmul_stage.glsl"
// Slices without a loop: BK on GPUs. Fewer also make one kind of loads do, for compilers that take seconds a kernel.
layout(constant_id = 9) const uint UNROLLED = 32;
shared vec4 a_tile[BK * BM / 4];
shared vec4 b_tile[BK * BN / 4];

// --- registers to shared memory --------------------------------------------------------------------------------------

uint place(uint deep, uint side, uint quad, uint slice) {
  return deep * (side / 4) + (quad ^ (slice % 8));
}

void stage_a() {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    mat4 v = mat4(a_block[i * 4], a_block[i * 4 + 1], a_block[i * 4 + 2], a_block[i * 4 + 3]);
    if (PRODUCT != TN) v = transpose(v);
    [[unroll]] for (uint c = 0; c < 4; c++) a_tile[place(block.y * 4 + c, BM, block.x, block.y)] = v[c];
  }
}

void stage_b() {
  [[unroll]] for (uint i = 0; i < B_BLOCKS; i++) {
    const uvec2 block = block_at(i, BN, PRODUCT == NT);
    mat4 v = mat4(b_block[i * 4], b_block[i * 4 + 1], b_block[i * 4 + 2], b_block[i * 4 + 3]);
    if (PRODUCT == NT) v = transpose(v);
    [[unroll]] for (uint c = 0; c < 4; c++) b_tile[place(block.y * 4 + c, BN, block.x, block.y)] = v[c];
  }
}

// --- the product -----------------------------------------------------------------------------------------------------

// Where quad j of an invocation's columns lies in a line of the tile. Turned: two, of either half of a head.
#ifdef TURNED
uint quad_of(uint x, uint j) {
  const uint quads = HALF / 4;
  return x / quads * 2 * quads + x % quads + j * quads;
}
#else
uint quad_of(uint x, uint j) {
  return x + j * NX;
}
#endif

vec4 sum[ROWS * COLS / 4];

// What out holds, for results in and out of it alike: those beyond the last are not stored.
void add_old(uint x, uint y) {
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    [[unroll]] for (uint j = 0; j < COLS / 4; j++) {
      const uint m = min(row + (y + i / 4 * NY) * 4 + i % 4, rows - 1), n = col + quad_of(x, j) * 4;
      if (VEC4) sum[i * (COLS / 4) + j] += result_quads[place_of(m, min(n, p.cols - 4)) / 4];
      else
        [[unroll]] for (uint c = 0; c < 4; c++) sum[i * (COLS / 4) + j][c] += result[place_of(m, min(n + c, p.cols - 1))];
    }
}

#ifdef TURNED
void turn(uint x, uint y) {
  [[unroll]] for (uint i = 0; i < ROWS; i++) {
    const uint angle = positions[min(row + (y + i / 4 * NY) * 4 + i % 4, rows - 1)] * (HALF / 4) + x % (HALF / 4);
    const vec4 c = cosine_quads[angle], s = sine_quads[angle], first = sum[2 * i], second = sum[2 * i + 1];
    sum[2 * i] = first * c - second * s;
    sum[2 * i + 1] = second * c + first * s;
  }
}
#endif

void store_sums(uint x, uint y) {
  [[unroll]] for (uint i = 0; i < ROWS; i++) {
    const uint m = row + (y + i / 4 * NY) * 4 + i % 4;
    if (m < rows) {
      [[unroll]] for (uint j = 0; j < COLS / 4; j++) {
        const uint n = col + quad_of(x, j) * 4;
        if (VEC4) {
          if (n < p.cols) result_quads[place_of(m, n) / 4] = sum[i * (COLS / 4) + j];
        } else {
          [[unroll]] for (uint c = 0; c < 4; c++)
            if (n + c < p.cols) result[place_of(m, n + c)] = sum[i * (COLS / 4) + j][c];
        }
      }
    }
  }
}

// Decoding is long code, so it is there once; rows of b are whole blocks, whatever a has.
#ifdef BLOCKS
void fetch(uint k) {
  if (VEC4) fetch_a(k, k + BK <= depth);
  else fetch_odd_a(k);
  fetch_b(k, k + BK <= depth);
}
#else
void fetch(uint k) {
  if (!VEC4) {
    fetch_odd_a(k);
    fetch_odd_b(k);
  } else if (UNROLLED == BK && k + BK <= depth) {
    fetch_a(k, true);
    fetch_b(k, true);
  } else {
    fetch_a(k, false);
    fetch_b(k, false);
  }
}
#endif

void main() {
  set_tile();
  const uint x = gl_LocalInvocationID.x % NX, y = gl_LocalInvocationID.x / NX;
  // Every invocation runs the same steps: none for a tile of dead rows.
  const uint steps_end = row < rows ? depth : 0;

  [[unroll]] for (uint i = 0; i < ROWS * COLS / 4; i++) sum[i] = vec4(0.0);
#ifdef BLOCKS
  set_bases();
#else
  if (VEC4) set_bases();
#endif
  for (uint k = first_deep; k < steps_end; k += BK) {
    fetch(k);
    barrier();
    stage_a();
    stage_b();
    barrier();
    for (uint first = 0; first < BK; first += UNROLLED)
      [[unroll]] for (uint s = 0; s < UNROLLED; s++) {
        const uint d = first + s;
        vec4 u[ROWS / 4], v[COLS / 4];
        [[unroll]] for (uint i = 0; i < ROWS / 4; i++) u[i] = a_tile[place(d, BM, y + i * NY, d / 4)];
        [[unroll]] for (uint j = 0; j < COLS / 4; j++) v[j] = b_tile[place(d, BN, quad_of(x, j), d / 4)];
        [[unroll]] for (uint i = 0; i < ROWS; i++)
          [[unroll]] for (uint j = 0; j < COLS / 4; j++)
            sum[i * (COLS / 4) + j] = fma(vec4(u[i / 4][i % 4]), v[j], sum[i * (COLS / 4) + j]);
      }
  }

  if (row >= rows) return;
  [[unroll]] for (uint i = 0; i < ROWS * COLS / 4; i++) sum[i] *= p.alpha;
  if (p.accumulate != 0) add_old(x, y);
#ifdef TURNED
  turn(x, y);
#endif
  store_sums(x, y);
}
