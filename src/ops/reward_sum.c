// reward_sum: state.chosen_sum += Σ_i weight[i] · rewards[i][0], rejected_sum likewise of [i][1], and right_sum of
// [rewards[i][0] > rewards[i][1]], over live pairs. rewards [P, 2], weight [P]; state: struct step_state.
#include "reward_sum.h"
#include "lib/step.h"
#include "ops/op.h"

static void reward_sum_record(recorder *r, const node *n) {
  const tensor *rewards = n->in[0];
  const struct reward_sum_params p = {.rows = tensor_rows(rewards), .live = rewards->live};
  const uint32_t spec[] = {record_sum_local(r, 64)};
  const bind binds[] = {BIND(rewards), BIND(n->in[1]), BIND(record_counts(r)), BIND(n->in[2])};
  record_dispatch(r, "reward_sum_fwd", spec, 1, binds, 4, &p, sizeof p, 1, 1, 1);
}

const op_desc reward_sum_op = {.name = "reward_sum", .updates = 1 << 2, .record = reward_sum_record};

void op_reward_sum(graph *g, tensor *rewards, tensor *weights, tensor *state) {
  REQUIRE(tensor_row_size(rewards) == 2 && tensor_rows(rewards) == tensor_rows(weights), "%s and %s", rewards->name,
          weights->name);
  REQUIRE(tensor_bytes(state) >= sizeof(struct step_state), "%s", state->name);
  graph_node(g, &reward_sum_op, NULL, 0, 3, (tensor *[]){rewards, weights, state}, 0, NULL);
}
