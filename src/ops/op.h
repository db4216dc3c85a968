// For the files of operations: what their recordings share.
#ifndef OPS_OP_H
#define OPS_OP_H

#include "ops/ops.h"

enum { ELEMENTS_LOCAL = 64 }; // workgroup size of elementwise kernels

// A grid of `n` workgroups as two dimensions within the 65,535 limit; kernels use grid_group() of lib/grid.glsl.
void record_grid(uint64_t n, uint32_t groups[2]);

// The whole of an elementwise kernel's dispatch: local size ELEMENTS_LOCAL as constant 0, one invocation for `per`
// elements of `n`.
void record_elements(recorder *r, const char *shader, const bind *binds, uint32_t n_binds, const void *push, uint32_t push_bytes,
                     uint64_t n, uint32_t per);

#endif
