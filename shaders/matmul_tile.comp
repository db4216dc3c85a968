// A product by tiles in shared memory, for GPUs: BM × BN of out for a workgroup, ROWS × COLS for an invocation. A step of
// the loop stages BK deep slices of both operands as f32, deep by deep, so that an invocation reads four rows or columns
// at once. What is contiguous along the depth is turned in registers, in blocks of 4 × 4, on its way.
//
// The quads of slice k lie at places exclusive-or (k / 4) % 8: neither the stores of turned blocks nor the reads meet in a
// bank, and no padding is needed.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matmul.glsl"
layout(constant_id = 5) const uint PRODUCT = 0; // of src/ops/matmul.h
layout(constant_id = 6) const uint BM = 64;
layout(constant_id = 7) const uint BN = 64;
layout(constant_id = 8) const uint BK = 32;
layout(constant_id = 9) const uint UNROLLED = 32; // slices: all of a step on GPUs, whose compilers are quick
layout(std430, binding = 3) buffer OUT_QUADS { vec4 result_quads[]; };
const uint NT = 0, NN = 1, TN = 2;

const uint NX = BN / COLS, NY = BM / ROWS, INVOCATIONS = NX * NY;
const uint A_BLOCKS = BM * BK / 16 / INVOCATIONS, B_BLOCKS = BN * BK / 16 / INVOCATIONS; // 4 × 4, for an invocation
shared vec4 a_tile[BK * BM / 4];
shared vec4 b_tile[BK * BN / 4];

vec4 a_block[A_BLOCKS * 4], b_block[B_BLOCKS * 4];

uint rows, depth, row, col;

// --- blocks: where they lie in the tile ------------------------------------------------------------------------------

// Block i of this invocation of a tile `side` wide: x its place along the side, y along the depth, in quads. Neighbours
// lie along what is contiguous in memory.
uvec2 block_at(uint i, uint side, bool along_depth) {
  const uint at = gl_LocalInvocationID.x + i * INVOCATIONS;
  return along_depth ? uvec2(at / (BK / 4), at % (BK / 4)) : uvec2(at % (side / 4), at / (side / 4));
}

uint place(uint deep, uint side, uint quad, uint slice) {
  return deep * (side / 4) + (quad ^ (slice % 8));
}

// --- global memory to registers --------------------------------------------------------------------------------------

// Rows and columns beyond the last are loaded from it: what they give is not stored. Slices beyond the depth are 0, in b
// too, where memory beyond it may hold anything.
//
// In quads: a_base[4 i + c] is where line c of block i begins, without the step's own k.
uint a_base[A_BLOCKS * 4], b_base[B_BLOCKS * 4];

void set_bases() {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    [[unroll]] for (uint c = 0; c < 4; c++)
      a_base[i * 4 + c] = PRODUCT == TN ? (p.a_offset + min(row + block.x * 4, rows - 4) + block.y * 4 * p.a_stride) / 4
                                        : (p.a_offset + min(row + block.x * 4 + c, rows - 1) * p.a_stride) / 4 + block.y;
  }
  [[unroll]] for (uint i = 0; i < B_BLOCKS; i++) {
    const uvec2 block = block_at(i, BN, PRODUCT == NT);
    [[unroll]] for (uint c = 0; c < 4; c++)
      b_base[i * 4 + c] = PRODUCT == NT ? min(col + block.x * 4 + c, p.cols - 1) * p.b_stride / 4 + block.y
                                        : (min(col + block.x * 4, p.cols - 4) + block.y * 4 * p.b_stride) / 4;
  }
}

void fetch(uint k, bool whole) {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    [[unroll]] for (uint c = 0; c < 4; c++) {
      const uint step = PRODUCT == TN ? (k + c) * (p.a_stride / 4) : k / 4;
      const uint deep = PRODUCT == TN ? k + block.y * 4 + c : k + block.y * 4;
      a_block[i * 4 + c] = whole || deep < depth ? a_quads[a_base[i * 4 + c] + step] : vec4(0.0);
    }
  }
  [[unroll]] for (uint i = 0; i < B_BLOCKS; i++) {
    const uvec2 block = block_at(i, BN, PRODUCT == NT);
    [[unroll]] for (uint c = 0; c < 4; c++) {
      const uint step = PRODUCT == NT ? k / 4 : (k + c) * (p.b_stride / 4);
      const uint deep = PRODUCT == NT ? k + block.y * 4 : k + block.y * 4 + c;
      b_block[i * 4 + c] = whole || deep < depth ? weight_at4(b_base[i * 4 + c] + step) : vec4(0.0);
    }
  }
}

// The same by single elements, where rows are of any length.
void fetch_odd(uint k) {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    [[unroll]] for (uint c = 0; c < 4; c++) {
      const uint deep = PRODUCT == TN ? k + block.y * 4 + c : k + block.y * 4;
      const uint m = PRODUCT == TN ? row + block.x * 4 : min(row + block.x * 4 + c, rows - 1);
      const uint left = PRODUCT == TN ? rows - min(m, rows) : depth - deep;
      const uint at = PRODUCT == TN ? deep * p.a_stride + m : m * p.a_stride + deep;
      a_block[i * 4 + c] = deep < depth ? a_load(p.a_offset + at, left) : vec4(0.0);
    }
  }
  [[unroll]] for (uint i = 0; i < B_BLOCKS; i++) {
    const uvec2 block = block_at(i, BN, PRODUCT == NT);
    [[unroll]] for (uint c = 0; c < 4; c++) {
      const uint deep = PRODUCT == NT ? k + block.y * 4 : k + block.y * 4 + c;
      const uint n = PRODUCT == NT ? min(col + block.x * 4 + c, p.cols - 1) : col + block.x * 4;
      const uint left = PRODUCT == NT ? depth - deep : p.cols - min(n, p.cols);
      b_block[i * 4 + c] = deep < depth ? b_load(PRODUCT == NT ? n * p.b_stride + deep : deep * p.b_stride + n, left) : vec4(0.0);
    }
  }
}

// --- registers to shared memory --------------------------------------------------------------------------------------

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

vec4 sum[ROWS * COLS / 4];

uint place_of(uint m, uint n) {
  return p.out_offset + m * p.out_stride + n;
}

// What out holds, for results in and out of it alike: those beyond the last are not stored.
void add_old(uint x, uint y) {
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    [[unroll]] for (uint j = 0; j < COLS / 4; j++) {
      const uint m = min(row + (y + i / 4 * NY) * 4 + i % 4, rows - 1), n = col + (x + j * NX) * 4;
      if (VEC4) sum[i * (COLS / 4) + j] += result_quads[place_of(m, min(n, p.cols - 4)) / 4];
      else
        [[unroll]] for (uint c = 0; c < 4; c++) sum[i * (COLS / 4) + j][c] += result[place_of(m, min(n + c, p.cols - 1))];
    }
}

void store_sums(uint x, uint y) {
  [[unroll]] for (uint i = 0; i < ROWS; i++) {
    const uint m = row + (y + i / 4 * NY) * 4 + i % 4;
    if (m < rows) {
      [[unroll]] for (uint j = 0; j < COLS / 4; j++) {
        const uint n = col + (x + j * NX) * 4;
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

void main() {
  rows = PRODUCT == TN ? p.rows : live_rows(p.rows, p.live);
  depth = PRODUCT == TN ? live_rows(p.depth, p.live) : p.depth;
  row = gl_WorkGroupID.y * BM, col = gl_WorkGroupID.x * BN;
  const uint x = gl_LocalInvocationID.x % NX, y = gl_LocalInvocationID.x / NX;
  // Every invocation runs the same steps: none for a tile of dead rows.
  const uint steps_end = row < rows ? depth : 0;

  [[unroll]] for (uint i = 0; i < ROWS * COLS / 4; i++) sum[i] = vec4(0.0);
  if (VEC4) set_bases();
  for (uint k = 0; k < steps_end; k += BK) {
    if (!VEC4) fetch_odd(k);
    else if (k + BK <= depth) fetch(k, true);
    else fetch(k, false);
    barrier();
    stage_a();
    stage_b();
    barrier();
    for (uint first = 0; first < BK; first += UNROLLED)
      [[unroll]] for (uint s = 0; s < UNROLLED; s++) {
        const uint d = first + s;
        vec4 u[ROWS / 4], v[COLS / 4];
        [[unroll]] for (uint i = 0; i < ROWS / 4; i++) u[i] = a_tile[place(d, BM, y + i * NY, d / 4)];
        [[unroll]] for (uint j = 0; j < COLS / 4; j++) v[j] = b_tile[place(d, BN, x + j * NX, d / 4)];
        [[unroll]] for (uint i = 0; i < ROWS; i++)
          [[unroll]] for (uint j = 0; j < COLS / 4; j++)
            sum[i * (COLS / 4) + j] = fma(vec4(u[i / 4][i % 4]), v[j], sum[i * (COLS / 4) + j]);
      }
  }

  if (row >= rows) return;
  [[unroll]] for (uint i = 0; i < ROWS * COLS / 4; i++) sum[i] *= p.alpha;
  if (p.accumulate != 0) add_old(x, y);
  store_sums(x, y);
}
