// A window's node is a copy whose row-wise tensors are the rows of the window, and whose counts are those of the window: the
// operation's record function knows nothing of it. Sums over rows (weight gradients) add up window by window, in order.
// Counts are data, so a kernel makes each window's at the start of the recording.
#include "graph/window.h"

#include "window_counts.h"

enum { WINDOW_ALIGN = 256, COUNT_WORDS = WINDOW_ALIGN / 4 };
_Static_assert(WINDOW_COUNTS == LIVE_COUNTS && WINDOW_COUNTS * 4 <= WINDOW_ALIGN,
               "window_counts_fill writes one word for each live count");

typedef struct graph_window {
  uint32_t first, rows;
} graph_window;

// --- which ---------------------------------------------------------------------------------------------------------------

static tensor *row_tensor(const node *n, uint32_t k) {
  if (k < n->n_in) return n->op->rows_in >> k & 1 ? n->in[k] : NULL;
  return n->op->rows_out >> (k - n->n_in) & 1 ? n->out[k - n->n_in] : NULL;
}

uint32_t window_rows(const gpu_plan *limits, const node *n) {
  uint32_t rows = 0, window = UINT32_MAX, step = 1; // step: rows from one aligned offset to the next
  for (uint32_t k = 0; k < n->n_in + n->n_out; k++) {
    const tensor *t = row_tensor(n, k);
    if (!t) continue;
    const uint64_t row = dtype_bytes(t->type, tensor_row_size(t)), fit = limits->max_binding_bytes / row;
    REQUIRE(!rows || rows == tensor_rows(t), "%s of %s has %u rows, others %u", t->name, n->op->name, tensor_rows(t), rows);
    rows = tensor_rows(t);
    if (fit < window) window = (uint32_t)fit;
    while (step * row % WINDOW_ALIGN) step *= 2;
  }
  if (rows <= window) return 0;
  REQUIRE(window >= step, "%u rows of node %s do not fit into a binding of %llu bytes", step, n->op->name,
          (unsigned long long)limits->max_binding_bytes);
  return window / step * step;
}

uint32_t window_all_rows(const node *n) {
  for (uint32_t k = 0; k < n->n_in + n->n_out; k++)
    if (row_tensor(n, k)) return tensor_rows(row_tensor(n, k));
  return 0;
}

static uint32_t rows_from(const node *n, uint32_t first, uint32_t window) {
  const uint32_t left = window_all_rows(n) - first;
  return left < window ? left : window;
}

// --- counts --------------------------------------------------------------------------------------------------------------

static uint32_t find(const graph *g, graph_window w) {
  uint32_t i = 0;
  while (i < g->n_windows && (g->windows[i].first != w.first || g->windows[i].rows != w.rows)) i++;
  return i;
}

// in: counts; out: [windows, 64]
static void counts_record(recorder *r, const node *n) {
  const graph *g = *(graph *const *)n->params;
  for (uint32_t i = 0; i < g->n_windows; i++) {
    const struct window_counts_params p = {.first = g->windows[i].first, .rows = g->windows[i].rows, .at = i};
    const bind binds[] = {BIND(n->in[0]), BIND(n->out[0])};
    record_dispatch(r, "window_counts_fill", NULL, 0, binds, 2, &p, sizeof p, 1, 1, 1);
  }
}

static const op_desc window_counts_op = {.name = "window_counts", .record = counts_record};

void window_plan(graph *g, const gpu_plan *limits) {
  uint64_t capacity = 0;
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    const uint32_t window = window_rows(limits, n);
    for (uint32_t first = 0; window && first < window_all_rows(n); first += window) {
      const graph_window w = {first, rows_from(n, first, window)};
      if (find(g, w) < g->n_windows) continue;
      arena_grow(g->memory, (void **)&g->windows, &capacity, g->n_windows + 1, sizeof w);
      g->windows[g->n_windows++] = w;
    }
  }
  if (!g->n_windows) return;
  g->window_counts = graph_tensor(g, "window_counts", DTYPE_I32, LIVE_ALL, 2, (uint32_t[]){g->n_windows, COUNT_WORDS});
  g->window_counts->keep = true; // no node names it as an input
  graph_node_first(g, &window_counts_op, &g, sizeof(graph *), 1, &g->counts, 1, &g->window_counts);
}

// --- the node of a window --------------------------------------------------------------------------------------------------

// Where only kernels are asked for (graph_request), nothing has memory.
static gpu_slice part(gpu_slice s, uint64_t offset, uint64_t bytes) {
  return s.buffer ? gpu_sub(s, offset, bytes) : s;
}

static tensor *rows_view(arena *a, const tensor *t, uint32_t first, uint32_t rows) {
  tensor *view = ARENA_NEW(a, tensor);
  const uint64_t row = dtype_bytes(t->type, tensor_row_size(t));
  *view = *t;
  view->shape[0] = rows;
  view->memory = part(t->memory, first * row, rows * row);
  return view;
}

node *window_node(arena *a, const graph *g, const node *n, uint32_t first, uint32_t window, tensor **counts) {
  const graph_window w = {first, rows_from(n, first, window)};
  const uint32_t at = find(g, w);
  REQUIRE(at < g->n_windows, "graph %s was planned for other windows than that at row %u of %s", g->name, first, n->op->name);
  node *view = ARENA_NEW(a, node);
  *view = *n;
  for (uint32_t k = 0; k < n->n_in + n->n_out; k++) {
    const tensor *t = row_tensor(n, k);
    if (t) *(k < n->n_in ? &view->in[k] : &view->out[k - n->n_in]) = rows_view(a, t, first, w.rows);
  }
  for (uint32_t k = 1; k < n->n_in; k++) // one tensor in two places stays one
    for (uint32_t j = 0; j < k; j++)
      if (n->in[k] && n->in[k] == n->in[j] && (n->op->rows_in >> k & 1) && (n->op->rows_in >> j & 1)) view->in[k] = view->in[j];
  *counts = ARENA_NEW(a, tensor);
  **counts = *g->counts;
  (*counts)->memory = part(g->window_counts->memory, (uint64_t)at * WINDOW_ALIGN, tensor_bytes(g->counts));
  return view;
}
