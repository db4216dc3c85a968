// What the products by tiles in shared memory share: the constants of a tile, and its way from memory to registers in blocks
// of 4 × 4 elements. The includer first defines INVOCATIONS, of a workgroup.
//
// A step of the loop takes BK deep slices of both operands. In a block that is stored along the depth, a line is one row of
// a (or column of b) and four slices; otherwise it is one slice and four rows or columns.
#include "matmul.glsl"
layout(constant_id = 5) const uint PRODUCT = 0; // of src/ops/matmul.h
layout(constant_id = 6) const uint BM = 64;     // of out, for a workgroup
layout(constant_id = 7) const uint BN = 64;
layout(constant_id = 8) const uint BK = 32;
layout(std430, binding = 3) buffer OUT_QUADS { vec4 result_quads[]; };
const uint NT = 0, NN = 1, TN = 2;

const uint A_BLOCKS = BM * BK / 16 / INVOCATIONS, B_BLOCKS = BN * BK / 16 / INVOCATIONS; // for an invocation
vec4 a_block[A_BLOCKS * 4], b_block[B_BLOCKS * 4];                                       // their lines

uint rows, depth, row, col; // the live ones, and where the tile begins
uint first_deep;            // of this workgroup's slice of the depth, which ends at `depth`

void set_tile() {
  rows = PRODUCT == TN ? p.rows : live_rows(p.rows, p.live);
  depth = PRODUCT == TN ? live_rows(p.depth, p.live) : p.depth;
  row = gl_WorkGroupID.y * BM;
  col = gl_WorkGroupID.x * BN;
  first_deep = 0;
  if (p.slices > 1) {
    const uint each = ((depth + p.slices - 1) / p.slices + BK - 1) / BK * BK;
    first_deep = gl_WorkGroupID.z * each;
    depth = min(depth, first_deep + each);
  }
}

// Each slice of the depth has an out of its own.
uint place_of(uint m, uint n) {
  return p.out_offset + (gl_WorkGroupID.z * p.rows + m) * p.out_stride + n;
}

// Block i of this invocation of a tile `side` wide: x its place along the side, y along the depth, in fours. Neighbours lie
// along what is contiguous in memory.
uvec2 block_at(uint i, uint side, bool along_depth) {
  const uint at = gl_LocalInvocationID.x + i * INVOCATIONS;
  return along_depth ? uvec2(at / (BK / 4), at % (BK / 4)) : uvec2(at % (side / 4), at / (side / 4));
}

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

// Whole: the step lies within the depth.
void fetch_a(uint k, bool whole) {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    [[unroll]] for (uint c = 0; c < 4; c++) {
      const uint step = PRODUCT == TN ? (k + c) * (p.a_stride / 4) : k / 4;
      const uint deep = PRODUCT == TN ? k + block.y * 4 + c : k + block.y * 4;
      a_block[i * 4 + c] = whole || deep < depth ? a_quads[a_base[i * 4 + c] + step] : vec4(0.0);
    }
  }
}

void fetch_b(uint k, bool whole) {
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
void fetch_odd_a(uint k) {
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
}

#ifndef BLOCKS
void fetch_odd_b(uint k) {
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
#endif
