// dpo_loss (Rafailov et al., 2023): of each pair of answers to a prompt, from the token losses of both under the policy
//   log π(c) = −Σ loss[t] over the chosen answer's targets, log π(r) likewise of the rejected one
//   Δ = (log π(c) − log π_ref(c)) − (log π(r) − log π_ref(r))
//   loss[i] = −(1 − ε) · log σ(β Δ) − ε · log σ(−β Δ)                          ε: label smoothing
//   rewards[i] = β · (log π(c) − log π_ref(c)), β · (log π(r) − log π_ref(r))
// With normalised lengths each bracket of Δ is divided by its answer's number of targets; rewards are not.
// loss [T]; spans i32 [P, 4]: targets [x, y) are the chosen answer's, [y, z) the rejected one's; reference [P, 2]: log π_ref of
// both; answers i32 [T]: 2 i for a target of pair i's chosen answer, 2 i + 1 for one of its rejected answer.
// Backward: dloss[t] = dpair[i] · slopes[i][a], where slopes [P, 2] (a result of forward) are
//   −d loss / dΔ = β ((1 − ε) σ(−β Δ) − ε σ(β Δ)), and its negative, over the lengths where these are normalised.
#include "dpo_loss.h"
#include "ops/op.h"

// in: loss, spans, reference, answers; out: pair loss, slopes, rewards
static void dpo_loss_record(recorder *r, const node *n) {
  struct dpo_loss_params p = *(const struct dpo_loss_params *)n->params;
  const uint32_t spec[] = {record_sum_local(r, 64)};
  const bind binds[] = {BIND(n->in[0]),  BIND(n->in[1]),  BIND(n->in[2]), BIND(record_counts(r)),
                        BIND(n->out[0]), BIND(n->out[1]), BIND(n->out[2])};
  record_rows(r, "dpo_loss_fwd", spec, 1, binds, 7, &p, sizeof p, n->out[0], 1, 1);
}

// in: answers, slopes, dpair; out: dloss
static void dpo_loss_bwd_record(recorder *r, const node *n) {
  const tensor *dloss = n->out[0];
  const struct dpo_loss_params p = {.rows = tensor_rows(dloss), .live = dloss->live};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2]), BIND(record_counts(r)), BIND(dloss)};
  record_elements(r, "dpo_loss_bwd", binds, 5, &p, sizeof p, dloss);
}

static const op_desc dpo_loss_bwd_op = {.name = "dpo_loss_bwd", .record = dpo_loss_bwd_record};

static void dpo_loss_grad(struct backward *b, const node *n) {
  tensor *in[] = {n->in[3], grad_saved_out(b, n, 1), grad_out(b, n, 0)};
  tensor *dloss = graph_tensor_like(grad_graph(b), "dloss", n->in[0]);
  graph_node(grad_graph(b), &dpo_loss_bwd_op, NULL, 0, 3, in, 1, &dloss);
  grad_in(b, n, 0, dloss);
}

const op_desc dpo_loss_op = {.name = "dpo_loss", .grad = dpo_loss_grad, .record = dpo_loss_record};

tensor *op_dpo_loss(graph *g, tensor *loss, const dpo_pairs *pairs, const dpo_options *options, tensor **rewards) {
  const uint32_t n = tensor_rows(pairs->spans), two[] = {n, 2};
  const tensor_live live = pairs->spans->live;
  REQUIRE(tensor_row_size(pairs->spans) == 4 && tensor_rows(pairs->reference) == n && tensor_row_size(pairs->reference) == 2,
          "%u pairs of %s", n, loss->name);
  REQUIRE(tensor_elements(pairs->answers) == tensor_elements(loss), "answers of %s", loss->name);
  const struct dpo_loss_params p = {.rows = n,
                                    .live = live,
                                    .beta = options->beta,
                                    .label_smoothing = options->label_smoothing,
                                    .normalised = options->normalised};
  tensor *out[] = {graph_tensor(g, "pair_loss", DTYPE_F32, live, 1, &n), graph_tensor(g, "slopes", DTYPE_F32, live, 2, two),
                   graph_tensor(g, "rewards", DTYPE_F32, live, 2, two)};
  graph_node(g, &dpo_loss_op, &p, sizeof p, 4, (tensor *[]){loss, pairs->spans, pairs->reference, pairs->answers}, 3, out);
  *rewards = out[2];
  return out[0];
}
