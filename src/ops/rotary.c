// rotary: for each head of x [N, heads · head_dim] the pairs (a, b) = (x[j], x[j + R/2]), j < R/2, turn by the angle of
// the row's position: (a·cos − b·sin, b·cos + a·sin), with cos and sin [max_position, R/2] from the host (sin and cos of
// shaders are too coarse on some drivers). Features from R = rotary_dim on pass unchanged.
// Backward: a rotation's transpose is its inverse, so dx is dy turned by the negative angle.
//
// By itself it reads and writes all of q and k, of SmolLM2's 38,000 floats a token and layer that a LoRA forward moves 1,500.
// So the product that completes q or k turns what it stores, where its kernel holds both halves of the pairs (linear.c).
// Backward turns dq and dk in their place: the kernels of attention that make them hold rows in parts.
#include "rotary.h"
#include "ops/op.h"

enum { IN_X, IN_POSITIONS, IN_COS, IN_SIN, N_IN };

typedef struct rotary_options {
  uint32_t head_dim;
  float sign;
} rotary_options;

void rotary_require(const tensor *x, const rotary_angles *a) {
  const uint32_t rotary_dim = 2 * tensor_row_size(a->cos);
  REQUIRE(tensor_row_size(x) % a->head_dim == 0, "rotary of %s: heads of %u", x->name, a->head_dim);
  REQUIRE(a->head_dim % 2 == 0 && rotary_dim <= a->head_dim && tensor_elements(a->cos) == tensor_elements(a->sin),
          "rotary of %s: %u of %u features", x->name, rotary_dim, a->head_dim);
  REQUIRE(a->positions->type == DTYPE_I32 && tensor_rows(a->positions) == tensor_rows(x), "positions of %s", x->name);
}

void rotary_record_turn(recorder *r, const tensor *x, const tensor *y, const rotary_angles *a, float sign) {
  const struct rotary_params p = {.rows = tensor_rows(x), .live = x->live, .sign = sign};
  const bind binds[] = {BIND(x), BIND(a->positions), BIND(a->cos), BIND(a->sin), BIND(record_counts(r)), BIND(y)};
  const uint32_t spec[] = {ELEMENTS_LOCAL, tensor_row_size(x) / a->head_dim, a->head_dim, 2 * tensor_row_size(a->cos)};
  record_features(r, "rotary_turn", spec, 4, binds, 6, &p, sizeof p, x, tensor_row_size(x) / 2);
}

static rotary_angles angles_of(const node *n) {
  const rotary_options *o = n->params;
  return (rotary_angles){n->in[IN_POSITIONS], n->in[IN_COS], n->in[IN_SIN], o->head_dim};
}

// in: x (or dy), positions, cos, sin; out: y (or dx)
static void turn_record(recorder *r, const node *n) {
  const rotary_angles angles = angles_of(n);
  rotary_record_turn(r, n->in[IN_X], n->out[0], &angles, ((const rotary_options *)n->params)->sign);
}

static tensor *append(graph *g, const op_desc *op, const char *name, tensor *x, const rotary_angles *a, float sign) {
  tensor *y = graph_tensor_like(g, name, x), *in[N_IN] = {x, a->positions, a->cos, a->sin};
  graph_node(g, op, &(rotary_options){a->head_dim, sign}, sizeof(rotary_options), N_IN, in, 1, &y);
  return y;
}

static const op_desc rotary_bwd_op = {.name = "rotary_bwd", .rows_in = 3, .rows_out = 1, .in_place = 1, .record = turn_record};

tensor *rotary_append_dx(graph *g, tensor *dy, const rotary_angles *angles) {
  return append(g, &rotary_bwd_op, "dx", dy, angles, -1);
}

static void rotary_grad(struct backward *b, const node *n) {
  const rotary_angles angles = angles_of(n);
  grad_in(b, n, IN_X, rotary_append_dx(grad_graph(b), grad_out(b, n, 0), &angles));
}

const op_desc rotary_op = {
    .name = "rotary", .rows_in = 3, .rows_out = 1, .in_place = 1, .grad = rotary_grad, .record = turn_record};

tensor *op_rotary(graph *g, tensor *x, const rotary_angles *angles) {
  rotary_require(x, angles);
  return append(g, &rotary_op, "rotary", x, angles, 1);
}
