// Windows of rows, without a device: their sizes, and the nodes of windows.
#include "support/test.h"

#include "graph/window.h"

static const op_desc row_op = {.name = "rows", .rows_in = 1, .rows_out = 1}, whole_op = {.name = "whole"};

typedef struct fixture {
  arena *memory;
  graph *g;
  tensor *x, *w, *y;
  node *n;
} fixture;

// y [rows, width] of x [rows, width], row by row, and w.
static fixture make(const op_desc *op, uint32_t rows, uint32_t width) {
  fixture f = {.memory = arena_new("windows")};
  f.g = graph_new(f.memory, "windows", tensor_persistent(f.memory, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  f.x = tensor_persistent(f.memory, "x", DTYPE_F32, LIVE_TOKENS, 2, (uint32_t[]){rows, width});
  f.w = tensor_persistent(f.memory, "w", DTYPE_F32, LIVE_ALL, 1, &width);
  f.y = graph_tensor_like(f.g, "y", f.x);
  f.y->keep = true;
  f.n = graph_node(f.g, op, NULL, 0, 2, (tensor *[]){f.x, f.w}, 1, &f.y);
  return f;
}

static gpu_plan limits_of(uint64_t binding) {
  return (gpu_plan){.max_binding_bytes = binding, .max_chunk_bytes = 1 << 30, .storage_align = 64};
}

static void sizes(void **state) {
  (void)state;
  const struct {
    uint32_t rows, width;
    uint64_t binding;
    uint32_t window;
  } cases[] = {
      {100, 64, 25600, 0},                                   // all of it
      {100, 64, 25599, 99},                                  // a row of 256 bytes begins aligned
      {100, 64, 256, 1},    {1000, 3, 11999, 960},           // rows of 12 bytes: every 64th begins aligned
      {1000, 3, 768, 64},   {4096, 14336, 128 << 20, 2340}}; // rows of 57,344 bytes, a multiple of 256: the MLP of a model of 8B
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const fixture f = make(&row_op, cases[i].rows, cases[i].width), whole = make(&whole_op, cases[i].rows, cases[i].width);
    const gpu_plan limits = limits_of(cases[i].binding);
    assert_int_equal(window_rows(&limits, f.n), cases[i].window);
    assert_int_equal(window_rows(&limits, whole.n), 0);
    arena_free(f.memory);
    arena_free(whole.memory);
  }
}

static void nodes_of_windows(void **state) {
  (void)state;
  enum { ROWS = 1000, WIDTH = 3, ROW_BYTES = WIDTH * 4 };
  fixture f = make(&row_op, ROWS, WIDTH);
  const gpu_plan limits = limits_of(3000); // 250 rows, of which every 64th may begin a window: 192
  graph_plan_within(f.g, &limits);
  assert_int_equal(f.g->n_windows, 6);
  assert_int_equal(f.g->n_nodes, 2); // the first makes their counts
  assert_int_equal(tensor_rows(f.g->window_counts), 6);
  struct gpu_buffer *somewhere = arena_alloc(f.memory, 1); // never looked into
  f.x->memory = (gpu_slice){.buffer = somewhere, .offset = 1024, .bytes = tensor_bytes(f.x)};
  const gpu_slice memory = {.buffer = somewhere, .offset = 65536, .bytes = f.g->planned_bytes};
  graph_bind_memory(f.g, &(graph_memory){.n = 1, .slices = {memory}});
  uint32_t rows = 0, i = 0;
  for (uint32_t first = 0; first < ROWS; first += 192, i++) {
    tensor *counts;
    const node *n = window_node(f.memory, f.g, f.n, first, 192, &counts);
    assert_int_equal(tensor_rows(n->in[0]), first + 192 < ROWS ? 192 : ROWS - first);
    assert_int_equal(tensor_rows(n->out[0]), tensor_rows(n->in[0]));
    assert_int_equal(n->in[0]->memory.offset, 1024 + first * ROW_BYTES);
    assert_int_equal(n->out[0]->memory.offset, f.y->memory.offset + first * ROW_BYTES);
    assert_int_equal(n->out[0]->memory.bytes, tensor_rows(n->out[0]) * ROW_BYTES);
    assert_ptr_equal(n->in[1], f.w);
    assert_int_equal(counts->memory.offset, f.g->window_counts->memory.offset + i * 256);
    rows += tensor_rows(n->in[0]);
  }
  assert_int_equal(rows, ROWS);
  arena_free(f.memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(nodes_of_windows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
