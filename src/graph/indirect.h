// Indirect dispatches: workgroups for the rows that are live, not for all that there may be.
//
// Where rows are limited by a live count (tensor_live), a recording's workgroups beyond it leave at once; but starting them
// costs too. With the path `indirect` a kernel at the recording's start turns the live counts into the workgroups of each
// such dispatch, which reads them from device memory. The kernels still look at the counts themselves: the last workgroup's
// rows need not all be live, and without the path there are all workgroups.
#ifndef GRAPH_INDIRECT_H
#define GRAPH_INDIRECT_H

#include "graph/graph.h"
#include "group_counts.h"

// The most different dispatches of a graph that can be indirect; further ones have all workgroups. A 30-layer model has some
// thirty, each window of rows (window.h) as many again.
enum { INDIRECT_MOST = 256 };

typedef struct indirect_table {
  struct live_groups items[INDIRECT_MOST];
  uint32_t n;
} indirect_table;

// Before a graph is planned: appends what makes the table, where the device takes the path and any rows are limited.
void indirect_plan(graph *g, const gpu_plan *limits);
// The dispatch's place in the table, GRAPH_NONE without one; with `add` it gets one if there is room.
uint32_t indirect_place(indirect_table *table, const struct live_groups *groups, bool add);
// Where the dispatch at that place reads its workgroups.
gpu_slice indirect_slice(const graph *g, uint32_t place);

// For the node that makes the table (record.c). The recording's; NULL where it has none.
const indirect_table *record_indirect(const recorder *r);
// Writes words that the recording holds.
void record_write(recorder *r, const tensor *t, const void *data, uint64_t bytes);
// From here on dispatches may read their workgroups.
void record_indirect_barrier(recorder *r);

#endif
