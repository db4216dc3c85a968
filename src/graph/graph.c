// Building a graph: tensors, nodes, checkpointing segments.
#include "graph/graph.h"

#include <string.h>

graph *graph_new(arena *a, const char *name, tensor *counts) {
  REQUIRE(counts->persistent && counts->type == DTYPE_I32 && tensor_elements(counts) == LIVE_COUNTS, "counts of graph %s", name);
  graph *g = ARENA_NEW(a, graph);
  g->memory = a;
  g->name = name;
  g->counts = counts;
  g->segment = GRAPH_NONE;
  return g;
}

static tensor *tensor_new(arena *a, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape) {
  REQUIRE(n_dims >= 1 && n_dims <= TENSOR_MAX_DIMS, "%s has %u dimensions", name, n_dims);
  tensor *t = ARENA_NEW(a, tensor);
  t->name = name;
  t->id = GRAPH_NONE;
  t->type = type;
  t->live = live;
  t->n_dims = n_dims;
  for (uint32_t i = 0; i < n_dims; i++) {
    REQUIRE(shape[i] > 0, "dimension %u of %s is 0", i, name);
    t->shape[i] = shape[i];
  }
  return t;
}

tensor *tensor_persistent(arena *a, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape) {
  tensor *t = tensor_new(a, name, type, live, n_dims, shape);
  t->persistent = true;
  return t;
}

tensor *graph_tensor(graph *g, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape) {
  tensor *t = tensor_new(g->memory, name, type, live, n_dims, shape);
  arena_grow(g->memory, (void **)&g->tensors, &g->tensors_capacity, g->n_tensors + 1, sizeof *g->tensors);
  t->id = (uint32_t)g->n_tensors;
  g->tensors[g->n_tensors++] = t;
  return t;
}

tensor *graph_tensor_like(graph *g, const char *name, const tensor *like) {
  return graph_tensor(g, name, like->type, like->live, like->n_dims, like->shape);
}

node *graph_node(graph *g, const op_desc *op, const void *params, uint64_t params_bytes, uint32_t n_in, tensor *const *in,
                 uint32_t n_out, tensor *const *out) {
  REQUIRE(n_in <= NODE_MAX_INPUTS && n_out <= NODE_MAX_OUTPUTS, "%s: %u inputs, %u outputs", op->name, n_in, n_out);
  node *n = ARENA_NEW(g->memory, node);
  n->op = op;
  n->id = (uint32_t)g->n_nodes;
  n->segment = g->segment;
  n->n_in = n_in;
  n->n_out = n_out;
  if (params_bytes) {
    void *copy = arena_alloc(g->memory, params_bytes);
    memcpy(copy, params, (size_t)params_bytes);
    n->params = copy;
  }
  bool needs_grad = false;
  for (uint32_t i = 0; i < n_in; i++) {
    n->in[i] = in[i];
    needs_grad |= in[i] && in[i]->needs_grad;
  }
  for (uint32_t i = 0; i < n_out; i++) {
    REQUIRE(!out[i]->producer && !out[i]->persistent, "%s is the result of two nodes", out[i]->name);
    n->out[i] = out[i];
    out[i]->producer = n;
    out[i]->needs_grad = needs_grad && op->grad;
  }
  arena_grow(g->memory, (void **)&g->nodes, &g->nodes_capacity, g->n_nodes + 1, sizeof(node *));
  g->nodes[g->n_nodes++] = n;
  return n;
}

node *graph_node_first(graph *g, const op_desc *op, const void *params, uint64_t params_bytes, uint32_t n_in, tensor *const *in,
                       uint32_t n_out, tensor *const *out) {
  node *n = graph_node(g, op, params, params_bytes, n_in, in, n_out, out);
  memmove(g->nodes + 1, g->nodes, (size_t)(g->n_nodes - 1) * sizeof *g->nodes);
  g->nodes[0] = n;
  return n;
}

uint64_t tensor_elements(const tensor *t) {
  uint64_t n = 1;
  for (uint32_t i = 0; i < t->n_dims; i++) REQUIRE(size_mul(n, t->shape[i], &n), "size of %s", t->name);
  return n;
}

uint64_t tensor_bytes(const tensor *t) {
  // Kernels read 16-bit types as pairs in 32-bit words, so sizes are whole words.
  return (dtype_bytes(t->type, tensor_elements(t)) + 3) / 4 * 4;
}

uint32_t tensor_rows(const tensor *t) {
  return t->shape[0];
}

uint32_t tensor_row_size(const tensor *t) {
  uint64_t n = tensor_elements(t) / t->shape[0];
  REQUIRE(n <= UINT32_MAX, "row of %s", t->name);
  return (uint32_t)n;
}

static uint32_t n_pieces(const tensor *t) {
  return (t->shape[0] - 1) / t->piece_rows + 1;
}

static uint64_t piece_bytes(const tensor *t, uint32_t i) {
  const uint32_t first = i * t->piece_rows, left = t->shape[0] - first;
  return (dtype_bytes(t->type, (uint64_t)(left < t->piece_rows ? left : t->piece_rows) * tensor_row_size(t)) + 3) / 4 * 4;
}

uint32_t tensor_piece_rows(const tensor *t, uint64_t most_bytes) {
  const uint64_t row = tensor_row_size(t);
  uint32_t rows =
      TENSOR_LEAST_PIECE; // of which those of NF4_DOUBLE are whole blocks where they have 128 elements, or 256 of them
  while (rows * row % dtype_get(t->type)->block_elements) rows *= 2;
  if (dtype_bytes(t->type, row * rows) > most_bytes) return 0;
  while (dtype_bytes(t->type, 2 * (uint64_t)rows * row) <= most_bytes) rows *= 2;
  return rows;
}

void tensor_put_piece(tensor *t, gpu_heap *heap, uint32_t row, gpu_slice memory) {
  if (!t->piece_rows) {
    t->memory = memory;
    return;
  }
  if (!row) t->pieces = heap_slices(heap, n_pieces(t));
  t->pieces[row / t->piece_rows] = memory;
}

bool tensor_allocate(tensor *t, gpu_heap *heap, err *e) {
  const uint64_t most = heap_most_bytes(heap);
  t->pieces = NULL;
  t->memory = (gpu_slice){0};
  t->piece_rows = tensor_bytes(t) <= most ? 0 : tensor_piece_rows(t, most);
  if (!t->piece_rows) return heap_alloc(heap, tensor_bytes(t), &t->memory, e);
  for (uint32_t i = 0; i < n_pieces(t); i++) {
    gpu_slice piece;
    TRY(heap_alloc(heap, piece_bytes(t, i), &piece, e));
    tensor_put_piece(t, heap, i * t->piece_rows, piece);
  }
  return true;
}

bool tensor_upload(const tensor *t, gpu_device *d, const void *data, err *e) {
  if (!t->pieces) return gpu_upload(d, t->memory, data, dtype_bytes(t->type, tensor_elements(t)), e);
  const uint64_t piece = dtype_bytes(t->type, (uint64_t)tensor_row_size(t) * t->piece_rows);
  for (uint32_t i = 0; i < n_pieces(t); i++)
    TRY(gpu_upload(d, t->pieces[i], (const char *)data + i * piece, piece_bytes(t, i), e));
  return true;
}

bool tensor_download(const tensor *t, gpu_device *d, void *data, err *e) {
  if (!t->pieces) return gpu_download(d, t->memory, data, tensor_bytes(t), e);
  const uint64_t piece = dtype_bytes(t->type, (uint64_t)tensor_row_size(t) * t->piece_rows);
  for (uint32_t i = 0; i < n_pieces(t); i++) TRY(gpu_download(d, t->pieces[i], (char *)data + i * piece, piece_bytes(t, i), e));
  return true;
}

void graph_segment_begin(graph *g) {
  REQUIRE(g->segment == GRAPH_NONE, "segments of graph %s are nested", g->name);
  g->segment = g->n_segments++;
}

void graph_segment_end(graph *g) {
  REQUIRE(g->segment != GRAPH_NONE, "no segment of graph %s is open", g->name);
  g->segment = GRAPH_NONE;
}
