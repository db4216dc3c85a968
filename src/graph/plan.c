// Memory plan: an offset for every tensor of a graph, by live range, in one arena or in several chunks, where one
// allocation may not be large enough.
//
// A tensor lives from the node that makes it to the last node that reads or updates it. A result that may be made in place
// of an input (op_desc.in_place) takes the memory of one that ends there: both are one range. Tensors are placed from the
// largest to the smallest, each at the lowest offset where it overlaps none that lives at the same time (greedy by size:
// Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020). Offsets run on from chunk to
// chunk, and none reaches over a chunk's end.
#include <stdlib.h>

#include "graph/indirect.h"
#include "graph/window.h"

typedef struct range {
  tensor *t;
  uint64_t bytes, offset;
  uint64_t first, last; // nodes
  uint32_t in;          // the tensor whose range it is part of; its own id where it has one
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
  const range *x = *(range *const *)a, *y = *(range *const *)b;
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
    ranges[i] = (range){.t = t, .bytes = (tensor_bytes(t) + align - 1) / align * align, .first = UINT64_MAX, .in = t->id};
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

static bool reads_once(const node *n, const tensor *t) {
  uint32_t times = 0;
  for (uint32_t k = 0; k < n->n_in; k++) times += n->in[k] == t;
  return times == 1;
}

static void share_places(const graph *g, range *ranges) {
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    for (uint32_t k = 0; k < n->n_out && k < n->n_in; k++) {
      const tensor *t = n->in[k];
      if (!(n->op->in_place >> k & 1) || !t || t->id == GRAPH_NONE || !reads_once(n, t)) continue;
      const range *before = &ranges[t->id];
      range *after = &ranges[n->out[k]->id], *whole = &ranges[before->in];
      if (before->last != i || tensor_bytes(t) != tensor_bytes(after->t)) continue;
      after->in = before->in;
      if (whole->last < after->last) whole->last = after->last;
    }
  }
}

// The lowest offset from `offset` on at which `bytes` do not reach over a chunk's end.
static uint64_t within_chunk(uint64_t offset, uint64_t bytes, uint64_t chunk) {
  return offset % chunk + bytes <= chunk ? offset : (offset / chunk + 1) * chunk;
}

static uint64_t place(const range *r, range *const *together, uint64_t n, uint64_t chunk) {
  uint64_t offset = 0;
  for (uint64_t k = 0; k < n; k++) {
    if (offset + r->bytes <= together[k]->offset) break; // fits into the gap before it
    const uint64_t end = together[k]->offset + together[k]->bytes;
    if (offset < end) offset = within_chunk(end, r->bytes, chunk);
  }
  return offset;
}

static void note_place(graph *g, range *r, uint64_t chunk) {
  const uint64_t c = r->offset / chunk, end = r->offset % chunk + r->bytes;
  REQUIRE(c < GRAPH_MAX_CHUNKS && r->bytes <= chunk, "%s of graph %s: %llu bytes at %llu, in chunks of %llu", r->t->name, g->name,
          (unsigned long long)r->bytes, (unsigned long long)r->offset, (unsigned long long)chunk);
  if (g->n_chunks <= c) g->n_chunks = (uint32_t)c + 1;
  if (g->chunk_used[c] < end) g->chunk_used[c] = end;
  r->t->chunk = (uint32_t)c;
  r->t->memory = (gpu_slice){.offset = r->offset % chunk, .bytes = tensor_bytes(r->t)};
  g->unplanned_bytes += r->bytes;
}

void graph_plan_within(graph *g, const gpu_plan *limits) {
  const uint32_t align = limits->storage_align;
  const uint64_t chunk = graph_chunk_bytes(limits) / align * align;
  window_plan(g, limits);
  indirect_plan(g, limits);
  remove_unread(g);
  uint64_t n = g->n_tensors;
  arena *a = arena_new("memory plan");
  range *ranges = ARENA_ARRAY(a, range, n);
  range **wholes = ARENA_ARRAY(a, range *, n), **together = ARENA_ARRAY(a, range *, n);
  find_ranges(g, align, ranges);
  share_places(g, ranges);
  g->unplanned_bytes = g->n_chunks = 0;
  uint64_t n_wholes = 0;
  for (uint64_t i = 0; i < n; i++)
    if (ranges[i].in == i) wholes[n_wholes++] = &ranges[i];
  qsort(wholes, (size_t)n_wholes, sizeof *wholes, by_size);
  for (uint64_t i = 0; i < n_wholes; i++) {
    range *r = wholes[i];
    uint64_t n_together = 0; // placed ones that live at the same time
    for (uint64_t k = 0; k < i; k++)
      if (wholes[k]->first <= r->last && r->first <= wholes[k]->last) together[n_together++] = wholes[k];
    qsort(together, (size_t)n_together, sizeof *together, by_offset);
    r->offset = place(r, together, n_together, chunk);
  }
  for (uint64_t i = 0; i < n; i++) {
    ranges[i].offset = ranges[ranges[i].in].offset;
    note_place(g, &ranges[i], chunk);
  }
  g->planned_bytes = 0;
  for (uint32_t c = 0; c < g->n_chunks; c++) g->planned_bytes += g->chunk_used[c];
  arena_free(a);
}

// --- memory of several graphs ------------------------------------------------------------------------------------------

uint64_t graph_chunk_bytes(const gpu_plan *limits) {
  const uint64_t most = 1ull << 30;
  return limits->max_chunk_bytes < most ? limits->max_chunk_bytes : most;
}

void graph_memory_add(graph_memory *m, const graph *g) {
  for (uint32_t c = 0; c < g->n_chunks; c++)
    if (m->bytes[c] < g->chunk_used[c]) m->bytes[c] = g->chunk_used[c];
  if (m->n < g->n_chunks) m->n = g->n_chunks;
}

bool graph_memory_allocate(graph_memory *m, gpu_heap *heap, err *e) {
  for (uint32_t c = 0; c < m->n; c++) TRY(heap_alloc_unfilled(heap, m->bytes[c], &m->slices[c], e));
  return true;
}

void graph_bind_memory(graph *g, const graph_memory *m) {
  for (uint32_t c = 0; c < g->n_chunks; c++)
    REQUIRE(c < m->n && m->slices[c].bytes >= g->chunk_used[c], "graph %s: chunk %u of its plan has no room", g->name, c);
  for (uint64_t i = 0; i < g->n_tensors; i++) {
    tensor *t = g->tensors[i];
    t->memory.buffer = m->slices[t->chunk].buffer;
    t->memory.offset += m->slices[t->chunk].offset;
  }
}
