// Costs by operation. With x [N, K], W [M, K]: a product x Wᵀ takes 2 N M K operations, and so does each of its gradients.
// Attention is counted as if all tokens of a row were one example: each of its products takes half of 2 N² H D.
#include "ops/cost.h"

#include <string.h>

typedef struct counting {
  double tokens, targets;
} counting;

static double live_rows(const counting *c, const tensor *t) {
  if (t->live == LIVE_TOKENS) return c->tokens;
  if (t->live == LIVE_TARGETS) return c->targets;
  return tensor_rows(t);
}

static double live_elements(const counting *c, const tensor *t) {
  return live_rows(c, t) * tensor_row_size(t);
}

// Of one product between live rows and a matrix.
static double product(const counting *c, const tensor *rows, const tensor *matrix) {
  return 2 * live_rows(c, rows) * (double)tensor_elements(matrix);
}

static double linear(const counting *c, const node *n) {
  double flops = product(c, n->in[0], n->in[1]);
  if (n->n_in > 4 && n->in[4]) flops += product(c, n->in[2], n->in[3]) + product(c, n->in[2], n->in[4]);
  return flops;
}

// dy W (+ du A)
static double linear_dx(const counting *c, const node *n) {
  return product(c, n->in[0], n->in[1]) + (n->n_in > 3 ? product(c, n->in[2], n->in[3]) : 0);
}

// dyᵀ x
static double linear_dw(const counting *c, const node *n) {
  return product(c, n->in[1], n->in[2]);
}

static double head_loss(const counting *c, const node *n) {
  return product(c, n->in[0], n->in[1]);
}

// The logits again, dh, dW.
static double head_loss_bwd(const counting *c, const node *n) {
  return product(c, n->in[0], n->in[1]) * (1 + (n->n_out > 1) + (n->n_in > 5));
}

// Of one product between the queries and the keys that they see.
static double attention_product(const counting *c, const tensor *q) {
  return c->tokens * live_elements(c, q);
}

static double attention(const counting *c, const node *n) {
  return 2 * attention_product(c, n->in[0]);
}

static double attention_dq(const counting *c, const node *n) {
  return 3 * attention_product(c, n->in[0]);
}

static double attention_dkv(const counting *c, const node *n) {
  return 4 * attention_product(c, n->in[0]);
}

static const struct {
  const char *name;
  double (*flops)(const counting *c, const node *n);
} rows[] = {{"linear", linear},
            {"linear_dx", linear_dx},
            {"linear_dw", linear_dw},
            {"head_loss", head_loss},
            {"head_loss_bwd", head_loss_bwd},
            {"attention", attention},
            {"attention_dq", attention_dq},
            {"attention_dkv", attention_dkv}};

static double flops_of(const counting *c, const node *n) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, n->op->name)) return rows[i].flops(c, n);
  double elements = 0;
  for (uint32_t k = 0; k < n->n_out; k++) elements += live_elements(c, n->out[k]);
  for (uint32_t k = 0; k < n->n_in; k++)
    if (n->in[k] && (n->op->updates >> k & 1)) elements += live_elements(c, n->in[k]);
  return elements;
}

// A lookup reads the rows that it looks up.
static double bytes_of(const counting *c, const node *n) {
  double bytes = 0;
  for (uint32_t k = 0; k < n->n_out; k++) bytes += live_elements(c, n->out[k]) * 4;
  if (!strncmp(n->op->name, "embedding", strlen("embedding"))) return 2 * bytes;
  for (uint32_t k = 0; k < n->n_in; k++) {
    const tensor *t = n->in[k];
    if (!t) continue;
    const double once = live_rows(c, t) / tensor_rows(t) * (double)tensor_bytes(t);
    bytes += n->op->updates >> k & 1 ? 2 * once : once;
  }
  return bytes;
}

cost cost_of_node(const node *n, double live_tokens, double live_targets) {
  const counting c = {live_tokens, live_targets};
  return (cost){flops_of(&c, n), bytes_of(&c, n)};
}

cost cost_of(const graph *g, double live_tokens, double live_targets) {
  cost sum = {0, 0};
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const cost c = cost_of_node(g->nodes[i], live_tokens, live_targets);
    sum.flops += c.flops;
    sum.bytes += c.bytes;
  }
  return sum;
}
