// Each operation at a model's shapes, forward and backward: a rig for each case, a figure for each of its nodes.
#include <math.h>
#include <string.h>

#include "bench/bench.h"
#include "lib/step.h"
#include "ops/cost.h"
#include "ops/ops.h"

enum { LORA_R = 16, OPTIMIZER_BLOCKS = 4096 };

typedef struct kernel_case {
  const model_config *config;
  uint32_t rows, in, out;
  dtype type;     // of the weight
  char shape[80]; // where no product says it
  void (*build)(rig *r, const struct kernel_case *k);
} kernel_case;

// --- the graphs --------------------------------------------------------------------------------------------------------

static tensor *input(rig *r, const char *name, tensor_live live, uint32_t rows, uint32_t cols) {
  tensor *x = rig_tensor(r, name, DTYPE_F32, live, 2, (uint32_t[]){rows, cols});
  x->needs_grad = true;
  return x;
}

static tensor *weight_of(rig *r, dtype type, uint32_t rows, uint32_t cols) {
  const uint32_t shape[] = {rows, cols};
  return type == DTYPE_F32 ? rig_weight(r, "weight", 2, shape) : rig_tensor(r, "weight", type, LIVE_ALL, 2, shape);
}

static void build_linear(rig *r, const kernel_case *k) {
  tensor *x = input(r, "x", LIVE_TOKENS, k->rows, k->in);
  rig_backward(r, op_linear(r->graph, x, weight_of(r, k->type, k->out, k->in), NULL), &x, 1);
}

static void build_lora(rig *r, const kernel_case *k) {
  tensor *x = input(r, "x", LIVE_TOKENS, k->rows, k->in);
  const lora_term lora = {.x = x,
                          .a = rig_weight(r, "lora_a", 2, (uint32_t[]){LORA_R, k->in}),
                          .b = rig_weight(r, "lora_b", 2, (uint32_t[]){k->out, LORA_R}),
                          .scale = 2};
  rig_backward(r, op_linear(r->graph, x, weight_of(r, k->type, k->out, k->in), &lora), &x, 1);
}

// One example: token n sees [0, n], and is seen by [n, rows).
static tensor *causal_ranges(rig *r, uint32_t rows) {
  int32_t *v = ARENA_ARRAY(r->memory, int32_t, 4 * (uint64_t)rows);
  for (uint32_t n = 0; n < rows; n++) v[4 * n + 1] = (int32_t)n + 1, v[4 * n + 2] = (int32_t)n, v[4 * n + 3] = (int32_t)rows;
  return rig_ints(r, "ranges", LIVE_TOKENS, 2, (uint32_t[]){rows, 4}, v);
}

static void build_attention(rig *r, const kernel_case *k) {
  const model_config *c = k->config;
  const attention_shape shape = {c->n_heads, c->n_kv_heads, c->head_dim, 1 / sqrtf((float)c->head_dim)};
  tensor *in[] = {input(r, "q", LIVE_TOKENS, k->rows, c->n_heads * c->head_dim),
                  input(r, "k", LIVE_TOKENS, k->rows, c->n_kv_heads * c->head_dim),
                  input(r, "v", LIVE_TOKENS, k->rows, c->n_kv_heads * c->head_dim)};
  rig_backward(r, op_attention(r->graph, in[0], in[1], in[2], causal_ranges(r, k->rows), &shape), in, 3);
}

static void build_rmsnorm(rig *r, const kernel_case *k) {
  tensor *x = input(r, "x", LIVE_TOKENS, k->rows, k->in);
  rig_backward(r, op_rmsnorm(r->graph, x, rig_weight(r, "weight", 1, &k->in), 1e-5f), &x, 1);
}

static void build_swiglu(rig *r, const kernel_case *k) {
  tensor *in[] = {input(r, "gate", LIVE_TOKENS, k->rows, k->in), input(r, "up", LIVE_TOKENS, k->rows, k->in)};
  rig_backward(r, op_swiglu(r->graph, in[0], in[1]), in, 2);
}

static void build_add(rig *r, const kernel_case *k) {
  op_add(r->graph, input(r, "a", LIVE_TOKENS, k->rows, k->in), input(r, "b", LIVE_TOKENS, k->rows, k->in))->keep = true;
}

static tensor *numbers_below(rig *r, const char *name, tensor_live live, uint32_t n, uint32_t most) {
  int32_t *v = ARENA_ARRAY(r->memory, int32_t, n);
  for (uint32_t i = 0; i < n; i++) v[i] = (int32_t)((uint64_t)i * 2654435761u % most);
  return rig_ints(r, name, live, 1, &n, v);
}

static void build_rotary(rig *r, const kernel_case *k) {
  const model_config *c = k->config;
  const uint32_t table[] = {k->rows, c->head_dim / 2};
  tensor *x = input(r, "x", LIVE_TOKENS, k->rows, c->n_heads * c->head_dim);
  tensor *cos = rig_tensor(r, "cos", DTYPE_F32, LIVE_ALL, 2, table), *sin = rig_tensor(r, "sin", DTYPE_F32, LIVE_ALL, 2, table);
  const rotary_angles angles = {numbers_below(r, "positions", LIVE_TOKENS, k->rows, k->rows), cos, sin, c->head_dim};
  rig_backward(r, op_rotary(r->graph, x, &angles), &x, 1);
}

static void build_embedding(rig *r, const kernel_case *k) {
  tensor *ids = numbers_below(r, "ids", LIVE_TOKENS, k->rows, k->config->vocab_size);
  op_embedding(r->graph, weight_of(r, k->type, k->config->vocab_size, k->in), ids, NULL)->keep = true;
}

static void build_head_loss(rig *r, const kernel_case *k) {
  tensor *h = input(r, "h", LIVE_TARGETS, k->rows, k->in);
  tensor *ids = numbers_below(r, "ids", LIVE_TARGETS, k->rows, k->out);
  rig_backward(r, op_head_loss(r->graph, h, weight_of(r, k->type, k->out, k->in), ids), &h, 1);
}

static void build_optimizer(rig *r, const kernel_case *k) {
  const uint32_t shape[] = {k->rows, GRAD_BLOCK};
  const struct step_hyper h = {.learning_rate = 1e-4f,
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .ln_beta1 = logf(0.9f),
                               .ln_beta2 = logf(0.999f),
                               .epsilon = 1e-8f,
                               .max_grad_norm = 1,
                               .inverse_targets = 1};
  const struct step_state s = {.grad_scale = 1, .finite = 1, .applied = 1};
  tensor *hyper = rig_words(r, "hyper", sizeof h / 4, &h), *state = rig_words(r, "state", sizeof s / 4, &s);
  tensor *all[4]; // weight, gradient, m, v
  for (int i = 0; i < 4; i++) all[i] = rig_tensor(r, "parameters", DTYPE_F32, LIVE_ALL, 2, shape);
  op_grad_norm(r->graph, &all[1], 1, rig_tensor(r, "squares", DTYPE_F32, LIVE_ALL, 1, &k->rows), hyper, state);
  op_adamw(r->graph, all[0], all[1], all[2], all[3], 0, k->rows, true, hyper, state);
}

// --- figures -----------------------------------------------------------------------------------------------------------

// A matrix product of a node: [rows, in] by [out, in], or its gradients; with LoRA's low-rank one beside it.
typedef struct product {
  uint32_t rows, in, out, rank;
  dtype type;
} product;

// linear: x, W (, x, A, B); linear_dx: dy, W (, du, A); linear_dw: dy, x, dW.
static bool product_of(const node *n, product *p) {
  const tensor *a = n->in[0], *b = n->n_in > 1 ? n->in[1] : NULL;
  *p = (product){.rows = tensor_rows(a)};
  if (!strcmp(n->op->name, "linear_dw")) {
    p->out = tensor_row_size(a), p->in = tensor_row_size(b);
    return true;
  }
  if (strcmp(n->op->name, "linear") && strcmp(n->op->name, "linear_dx")) return false;
  p->out = tensor_rows(b), p->in = tensor_row_size(b), p->type = b->type;
  if (n->n_in > 2) p->rank = tensor_rows(n->in[3]);
  return true;
}

static void shape_of(const kernel_case *k, const node *n, char out[80]) {
  product p;
  if (!product_of(n, &p)) {
    snprintf(out, 80, "%s", k->shape);
    return;
  }
  const int used = snprintf(out, 80, "%u x %u -> %u, %s", p.rows, p.in, p.out, dtype_get(p.type)->name);
  if (p.rank) snprintf(out + used, (size_t)(80 - used), ", lora r%u", p.rank);
}

static bool measure_node(const bench *b, rig *r, const kernel_case *k, const node *n, err *e) {
  gpu_recording *recording;
  measured m;
  char shape[80];
  shape_of(k, n, shape);
  TRY(rig_record(r, n, &recording, e));
  const bool ok = measure_run(b->device, &recording, 1, b->options->seconds, &m, e);
  const cost c = cost_of_node(n, k->rows, k->rows);
  if (ok) bench_report(b, n->op->name, shape, rig_kernels(r, recording), c.flops, c.bytes, &m);
  recording_free(recording);
  return ok;
}

// What a recording makes for itself, such as counts of workgroups, is no operation.
static bool wants(const bench *b, const rig *r, const kernel_case *k, const node *n) {
  char shape[80];
  if (n->n_out && (n->out[0] == r->graph->group_counts || n->out[0] == r->graph->window_counts)) return false;
  shape_of(k, n, shape);
  return bench_wants(b, n->op->name, shape);
}

static bool measure_case(const bench *b, const kernel_case *k, err *e) {
  rig r;
  rig_open(b->device, &r);
  r.tune = b->options->tune;
  k->build(&r, k);
  bool wanted = false, ok = true;
  for (uint64_t i = 0; i < r.graph->n_nodes; i++) wanted |= wants(b, &r, k, r.graph->nodes[i]);
  if (wanted) ok = rig_ready(&r, e);
  for (uint64_t i = 0; ok && wanted && i < r.graph->n_nodes; i++)
    if (wants(b, &r, k, r.graph->nodes[i])) ok = measure_node(b, &r, k, r.graph->nodes[i], e);
  rig_close(&r);
  return ok;
}

static bool measure_linears(const bench *b, kernel_case k, err *e) {
  static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_NF4, DTYPE_BF16};
  uint32_t shapes[5][2];
  const uint32_t n = bench_linear_shapes(k.config, shapes);
  for (uint32_t s = 0; s < n; s++) {
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
      k.in = shapes[s][0], k.out = shapes[s][1], k.type = types[t], k.build = build_linear;
      if (k.in % dtype_row_elements(k.type) == 0) TRY(measure_case(b, &k, e));
    }
    k.build = build_lora; // with the last type
    TRY(measure_case(b, &k, e));
  }
  return true;
}

bool kernels_measure(bench *b, const model_config *c, err *e) {
  kernel_case k = {.config = c, .rows = (uint32_t)b->options->rows};
  TRY(measure_linears(b, k, e));
  k.build = build_attention;
  snprintf(k.shape, sizeof k.shape, "%u tokens, %u heads of %u, %u for keys", k.rows, c->n_heads, c->head_dim, c->n_kv_heads);
  TRY(measure_case(b, &k, e));
  k.build = build_rotary;
  TRY(measure_case(b, &k, e));
  k.type = DTYPE_BF16, k.in = c->hidden_size, k.out = c->vocab_size;
  const struct {
    void (*build)(rig *r, const kernel_case *k);
    uint32_t in;
  } rows[] = {{build_rmsnorm, c->hidden_size}, {build_add, c->hidden_size}, {build_swiglu, c->intermediate_size}};
  for (int i = 0; i < 3; i++) {
    k.build = rows[i].build, k.in = rows[i].in;
    snprintf(k.shape, sizeof k.shape, "%u x %u", k.rows, k.in);
    TRY(measure_case(b, &k, e));
  }
  k.in = c->hidden_size, k.build = build_embedding;
  snprintf(k.shape, sizeof k.shape, "%u of %u x %u, bf16", k.rows, c->vocab_size, k.in);
  TRY(measure_case(b, &k, e));
  k.rows = (k.rows + 1) / 2, k.build = build_head_loss;
  snprintf(k.shape, sizeof k.shape, "%u x %u -> %u, bf16", k.rows, k.in, k.out);
  TRY(measure_case(b, &k, e));
  k.rows = OPTIMIZER_BLOCKS, k.build = build_optimizer;
  snprintf(k.shape, sizeof k.shape, "%u parameters", k.rows * GRAD_BLOCK);
  return measure_case(b, &k, e);
}
