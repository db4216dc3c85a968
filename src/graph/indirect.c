// The table of a recording's indirect dispatches (indirect.h). It is collected while the recording's kernels are asked for,
// put into the recording as data, and completed on the device at the start of each run:
//   groups[along] = ceil(live rows · per_row / per_group)
// Many dispatches of a graph share a row of it.
#include "graph/indirect.h"

#include <string.h>

#include "graph/window.h"

enum { TABLE_LOCAL = 64, ITEM_WORDS = sizeof(struct live_groups) / 4 }; // local size of group_counts_fill

// in: counts; out: the table
static void group_counts_record(recorder *r, const node *n) {
  const indirect_table *table = record_indirect(r);
  const struct group_counts_params p = {.n = table ? table->n : 0};
  const bind binds[] = {BIND(n->in[0]), BIND(n->out[0])};
  if (p.n) record_write(r, n->out[0], table->items, p.n * sizeof *table->items);
  record_dispatch(r, "group_counts_fill", NULL, 0, binds, 2, &p, sizeof p, div_up(p.n, TABLE_LOCAL), 1, 1);
  if (p.n) record_indirect_barrier(r);
}

static const op_desc group_counts_op = {.name = "group_counts", .record = group_counts_record};

static bool has_live_rows(const graph *g) {
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    for (uint32_t k = 0; k < n->n_out; k++)
      if (n->out[k]->live != LIVE_ALL) return true;
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->live != LIVE_ALL) return true;
  }
  return false;
}

void indirect_plan(graph *g, const gpu_plan *limits) {
  if (!limits->on[GPU_FEATURE_INDIRECT] || !has_live_rows(g)) return;
  g->group_counts = graph_tensor(g, "group_counts", DTYPE_I32, LIVE_ALL, 2, (uint32_t[]){INDIRECT_MOST, ITEM_WORDS});
  g->group_counts->keep = true; // no node names it as an input
  graph_node_first(g, &group_counts_op, NULL, 0, 1, &g->counts, 1, &g->group_counts);
}

uint32_t indirect_place(indirect_table *table, const struct live_groups *groups, bool add) {
  uint32_t i = 0;
  while (i < table->n && memcmp(&table->items[i], groups, sizeof *groups)) i++;
  if (i < table->n) return i;
  if (!add || i == INDIRECT_MOST) return GRAPH_NONE;
  table->items[table->n++] = *groups;
  return i;
}

gpu_slice indirect_slice(const graph *g, uint32_t place) {
  return gpu_sub(g->group_counts->memory, place * sizeof(struct live_groups), 3 * sizeof(uint32_t));
}
