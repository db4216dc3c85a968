// The memory plan, run on the host: every node stamps the words of its results, and before it reads or at the end each
// tensor must still hold its own stamp. Nodes whose results nothing needs are removed, and only they.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/graph.h"

static const op_desc plain_op = {.name = "plain"}, updating_op = {.name = "updating", .updates = 1},
                     in_place_op = {.name = "in place", .in_place = 3};

typedef struct made {
  arena *memory;
  graph *g;
  node **nodes; // in the order in which they were made
  uint64_t n;
} made;

static tensor *pick(rng *r, tensor *const *all, uint64_t n) {
  return all[rng_below(r, (uint32_t)n)];
}

// A random graph of different sizes. Some results are kept, some nodes update persistent memory, many results are unread.
static made make(uint64_t seed, uint32_t n_nodes) {
  made x = {.memory = arena_new("random graph"), .n = n_nodes};
  rng r = rng_new(seed, RNG_TEST);
  tensor *counts = tensor_persistent(x.memory, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  x.g = graph_new(x.memory, "random", counts);
  x.nodes = ARENA_ARRAY(x.memory, node *, n_nodes);
  tensor **all = ARENA_ARRAY(x.memory, tensor *, 1 + 3 * (uint64_t)n_nodes);
  uint64_t n_all = 1;
  all[0] = tensor_persistent(x.memory, "outside", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){11});
  for (uint32_t i = 0; i < n_nodes; i++) {
    tensor *in[4], *out[3];
    const bool updates = rng_below(&r, 12) == 0;
    const uint32_t n_in = 1 + rng_below(&r, 4), n_out = updates ? 0 : 1 + rng_below(&r, 3);
    for (uint32_t k = 0; k < n_in; k++) {
      const uint64_t recent = n_all < 9 ? n_all : 9; // mostly what was made lately, so that memory is given back
      in[k] = rng_below(&r, 5) ? pick(&r, all + n_all - recent, recent) : pick(&r, all, n_all);
      if (k && rng_below(&r, 6) == 0) in[k] = NULL; // an absent optional input
    }
    if (updates) in[0] = all[0];
    for (uint32_t k = 0; k < n_out; k++) {
      const dtype type = rng_below(&r, 3) ? DTYPE_F32 : DTYPE_F16;
      out[k] = graph_tensor(x.g, "result", type, LIVE_ALL, 2, (uint32_t[]){1 + rng_below(&r, 40), 1 + rng_below(&r, 9)});
      out[k]->keep = rng_below(&r, 15) == 0;
    }
    const bool in_place = n_out && rng_below(&r, 3) == 0;
    for (uint32_t k = 0; in_place && k < n_out && k < n_in; k++) // most have the size of the input
      if (in[k] && rng_below(&r, 4)) out[k] = graph_tensor_like(x.g, "in place", in[k]);
    x.nodes[i] = graph_node(x.g, updates ? &updating_op : in_place ? &in_place_op : &plain_op, NULL, 0, n_in, in, n_out, out);
    for (uint32_t k = 0; k < n_out; k++) all[n_all++] = out[k];
  }
  return x;
}

// A node is needed when it writes to the outside, when a result is kept, or when a needed node reads one: by definition,
// repeated until nothing changes.
static bool *find_needed(const made *x) {
  bool *needed = ARENA_ARRAY(x->memory, bool, x->n);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint64_t i = 0; i < x->n; i++) {
      const node *n = x->nodes[i];
      bool is = n->n_out == 0;
      for (uint32_t k = 0; k < n->n_out; k++) {
        is |= n->out[k]->keep;
        for (uint64_t j = 0; j < x->n; j++)
          for (uint32_t q = 0; needed[j] && q < x->nodes[j]->n_in; q++) is |= x->nodes[j]->in[q] == n->out[k];
      }
      changed |= is && !needed[i];
      needed[i] |= is;
    }
  }
  return needed;
}

typedef struct stamps {
  uint64_t *words; // of the arena, 4 bytes each
  uint64_t n;
} stamps;

static void put(const stamps *s, const tensor *t) {
  const uint64_t first = t->memory.offset / 4, n = t->memory.bytes / 4;
  assert_true(first + n <= s->n);
  for (uint64_t i = first; i < first + n; i++) s->words[i] = (uint64_t)(uintptr_t)t;
}

static void expect(const stamps *s, const tensor *t) {
  const uint64_t first = t->memory.offset / 4, n = t->memory.bytes / 4;
  for (uint64_t i = first; i < first + n; i++)
    if (s->words[i] != (uint64_t)(uintptr_t)t) fail_msg("tensor %u was overwritten while it was needed", t->id);
}

// Whether result k of a node may lie, and lies, where input k lies.
static bool lies_in_place(const node *n, uint32_t k) {
  return k < n->n_in && k < n->n_out && n->in[k] && !n->in[k]->persistent && n->op->in_place >> k & 1 &&
         n->in[k]->memory.offset == n->out[k]->memory.offset && n->in[k]->memory.bytes == n->out[k]->memory.bytes;
}

// Returns how many results lie in the place of an input.
static uint32_t run(const made *x, uint32_t align) {
  const graph *g = x->g;
  uint32_t in_place = 0;
  const stamps s = {ARENA_ARRAY(x->memory, uint64_t, g->planned_bytes / 4), g->planned_bytes / 4};
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k] && !n->in[k]->persistent) expect(&s, n->in[k]);
    for (uint32_t k = 0; k < n->n_out; k++) {
      assert_int_equal(n->out[k]->memory.offset % align, 0);
      assert_int_equal(n->out[k]->memory.bytes, tensor_bytes(n->out[k]));
      put(&s, n->out[k]);
    }
    for (uint32_t k = 0; k < n->n_in; k++) // results never share memory with what the same node reads, but in place
      if (lies_in_place(n, k)) in_place++;
      else if (n->in[k] && !n->in[k]->persistent) expect(&s, n->in[k]);
    for (uint32_t k = 0; k < n->n_out; k++) expect(&s, n->out[k]);
  }
  for (uint64_t i = 0; i < g->n_tensors; i++)
    if (g->tensors[i]->keep) expect(&s, g->tensors[i]);
  return in_place;
}

static void no_live_tensors_overlap(void **state) {
  (void)state;
  uint64_t planned = 0, unplanned = 0, removed = 0, in_place = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    rng r = rng_new(seed, RNG_SHUFFLE);
    made x = make(seed, 1 + rng_below(&r, 120));
    const bool *needed = find_needed(&x);
    const uint32_t align = 4u << rng_below(&r, 7);
    graph_plan_within(x.g, &(gpu_plan){.storage_align = align, .max_chunk_bytes = 1 << 30, .max_binding_bytes = 1 << 30});
    assert_true(x.g->n_chunks <= 1);
    uint64_t at = 0; // the needed nodes are left, in their order
    for (uint64_t i = 0; i < x.n; i++)
      if (needed[i]) {
        assert_true(at < x.g->n_nodes);
        assert_ptr_equal(x.g->nodes[at++], x.nodes[i]);
      } else {
        removed++;
      }
    assert_int_equal(at, x.g->n_nodes);
    in_place += run(&x, align);
    assert_true(x.g->planned_bytes <= x.g->unplanned_bytes);
    planned += x.g->planned_bytes;
    unplanned += x.g->unplanned_bytes;
    arena_free(x.memory);
  }
  print_message("%.0f %% of the memory without a plan; %d nodes removed; %d results in place\n",
                100.0 * (double)planned / (double)unplanned, (int)removed, (int)in_place);
  assert_true(removed > 1000 && in_place > 300);
  assert_true(planned * 2 < unplanned);
}

// Where allocations are small the plan is cut into chunks: each tensor lies in one, and still none is overwritten.
static void chunks_hold_whole_tensors(void **state) {
  (void)state;
  const uint64_t chunk = 2048; // the largest tensor has 40 × 9 × 4 bytes
  uint32_t most = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    rng r = rng_new(seed, RNG_SHUFFLE);
    made x = make(seed, 1 + rng_below(&r, 120));
    const gpu_plan limits = {.storage_align = 16, .max_chunk_bytes = chunk + rng_below(&r, 16), .max_binding_bytes = 1 << 30};
    graph_plan_within(x.g, &limits);
    uint64_t sum = 0;
    for (uint32_t c = 0; c < x.g->n_chunks; c++) {
      assert_true(x.g->chunk_used[c] <= chunk);
      sum += x.g->chunk_used[c];
    }
    assert_int_equal(sum, x.g->planned_bytes);
    for (uint64_t i = 0; i < x.g->n_tensors; i++) {
      tensor *t = x.g->tensors[i];
      assert_true(t->memory.offset + t->memory.bytes <= x.g->chunk_used[t->chunk]);
      t->memory.offset += t->chunk * chunk; // side by side, as run wants them
    }
    x.g->planned_bytes = x.g->n_chunks * chunk;
    run(&x, 16);
    if (most < x.g->n_chunks) most = x.g->n_chunks;
    arena_free(x.memory);
  }
  assert_true(most >= 4);
}

// A chain in which each result is read by the next node alone needs two tensors' memory, whatever its length.
static void a_chain_takes_two(void **state) {
  (void)state;
  arena *a = arena_new("chain");
  tensor *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  graph *g = graph_new(a, "chain", counts);
  tensor *x = tensor_persistent(a, "x", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){64});
  for (int i = 0; i < 30; i++) {
    tensor *y = graph_tensor(g, "y", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){64});
    graph_node(g, &plain_op, NULL, 0, 1, &x, 1, &y);
    x = y;
  }
  x->keep = true;
  graph_plan_within(g, &(gpu_plan){.storage_align = 256, .max_chunk_bytes = 1 << 30, .max_binding_bytes = 1 << 30});
  assert_int_equal(g->n_nodes, 30);
  assert_int_equal(g->planned_bytes, 512);
  assert_int_equal(g->unplanned_bytes, 30 * 256);
  graph_bind_memory(g, &(graph_memory){.n = 1, .slices = {{.offset = 4096, .bytes = 512}}});
  for (int i = 0; i < 30; i++) assert_int_equal(g->tensors[i]->memory.offset, 4096 + i % 2 * 256);
  arena_free(a);
}

// Results in place: a chain of any length needs the memory of one, but what is read later, kept, read twice or of another
// size is not written over.
static void a_chain_in_place(void **state) {
  (void)state;
  arena *a = arena_new("chain");
  graph *g = graph_new(a, "chain", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  tensor *outside = tensor_persistent(a, "x", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){64}), *x = outside, *all[8];
  for (int i = 0; i < 8; i++) {
    all[i] = graph_tensor(g, "y", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){i < 7 ? 64 : 128});
    tensor *in[] = {x, NULL, x == all[3] ? x : NULL, i == 3 ? all[1] : NULL};
    graph_node(g, &in_place_op, NULL, 0, 4, in, 1, &all[i]);
    x = all[i];
  }
  all[5]->keep = all[7]->keep = true;
  graph_plan_within(g, &(gpu_plan){.storage_align = 256, .max_chunk_bytes = 1 << 30, .max_binding_bytes = 1 << 30});
  const uint64_t n = g->unplanned_bytes;
  assert_int_equal(n, 9 * 256);
  const bool expected[8] = {false, true, false, true, false, true, false, false}; // of all[i]: in the place of all[i − 1]
  for (int i = 1; i < 8; i++) assert_int_equal(all[i]->memory.offset == all[i - 1]->memory.offset, expected[i]);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_live_tensors_overlap),
      cmocka_unit_test(chunks_hold_whole_tensors),
      cmocka_unit_test(a_chain_takes_two),
      cmocka_unit_test(a_chain_in_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
