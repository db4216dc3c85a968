// loss_sum: state.loss_sum += Σ_t weight[t] · loss[t] over live target rows. loss, weight [T]; state: struct step_state.
// Kept apart from the head, which gives a loss per row: scores, likelihoods and preference losses need no second head.
#include "loss_sum.h"
#include "lib/step.h"
#include "ops/op.h"

static void loss_sum_record(recorder *r, const node *n) {
  const tensor *loss = n->in[0];
  const struct loss_sum_params p = {.rows = tensor_rows(loss), .live = loss->live};
  const uint32_t spec[] = {record_sum_local(r, 64)};
  const bind binds[] = {BIND(loss), BIND(n->in[1]), BIND(record_counts(r)), BIND(n->in[2])};
  record_dispatch(r, "loss_sum_fwd", spec, 1, binds, 4, &p, sizeof p, 1, 1, 1);
}

const op_desc loss_sum_op = {.name = "loss_sum", .updates = 1 << 2, .record = loss_sum_record};

void op_loss_sum(graph *g, tensor *loss, tensor *weights, tensor *state) {
  REQUIRE(tensor_elements(loss) == tensor_elements(weights), "%s and %s", loss->name, weights->name);
  REQUIRE(tensor_bytes(state) >= sizeof(struct step_state), "%s", state->name);
  graph_node(g, &loss_sum_op, NULL, 0, 3, (tensor *[]){loss, weights, state}, 0, NULL);
}
