// geglu: y = gelu(gate) · up with gelu(z) = z / 2 · (1 + t), t = tanh(u), u = √(2/π) (z + 0.044715 z³): the approximation that
// transformers calls gelu_pytorch_tanh. gate, up, y share one shape.
// Backward: dgate = dy · up · gelu′(gate), dup = dy · gelu(gate); gelu′(z) = (1 + t) / 2 + z / 2 · (1 − t²) · u′,
// u′ = √(2/π) (1 + 3 · 0.044715 z²).
#include "ops/op.h"

static void geglu_bwd_record(recorder *r, const node *n) {
  swiglu_record_bwd(r, n, "geglu_bwd");
}

static const op_desc geglu_bwd_op = {.name = "geglu_bwd", .rows_in = 7, .rows_out = 3, .in_place = 3, .record = geglu_bwd_record};

static void geglu_grad(struct backward *b, const node *n) {
  swiglu_append_bwd(b, n, &geglu_bwd_op);
}

static void geglu_record(recorder *r, const node *n) {
  swiglu_record_fwd(r, n, "geglu_fwd");
}

const op_desc geglu_op = {
    .name = "geglu", .rows_in = 3, .rows_out = 1, .in_place = 1, .grad = geglu_grad, .record = geglu_record};

tensor *op_geglu(graph *g, tensor *gate, tensor *up) {
  return swiglu_append(g, &geglu_op, gate, up);
}
