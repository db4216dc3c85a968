// linear: y = x Wᵀ (+ s · u Bᵀ, u = l Aᵀ). x [N, K], W [M, K] any type, y [N, M]; the low-rank term (LoRA, Hu et al.
// 2021) is part of the operation: l [N, K] is x or what dropout made of it, A [r, K], B [M, r], u [N, r] (saved).
// Backward: dx = dy W, dW = dyᵀ x, du = s · dy B, dB = s · dyᵀ u, dA = duᵀ l, dl = du A. Where l is x itself, both
// gradients of x are one sum in one tensor.
//
// linear_rotary: the rotary embedding of that (rotary.c). The last product turns what it stores, or where its kernel does not
// hold both halves of the pairs, y is turned in its place. Backward turns dy first.
// W may exceed one binding: it is bound in windows of its rows, and so is its grad_sum.
#include "ops/matmul.h"
#include "ops/op.h"

typedef struct linear_options {
  float scale;
  uint32_t head_dim; // of the heads that are turned; 0: none
} linear_options;

enum { IN_X, IN_W, IN_LORA_X, IN_A, IN_B, IN_POSITIONS, IN_COS, IN_SIN, N_IN_PLAIN = 2, N_IN_LORA = 5, N_IN_TURNED = 8 };

static float scale_of(const node *n) {
  return ((const linear_options *)n->params)->scale;
}

static bool has_lora(const node *n) {
  return n->n_in > IN_B && n->in[IN_B];
}

// False: nothing is turned.
static bool angles_of(const node *n, rotary_angles *angles) {
  if (n->n_in != N_IN_TURNED) return false;
  *angles = (rotary_angles){n->in[IN_POSITIONS], n->in[IN_COS], n->in[IN_SIN], ((const linear_options *)n->params)->head_dim};
  return true;
}

static uint32_t window_end(uint32_t row, uint32_t window, uint32_t rows) {
  return rows - row < window ? rows : row + window;
}

// y (+)= scale · x Wᵀ, by windows of columns of y. Where it completes y, which is to be turned (`turn`, else NULL), it does
// that too if it can: true.
static bool record_nt(recorder *r, const tensor *x, const tensor *w, const tensor *y, float scale, bool accumulate,
                      const rotary_angles *turn) {
  const uint32_t cols = tensor_rows(w), window = record_window_rows(r, w);
  bool turned = turn != NULL;
  for (uint32_t col = 0, end; col < cols; col = end) {
    end = window_end(col, window, cols);
    const matmul m = {.product = MATMUL_NT,
                      .a = BIND(x),
                      .b = BIND_ROWS(w, col, end - col),
                      .out = BIND(y),
                      .rows = tensor_rows(x),
                      .cols = end - col,
                      .depth = tensor_row_size(x),
                      .out_offset = col,
                      .out_stride = cols,
                      .live = x->live,
                      .alpha = scale,
                      .accumulate = accumulate,
                      .turn = window < cols ? NULL : turn};
    turned &= matmul_record(r, &m);
  }
  return turned;
}

// dx (+)= scale · dy W: the sum is over W's rows, so windows of them add up in order.
static void record_nn(recorder *r, const tensor *dy, const tensor *w, const tensor *dx, float scale, bool accumulate) {
  const uint32_t depth = tensor_rows(w), window = record_window_rows(r, w);
  for (uint32_t k = 0, end; k < depth; k = end) {
    end = window_end(k, window, depth);
    matmul_record(r, &(matmul){.product = MATMUL_NN,
                               .a = BIND(dy),
                               .b = BIND_ROWS(w, k, end - k),
                               .out = BIND(dx),
                               .rows = tensor_rows(dy),
                               .cols = tensor_row_size(w),
                               .depth = end - k,
                               .a_offset = k,
                               .a_stride = depth,
                               .live = dy->live,
                               .alpha = scale,
                               .accumulate = accumulate || k > 0});
  }
}

// in: dy, W (, du, A); out: dx = scale · dy W (+ du A)
static void linear_dx_record(recorder *r, const node *n) {
  record_nn(r, n->in[0], n->in[1], n->out[0], scale_of(n), false);
  if (n->n_in > 2) record_nn(r, n->in[2], n->in[3], n->out[0], 1, true);
}

static const op_desc linear_dx_op = {.name = "linear_dx", .rows_in = 5, .rows_out = 1, .record = linear_dx_record};

// in: dy, x, dW (updated); out: scratch, where the tokens may be split: dW += scale · dyᵀ x over the live tokens
static void linear_dw_record(recorder *r, const node *n) {
  const tensor *dy = n->in[0], *x = n->in[1], *dw = n->in[2];
  const uint32_t rows = tensor_rows(dw), window = record_window_rows(r, dw);
  for (uint32_t row = 0, end; row < rows; row = end) {
    end = window_end(row, window, rows);
    matmul_record(r, &(matmul){.product = MATMUL_TN,
                               .a = BIND(dy),
                               .b = BIND(x),
                               .out = BIND_ROWS(dw, row, end - row),
                               .scratch = BIND(n->n_out ? n->out[0] : NULL),
                               .rows = end - row,
                               .cols = tensor_row_size(x),
                               .depth = tensor_rows(x),
                               .a_offset = row,
                               .a_stride = rows,
                               .live = x->live,
                               .alpha = scale_of(n),
                               .accumulate = true});
  }
}

static const op_desc linear_dw_op = {.name = "linear_dw", .rows_in = 3, .updates = 1 << 2, .record = linear_dw_record};

static tensor *append_dx(graph *g, const char *name, tensor *const *in, uint32_t n_in, const tensor *like, float scale) {
  tensor *dx = graph_tensor_like(g, name, like);
  graph_node(g, &linear_dx_op, &(linear_options){.scale = scale}, sizeof(linear_options), n_in, in, 1, &dx);
  return dx;
}

static void append_dw(graph *g, tensor *dy, tensor *x, tensor *grad_sum, float scale) {
  const uint32_t elements = matmul_scratch_elements(tensor_rows(grad_sum), tensor_row_size(grad_sum), tensor_rows(x));
  tensor *in[] = {dy, x, grad_sum}, *scratch = elements ? graph_tensor(g, "dw_slices", DTYPE_F32, LIVE_ALL, 1, &elements) : NULL;
  graph_node(g, &linear_dw_op, &(linear_options){.scale = scale}, sizeof(linear_options), 3, in, scratch != NULL, &scratch);
}

static void linear_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  const bool lora = has_lora(n), shared_x = lora && n->in[IN_LORA_X] == n->in[IN_X];
  tensor *x = grad_saved_in(b, n, IN_X), *w = n->in[IN_W], *dy = grad_out(b, n, 0), *du = NULL;
  rotary_angles angles;
  if (angles_of(n, &angles)) dy = rotary_append_dx(g, dy, &angles);
  if (grad_wanted(b, n, IN_W)) append_dw(g, dy, x, w->grad_sum, 1);
  if (lora) {
    tensor *l = grad_saved_in(b, n, IN_LORA_X), *u = grad_saved_out(b, n, 1);
    tensor *lora_a = n->in[IN_A], *lora_b = n->in[IN_B];
    if (grad_wanted(b, n, IN_B)) append_dw(g, dy, u, lora_b->grad_sum, scale_of(n));
    if (grad_wanted(b, n, IN_A) || grad_wanted(b, n, IN_LORA_X))
      du = append_dx(g, "du", (tensor *[]){dy, lora_b}, 2, u, scale_of(n));
    if (grad_wanted(b, n, IN_A)) append_dw(g, du, l, lora_a->grad_sum, 1);
    if (grad_wanted(b, n, IN_LORA_X) && !shared_x)
      grad_in(b, n, IN_LORA_X, append_dx(g, "dx", (tensor *[]){du, lora_a}, 2, l, 1));
  }
  if (grad_wanted(b, n, IN_X)) {
    tensor *in[] = {dy, w, du, shared_x ? n->in[IN_A] : NULL};
    grad_in(b, n, IN_X, append_dx(g, "dx", in, shared_x ? 4 : 2, x, 1));
  }
}

static void linear_record(recorder *r, const node *n) {
  const tensor *y = n->out[0];
  const bool lora = has_lora(n);
  rotary_angles angles;
  const rotary_angles *turn = angles_of(n, &angles) ? &angles : NULL;
  bool turned = record_nt(r, n->in[IN_X], n->in[IN_W], y, 1, false, lora ? NULL : turn);
  if (lora) {
    const tensor *u = n->out[1];
    record_nt(r, n->in[IN_LORA_X], n->in[IN_A], u, 1, false, NULL);
    turned = record_nt(r, u, n->in[IN_B], y, scale_of(n), true, turn);
  }
  if (turn && !turned) rotary_record_turn(r, y, y, turn, 1);
}

const op_desc linear_op = {
    .name = "linear", .rows_in = 5 | 1 << IN_POSITIONS, .rows_out = 3, .grad = linear_grad, .record = linear_record};

static tensor *build(graph *g, tensor *x, tensor *weight, const lora_term *lora, const rotary_angles *turn) {
  const uint32_t rows = tensor_rows(x), depth = tensor_row_size(x), cols = tensor_rows(weight);
  REQUIRE(tensor_row_size(weight) == depth, "linear of %s [%u, %u] with %s, rows of %u", x->name, rows, depth, weight->name,
          tensor_row_size(weight));
  tensor *in[N_IN_TURNED] = {x, weight}, *out[2] = {graph_tensor(g, "linear", DTYPE_F32, x->live, 2, (uint32_t[]){rows, cols})};
  linear_options options = {.scale = 0};
  uint32_t n_in = lora ? N_IN_LORA : N_IN_PLAIN;
  if (turn) {
    rotary_require(out[0], turn);
    options.head_dim = turn->head_dim;
    in[IN_POSITIONS] = turn->positions, in[IN_COS] = turn->cos, in[IN_SIN] = turn->sin;
    n_in = N_IN_TURNED;
  }
  if (!lora) {
    graph_node(g, &linear_op, &options, sizeof options, n_in, in, 1, out);
    return out[0];
  }
  const uint32_t rank = tensor_rows(lora->a);
  REQUIRE(tensor_rows(lora->x) == rows && tensor_row_size(lora->x) == depth && tensor_row_size(lora->a) == depth &&
              tensor_rows(lora->b) == cols && tensor_row_size(lora->b) == rank,
          "shapes of the low-rank term beside %s", weight->name);
  in[IN_LORA_X] = lora->x, in[IN_A] = lora->a, in[IN_B] = lora->b;
  out[1] = graph_tensor(g, "lora_u", DTYPE_F32, x->live, 2, (uint32_t[]){rows, rank});
  options.scale = lora->scale;
  graph_node(g, &linear_op, &options, sizeof options, n_in, in, 2, out);
  return out[0];
}

tensor *op_linear(graph *g, tensor *x, tensor *weight, const lora_term *lora) {
  return build(g, x, weight, lora, NULL);
}

tensor *op_linear_rotary(graph *g, tensor *x, tensor *weight, const lora_term *lora, const rotary_angles *angles) {
  return build(g, x, weight, lora, angles);
}
