// head_loss: loss[t] = lse[t] − z[t][ids[t]], lse[t] = log Σ_v exp z[t][v], z = h Wᵀ, or with a cap c: z = c · tanh(h Wᵀ / c).
// h [T, D], W [V, D] any type, ids [T], loss [T], lse [T] (saved).
// Backward, for the upstream gradient g[t]: dz[t][v] = (exp(z[t][v] − lse[t]) − [v = ids[t]]) · g[t], dh = dz W,
// dW = dzᵀ h; with a cap dz is multiplied by 1 − (z / c)² first.
// z is never held: the vocabulary is taken in chunks. Forward keeps a running maximum and sum per row; backward makes
// each chunk of z again. A chunk is also what is bound of W and of its grad_sum, so that both may exceed a binding.
#include "head_loss.h"
#include "ops/matmul.h"
#include "ops/op.h"

enum { CHUNK_IDS = 2048, CHUNK_ELEMENTS = 1 << 22, LEAST_IDS = 128 }; // of logits: 16 MiB, where rows are not very long

typedef struct head_loss_options {
  float cap; // 0: none
} head_loss_options;

typedef struct chunk {
  uint32_t first, n; // ids
} chunk;

static uint32_t at_most(uint32_t a, uint64_t b) {
  return a < b ? a : (uint32_t)b;
}

static uint32_t power_of_two_within(uint32_t n) {
  while (n & (n - 1)) n &= n - 1;
  return n;
}

// Ids that a chunk takes: what the scratch memory, the weight, its grad_sum (NULL: none) and one binding of logits allow.
static uint32_t chunk_ids(const recorder *r, const tensor *h, const tensor *w, const tensor *grad_sum, const tensor *logits) {
  const uint32_t rows = tensor_rows(h), ids = tensor_rows(w);
  uint32_t n = at_most(record_window_rows(r, w), tensor_elements(logits) / rows);
  if (grad_sum) n = at_most(n, record_window_rows(r, grad_sum));
  n = at_most(n, record_plan(r)->max_binding_bytes / (sizeof(float) * rows));
  if (n >= ids && !w->pieces) return ids;
  REQUIRE(n >= LEAST_IDS, "logits of %u rows and %d ids do not fit into a binding", rows, LEAST_IDS);
  return power_of_two_within(n); // where a window may start, and within a piece of the weight
}

// logits [T, chunk] = h W[chunk]ᵀ
static void record_logits(recorder *r, const tensor *h, const tensor *w, bind logits, chunk c) {
  matmul_record(r, &(matmul){.product = MATMUL_NT,
                             .a = BIND(h),
                             .b = BIND_ROWS(w, c.first, c.n),
                             .out = logits,
                             .rows = tensor_rows(h),
                             .cols = c.n,
                             .depth = tensor_row_size(h),
                             .live = h->live,
                             .alpha = 1});
}

static void record_chunk(recorder *r, const char *shader, const node *n, chunk c, const bind *binds, uint32_t n_binds) {
  const tensor *h = n->in[0], *w = n->in[1];
  const float cap = ((const head_loss_options *)n->params)->cap;
  const struct head_loss_params p = {.rows = tensor_rows(h),
                                     .first_id = c.first,
                                     .n_ids = c.n,
                                     .last = c.first + c.n == tensor_rows(w),
                                     .live = h->live,
                                     .cap = cap};
  const uint32_t spec[] = {record_sum_local(r, 128), cap > 0};
  record_rows(r, shader, spec, 2, binds, n_binds, &p, sizeof p, h, 1, 1);
}

// in: h, W, ids, lse, dloss (, W's grad_sum, updated); out: logits (scratch) (, dh)
static void head_loss_bwd_record(recorder *r, const node *n) {
  const tensor *h = n->in[0], *w = n->in[1], *grad_sum = n->n_in > 5 ? n->in[5] : NULL, *dh = n->n_out > 1 ? n->out[1] : NULL;
  const uint32_t rows = tensor_rows(h), dim = tensor_row_size(h), ids = tensor_rows(w);
  const uint32_t step = chunk_ids(r, h, w, grad_sum, n->out[0]);
  for (uint32_t id = 0; id < ids; id += step) {
    const chunk c = {id, at_most(step, ids - id)};
    const bind dz = BIND_ROWS(n->out[0], 0, rows * c.n);
    record_logits(r, h, w, dz, c);
    const bind binds[] = {BIND(n->in[2]), BIND(n->in[3]), BIND(n->in[4]), BIND(record_counts(r)), dz};
    record_chunk(r, "head_loss_bwd", n, c, binds, 5);
    if (dh)
      matmul_record(r, &(matmul){.product = MATMUL_NN,
                                 .a = dz,
                                 .b = BIND_ROWS(w, id, c.n),
                                 .out = BIND(dh),
                                 .rows = rows,
                                 .cols = dim,
                                 .depth = c.n,
                                 .live = h->live,
                                 .alpha = 1,
                                 .accumulate = id > 0});
    if (grad_sum)
      matmul_record(r, &(matmul){.product = MATMUL_TN,
                                 .a = dz,
                                 .b = BIND(h),
                                 .out = BIND_ROWS(grad_sum, id, c.n),
                                 .rows = c.n,
                                 .cols = dim,
                                 .depth = rows,
                                 .live = h->live,
                                 .alpha = 1,
                                 .accumulate = true});
  }
}

static const op_desc head_loss_bwd_op = {.name = "head_loss_bwd", .updates = 1 << 5, .record = head_loss_bwd_record};

// One chunk of logits, as a flat tensor: a device whose bindings are small uses only a part of it.
static tensor *logits_scratch(graph *g, const tensor *h, const tensor *w) {
  const uint32_t few = power_of_two_within(CHUNK_ELEMENTS / tensor_rows(h)), ids = at_most(tensor_rows(w), CHUNK_IDS);
  const uint32_t fit = few > LEAST_IDS ? few : LEAST_IDS;
  uint64_t elements;
  REQUIRE(size_mul(tensor_rows(h), ids < fit ? ids : fit, &elements) && elements <= UINT32_MAX, "logits of %s", h->name);
  return graph_tensor(g, "logits", DTYPE_F32, LIVE_ALL, 1, &(uint32_t){(uint32_t)elements});
}

static void head_loss_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  tensor *h = grad_saved_in(b, n, 0), *w = n->in[1], *lse = grad_saved_out(b, n, 1);
  const bool want_h = grad_wanted(b, n, 0), want_w = grad_wanted(b, n, 1);
  tensor *in[] = {h, w, n->in[2], lse, grad_out(b, n, 0), want_w ? w->grad_sum : NULL};
  tensor *out[] = {logits_scratch(g, h, w), want_h ? graph_tensor_like(g, "dh", h) : NULL};
  graph_node(g, &head_loss_bwd_op, n->params, sizeof(head_loss_options), want_w ? 6 : 5, in, want_h ? 2 : 1, out);
  if (want_h) grad_in(b, n, 0, out[1]);
}

static void head_loss_record(recorder *r, const node *n) {
  const tensor *h = n->in[0], *w = n->in[1], *logits = n->out[2];
  const uint32_t ids = tensor_rows(w), step = chunk_ids(r, h, w, NULL, logits);
  for (uint32_t id = 0; id < ids; id += step) {
    const chunk c = {id, at_most(step, ids - id)};
    const bind z = BIND_ROWS(logits, 0, tensor_rows(h) * c.n);
    record_logits(r, h, w, z, c);
    const bind binds[] = {z, BIND(n->in[2]), BIND(record_counts(r)), BIND(n->out[3]), BIND(n->out[0]), BIND(n->out[1])};
    record_chunk(r, "head_loss_fwd", n, c, binds, 6);
  }
}

const op_desc head_loss_op = {.name = "head_loss", .grad = head_loss_grad, .record = head_loss_record};

tensor *op_head_loss(graph *g, tensor *h, tensor *weight, tensor *ids) {
  return op_head_loss_capped(g, h, weight, ids, 0);
}

tensor *op_head_loss_capped(graph *g, tensor *h, tensor *weight, tensor *ids, float cap) {
  const head_loss_options options = {cap};
  const uint32_t rows = tensor_rows(h);
  REQUIRE(tensor_row_size(h) == tensor_row_size(weight), "head of %s with %s", h->name, weight->name);
  REQUIRE(cap >= 0, "logits of %s capped at %g", h->name, (double)cap);
  REQUIRE(ids->type == DTYPE_I32 && tensor_elements(ids) == rows, "target ids of %s", h->name);
  tensor *out[] = {graph_tensor(g, "loss", DTYPE_F32, h->live, 1, &rows), graph_tensor(g, "lse", DTYPE_F32, h->live, 1, &rows),
                   logits_scratch(g, h, weight), graph_tensor(g, "head_state", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){rows, 2})};
  graph_node(g, &head_loss_op, &options, sizeof options, 3, (tensor *[]){h, weight, ids}, 4, out);
  return out[0];
}
