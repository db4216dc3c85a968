// A graph as text: one line a node, with shapes and where the plan put the results.
#include "graph/graph.h"

static void put_tensor(FILE *to, const tensor *t) {
  fprintf(to, " %s[", t->name);
  for (uint32_t i = 0; i < t->n_dims; i++) fprintf(to, "%s%u", i ? "," : "", t->shape[i]);
  fprintf(to, "]%s", t->type == DTYPE_F32 ? "" : dtype_get(t->type)->name);
  if (!t->persistent) fprintf(to, "@%llu", (unsigned long long)t->memory.offset);
}

void graph_dump(const graph *g, FILE *to) {
  fprintf(to, "graph %s: %llu nodes, %llu tensors, %llu bytes planned (%llu without reuse)\n", g->name,
          (unsigned long long)g->n_nodes, (unsigned long long)g->n_tensors, (unsigned long long)g->planned_bytes,
          (unsigned long long)g->unplanned_bytes);
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    fprintf(to, "%5llu %-14s", (unsigned long long)i, n->op->name);
    for (uint32_t k = 0; k < n->n_out; k++) put_tensor(to, n->out[k]);
    fputs(" <-", to);
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k]) put_tensor(to, n->in[k]);
    fputc('\n', to);
  }
}
