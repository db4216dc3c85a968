// What a graph computes: floating-point operations and bytes that its nodes read and write, from their shapes alone.
#ifndef OPS_COST_H
#define OPS_COST_H

#include "graph/graph.h"

typedef struct cost {
  double flops; // of matrix products and attention, a multiply-add as two; the rest as one for each element that it makes
  double bytes; // of every node's inputs and results, once each
} cost;

cost cost_of_node(const node *n, double live_tokens, double live_targets);
// Of one run of the graph with so many live rows.
cost cost_of(const graph *g, double live_tokens, double live_targets);

#endif
