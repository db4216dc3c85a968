// A product of an activation (or its gradient) and a 16-bit or quantized weight by tiles in shared memory and cooperative
// matrices: BM × BN of out for a workgroup, ROWS × COLS for a subgroup. Operands are rounded to f16, sums are f32. NT and NN,
// rows of whole quads, a depth of whole steps.
//
// Each operand's tile is scaled by a power of two, so that neither large activations nor small gradients leave f16's range:
// its largest element so far is kept below 2^15, and at first above 2^13. When it outgrows that, the sums are scaled anew.
// So elements down to 2^-27 of the tile's largest keep all of f16's 11 bits. An f16 weight needs no scale.
//
// Tiles lie side by side, four slices of the depth in a quad, with a pitch of 16 bytes more, which spreads rows over banks.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define INVOCATIONS gl_WorkGroupSize.x
#include "matmul_stage.glsl"
layout(constant_id = 9) const uint CM = 16; // the shape of the matrices
layout(constant_id = 10) const uint CN = 16;
layout(constant_id = 11) const uint CK = 16;

const uint PITCH = BK / 4 + 2;
const uint ACROSS = BN / COLS, SUBGROUPS = BM / ROWS * ACROSS;
const uint LANES = INVOCATIONS / SUBGROUPS, QUADS = CM * CN / 4; // of a subgroup, of a matrix of sums
const uint I = ROWS / CM, J = COLS / CN;                         // matrices of a subgroup
shared f16vec4 a_tile[BM * PITCH];
shared f16vec4 b_tile[BN * PITCH];
shared vec2 most[SUBGROUPS];         // of a and b, by magnitude
shared vec4 edge[SUBGROUPS * QUADS]; // one matrix of each subgroup, on its way to the edge of out
coopmat<float, gl_ScopeSubgroup, CM, CN, gl_MatrixUseAccumulator> sum[I * J];

float largest(vec4 v) {
  const vec4 u = abs(v);
  return max(max(u.x, u.y), max(u.z, u.w));
}

void tell_most() {
  vec2 m = vec2(0.0);
  [[unroll]] for (uint i = 0; i < A_BLOCKS * 4; i++) m.x = max(m.x, largest(a_block[i]));
  if (WEIGHT_TYPE != WEIGHT_F16)
    [[unroll]] for (uint i = 0; i < B_BLOCKS * 4; i++) m.y = max(m.y, largest(b_block[i]));
  m.x = subgroupMax(m.x);
  // What is not finite stays in its own row of out, and must not scale its neighbours away: they are taken as f16 has them.
  if (!(m.x <= 3e38)) m.x = 16384.0;
  if (WEIGHT_TYPE != WEIGHT_F16) m.y = subgroupMax(m.y);
  if (subgroupElect()) most[gl_SubgroupID] = m;
}

// Makes the scale suit; returns how it changed, a power of two.
float renew(inout float scale, float m) {
  if (!(m * scale >= 32768.0)) return 1.0;
  const float old = scale;
  const int exponent = int(floatBitsToUint(m) >> 23);
  scale = uintBitsToFloat(uint(clamp(267 - exponent, 1, 254)) << 23); // 2^13 over the power of two below m
  return scale / old;
}

// Lines along the depth, as the matrices want them.
mat4 lines(mat4 v, bool along_depth) {
  return along_depth ? v : transpose(v);
}

void stage(float a_scale, float b_scale) {
  [[unroll]] for (uint i = 0; i < A_BLOCKS; i++) {
    const uvec2 block = block_at(i, BM, PRODUCT != TN);
    const mat4 v = lines(mat4(a_block[i * 4], a_block[i * 4 + 1], a_block[i * 4 + 2], a_block[i * 4 + 3]), PRODUCT != TN);
    [[unroll]] for (uint c = 0; c < 4; c++) a_tile[(block.x * 4 + c) * PITCH + block.y] = f16vec4(v[c] * a_scale);
  }
  [[unroll]] for (uint i = 0; i < B_BLOCKS; i++) {
    const uvec2 block = block_at(i, BN, PRODUCT == NT);
    const mat4 v = lines(mat4(b_block[i * 4], b_block[i * 4 + 1], b_block[i * 4 + 2], b_block[i * 4 + 3]), PRODUCT == NT);
    [[unroll]] for (uint c = 0; c < 4; c++) b_tile[(block.x * 4 + c) * PITCH + block.y] = f16vec4(v[c] * b_scale);
  }
}

// All matrices of b of CK slices are held; those of a come one by one.
void multiply(uint y, uint x) {
  [[unroll]] for (uint k = 0; k < BK; k += CK) {
    coopmat<float16_t, gl_ScopeSubgroup, CK, CN, gl_MatrixUseB> b[J];
    [[unroll]] for (uint j = 0; j < J; j++)
      coopMatLoad(b[j], b_tile, (x + j * CN) * PITCH + k / 4, PITCH, gl_CooperativeMatrixLayoutColumnMajor);
    [[unroll]] for (uint i = 0; i < I; i++) {
      coopmat<float16_t, gl_ScopeSubgroup, CM, CK, gl_MatrixUseA> a;
      coopMatLoad(a, a_tile, (y + i * CM) * PITCH + k / 4, PITCH, gl_CooperativeMatrixLayoutRowMajor);
      [[unroll]] for (uint j = 0; j < J; j++) sum[i * J + j] = coopMatMulAdd(a, b[j], sum[i * J + j]);
    }
  }
}

// A tile that lies within out is stored as matrices; one at its edge goes through shared memory.
void store_whole(uint y, uint x) {
  if (p.accumulate != 0) {
    [[unroll]] for (uint i = 0; i < I; i++)
      [[unroll]] for (uint j = 0; j < J; j++) {
        coopmat<float, gl_ScopeSubgroup, CM, CN, gl_MatrixUseAccumulator> old;
        coopMatLoad(old, result_quads, place_of(row + y + i * CM, col + x + j * CN) / 4, p.out_stride / 4,
                    gl_CooperativeMatrixLayoutRowMajor);
        sum[i * J + j] += old;
      }
  }
  [[unroll]] for (uint i = 0; i < I; i++)
    [[unroll]] for (uint j = 0; j < J; j++)
      coopMatStore(sum[i * J + j], result_quads, place_of(row + y + i * CM, col + x + j * CN) / 4, p.out_stride / 4,
                   gl_CooperativeMatrixLayoutRowMajor);
}

void store_edge(uint y, uint x) {
  const uint mine = gl_SubgroupID * QUADS;
  [[unroll]] for (uint i = 0; i < I; i++)
    [[unroll]] for (uint j = 0; j < J; j++) {
      coopMatStore(sum[i * J + j], edge, mine, CN / 4, gl_CooperativeMatrixLayoutRowMajor);
      barrier();
      [[unroll]] for (uint first = 0; first < QUADS; first += LANES) {
        const uint e = first + gl_SubgroupInvocationID;
        const uint m = row + y + i * CM + e / (CN / 4), n = col + x + j * CN + e % (CN / 4) * 4;
        if (e < QUADS && m < rows && n < p.cols) {
          vec4 s = edge[mine + e];
          if (p.accumulate != 0) s += result_quads[place_of(m, n) / 4];
          result_quads[place_of(m, n) / 4] = s;
        }
      }
      barrier();
    }
}

void main() {
  set_tile();
  const uint y = gl_SubgroupID / ACROSS * ROWS, x = gl_SubgroupID % ACROSS * COLS;
  const uint steps_end = row < rows ? depth : 0; // every invocation runs the same steps: none for a tile of dead rows
  float a_scale = uintBitsToFloat(254u << 23), b_scale = 1.0; // the largest power of two
  if (WEIGHT_TYPE != WEIGHT_F16) b_scale = a_scale;

  [[unroll]] for (uint i = 0; i < I * J; i++)
    sum[i] = coopmat<float, gl_ScopeSubgroup, CM, CN, gl_MatrixUseAccumulator>(0.0);
  set_bases();
  for (uint k = 0; k < steps_end; k += BK) {
    fetch_a(k, true);
    fetch_b(k, true);
    tell_most();
    barrier();
    vec2 m = most[0];
    [[unroll]] for (uint i = 1; i < SUBGROUPS; i++) m = max(m, most[i]);
    float change = renew(a_scale, m.x);
    if (WEIGHT_TYPE != WEIGHT_F16) change *= renew(b_scale, m.y);
    if (change != 1.0)
      [[unroll]] for (uint i = 0; i < I * J; i++) sum[i] = sum[i] * change;
    stage(a_scale, b_scale);
    barrier();
    multiply(y, x);
  }

  if (row >= rows) return;
  const float scale = p.alpha / a_scale / b_scale;
  [[unroll]] for (uint i = 0; i < I * J; i++) sum[i] = sum[i] * scale;
  if (row + BM <= rows && col + BN <= p.cols) store_whole(y, x);
  else store_edge(y, x);
}
