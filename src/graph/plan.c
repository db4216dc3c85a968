// Memory plan: an offset in one arena for every tensor of a graph, by live range.
//
// A tensor lives from the node that makes it to the last node that reads or updates it. Tensors are placed from the
// largest to the smallest, each at the lowest offset where it overlaps none that lives at the same time (greedy by size:
// Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
#include <stdlib.h>

#include "graph/graph.h"

typedef struct range {
  tensor *t;
  uint64_t bytes, offset;
  uint64_t first, last; // nodes
} range;

static bool is_needed(const node *n, const bool *read) {
  if (!n->n_out || n->op->updates) return true;
  for (uint32_t k = 0; k < n->n_out; k++)
    if (n->out[k]->keep || read[n->out[k]->id]) return true;
  return false;
}

static void remove_unread(graph *g) {
  bool *read = ARENA_ARRAY(g->memory, bool, g->n_tensors);
  node **kept = ARENA_ARRAY(g->memory, node *, g->n_nodes);
  uint64_t first = g->n_nodes, n_tensors = 0;
  for (uint64_t i = g->n_nodes; i-- > 0;) {
    node *n = g->nodes[i];
    if (!is_needed(n, read)) {
      for (uint32_t k = 0; k < n->n_out; k++) n->out[k]->producer = NULL;
      continue;
    }
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->id != GRAPH_NONE) read[n->in[k]->id] = true;
    kept[--first] = n;
  }
  g->nodes = kept + first;
  g->nodes_capacity = g->n_nodes = g->n_nodes - first;
  for (uint64_t i = 0; i < g->n_tensors; i++) {
    tensor *t = g->tensors[i];
    if (!t->producer) continue;
    t->id = (uint32_t)n_tensors;
    g->tensors[n_tensors++] = t;
  }
  g->n_tensors = n_tensors;
  for (uint64_t i = 0; i < g->n_nodes; i++) g->nodes[i]->id = (uint32_t)i;
}

static int by_size(const void *a, const void *b) {
  const range *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->t->id < y->t->id ? -1 : 1;
}

static int by_offset(const void *a, const void *b) {
  const range *x = *(range *const *)a, *y = *(range *const *)b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->t->id < y->t->id ? -1 : 1;
}

static void find_ranges(const graph *g, uint32_t align, range *ranges) {
  for (uint64_t i = 0; i < g->n_tensors; i++) {
    tensor *t = g->tensors[i];
    ranges[i] = (range){.t = t, .bytes = (tensor_bytes(t) + align - 1) / align * align, .first = UINT64_MAX};
  }
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    for (uint32_t k = 0; k < n->n_out; k++) {
      range *r = &ranges[n->out[k]->id];
      r->first = i;
      if (r->last < i) r->last = i;
    }
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->id != GRAPH_NONE) {
        range *r = &ranges[n->in[k]->id];
        REQUIRE(r->first < i, "%s is read by %s before it is made", r->t->name, n->op->name);
        r->last = i;
      }
  }
  for (uint64_t i = 0; i < g->n_tensors; i++)
    if (ranges[i].t->keep) ranges[i].last = g->n_nodes;
}

void graph_plan(graph *g, uint32_t align) {
  remove_unread(g);
  uint64_t n = g->n_tensors;
  arena *a = arena_new("memory plan");
  range *ranges = ARENA_ARRAY(a, range, n);
  range **together = ARENA_ARRAY(a, range *, n); // placed ones that live at the same time as the one at hand
  find_ranges(g, align, ranges);
  qsort(ranges, (size_t)n, sizeof *ranges, by_size);
  g->planned_bytes = g->unplanned_bytes = 0;
  for (uint64_t i = 0; i < n; i++) {
    range *r = &ranges[i];
    uint64_t n_together = 0;
    for (uint64_t k = 0; k < i; k++)
      if (ranges[k].first <= r->last && r->first <= ranges[k].last) together[n_together++] = &ranges[k];
    qsort(together, (size_t)n_together, sizeof *together, by_offset);
    for (uint64_t k = 0; k < n_together; k++) {
      if (r->offset + r->bytes <= together[k]->offset) break; // fits into the gap before it
      uint64_t end = together[k]->offset + together[k]->bytes;
      if (r->offset < end) r->offset = end;
    }
    r->t->memory = (gpu_slice){.offset = r->offset, .bytes = tensor_bytes(r->t)};
    if (g->planned_bytes < r->offset + r->bytes) g->planned_bytes = r->offset + r->bytes;
    g->unplanned_bytes += r->bytes;
  }
  arena_free(a);
}

void graph_bind(graph *g, gpu_slice slice) {
  REQUIRE(slice.bytes >= g->planned_bytes, "graph %s: %llu bytes for a plan of %llu", g->name, (unsigned long long)slice.bytes,
          (unsigned long long)g->planned_bytes);
  for (uint64_t i = 0; i < g->n_tensors; i++) {
    tensor *t = g->tensors[i];
    t->memory.buffer = slice.buffer;
    t->memory.offset += slice.offset;
  }
}
