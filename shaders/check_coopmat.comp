// Known answer: y = a bᵀ by one product of cooperative matrices, staged in shared memory as the kernels do. x holds a [M, K],
// then b [N, K], small whole numbers; one subgroup.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "check.h"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint M = 16;
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;
layout(push_constant) uniform PARAMS { check_params p; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) writeonly buffer Y { float y[]; };
shared float16_t a_tile[M * K];
shared float16_t b_tile[N * K];
shared float sums[M * N];

void main() {
  for (uint i = gl_LocalInvocationID.x; i < M * K; i += gl_WorkGroupSize.x) a_tile[i] = float16_t(x[i]);
  for (uint i = gl_LocalInvocationID.x; i < N * K; i += gl_WorkGroupSize.x) b_tile[i] = float16_t(x[M * K + i]);
  barrier();
  coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a;
  coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
  coopMatLoad(a, a_tile, 0, K, gl_CooperativeMatrixLayoutRowMajor);
  coopMatLoad(b, b_tile, 0, K, gl_CooperativeMatrixLayoutColumnMajor);
  coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum =
      coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
  sum = coopMatMulAdd(a, b, sum);
  coopMatStore(sum, sums, 0, N, gl_CooperativeMatrixLayoutRowMajor);
  barrier();
  for (uint i = gl_LocalInvocationID.x; i < min(M * N, p.n); i += gl_WorkGroupSize.x) y[i] = sums[i];
}
