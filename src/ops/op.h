// For the files of operations: what their recordings share.
#ifndef OPS_OP_H
#define OPS_OP_H

#include "ops/ops.h"

enum { ELEMENTS_LOCAL = 64 }; // workgroup size of elementwise kernels

// A grid of `n` workgroups as two dimensions within the 65,535 limit; kernels use grid_group() of lib/grid.glsl.
void record_grid(uint64_t n, uint32_t groups[2]);

// The dispatch of a kernel whose workgroups each take `per_group` of what the rows of `of` have `per_row` of, in order
// (grid_group() of lib/grid.glsl), and have nothing to do beyond its live rows.
void record_rows(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds, uint32_t n_binds,
                 const void *push, uint32_t push_bytes, const tensor *of, uint32_t per_row, uint32_t per_group);

// The whole of an elementwise kernel's dispatch: local size ELEMENTS_LOCAL as constant 0, one invocation for an element of
// `of`.
void record_elements(recorder *r, const char *shader, const bind *binds, uint32_t n_binds, const void *push, uint32_t push_bytes,
                     const tensor *of);

// The same for kernels that divide by a row's sizes, `per_row` invocations for a row of `of`: spec[0] is the local size, the
// others are those sizes. Integer division by what the compiler does not know is slow on CPU devices, where no instruction
// does it for several lanes.
void record_features(recorder *r, const char *shader, const uint32_t spec[], uint32_t n_spec, const bind *binds, uint32_t n_binds,
                     const void *push, uint32_t push_bytes, const tensor *of, uint32_t per_row);

// The workgroup size of a kernel that ends in workgroup_sum (lib/sum.glsl): `on_gpus`, or one subgroup on CPU devices, where
// a barrier is a switch between coroutines.
uint32_t record_sum_local(const recorder *r, uint32_t on_gpus);

// Gradients that are sums over rows: a kernel adds PARTIAL_SUM_ROWS rows into each row of `partial`, made for sums over n_rows
// into `sum`; this adds those into it, in their order.
enum { PARTIAL_SUM_ROWS = 64 };
tensor *partial_sum_tensor(graph *g, const char *name, uint64_t n_rows, const tensor *sum);
void record_partial_sum(recorder *r, const tensor *partial, const tensor *sum);

// What operations that end in an rmsnorm share with it (rmsnorm.c). The workgroup size of kernels that take a row of `dim`
// elements in one workgroup.
uint32_t rmsnorm_local_size(const recorder *r, uint32_t dim);
// Appends y = rmsnorm(x), into tensors that are there: y like x, rstd [N].
void rmsnorm_append(graph *g, tensor *x, tensor *w, float eps, tensor *y, tensor *rstd);
// Appends dx of y = rmsnorm(x), plus `residual` (NULL: none), a gradient that x has from elsewhere.
tensor *rmsnorm_append_dx(graph *g, tensor *x, tensor *w, tensor *rstd, tensor *dy, tensor *residual);
// Appends grad_sum += dw.
void rmsnorm_append_dw(graph *g, tensor *x, tensor *rstd, tensor *dy, tensor *grad_sum);

// Appends grad_sum += the sum of dy's rows (bias.c).
void bias_append_db(graph *g, tensor *dy, tensor *grad_sum);

// What gated activations share, y = act(gate) · up (swiglu.c): the records by kernels of these names, the gradient rule with the
// backward operation, the builder.
void swiglu_record_fwd(recorder *r, const node *n, const char *shader);
void swiglu_record_bwd(recorder *r, const node *n, const char *shader);
void swiglu_append_bwd(struct backward *b, const node *n, const op_desc *bwd);
tensor *swiglu_append(graph *g, const op_desc *op, tensor *gate, tensor *up);

// What operations whose result is turned share with rotary (rotary.c). Records y = x turned by sign (1 or −1) times the angles;
// y may be x. What they must be.
void rotary_record_turn(recorder *r, const tensor *x, const tensor *y, const rotary_angles *angles, float sign);
void rotary_require(const tensor *x, const rotary_angles *angles);
// Appends dx of y = rotary(x).
tensor *rotary_append_dx(graph *g, tensor *dy, const rotary_angles *angles);

#endif
