// Windows of rows: a node whose activations are larger than one binding is recorded once for each window of their rows, as if
// the window were all there is.
#ifndef GRAPH_WINDOW_H
#define GRAPH_WINDOW_H

#include "graph/graph.h"

// Rows of a window of `n`; 0: it is recorded whole. What is bound of one tensor is at most limits->max_binding_bytes.
uint32_t window_rows(const gpu_plan *limits, const node *n);
uint32_t window_all_rows(const node *n); // of its row-wise tensors
// Before a graph is planned: appends what tells the windows of its nodes how many of their rows are live.
void window_plan(graph *g, const gpu_plan *limits);
// The node for rows [first, first + window) or up to the end, and its counts. Lives in `a`.
node *window_node(arena *a, const graph *g, const node *n, uint32_t first, uint32_t window, tensor **counts);

#endif
