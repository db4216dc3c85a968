// From nodes to dispatches, with exactly the barriers that their reads and writes need.
//
// What each dispatch reads and writes is declared by its shader (reflection). A list holds every access since the last
// barrier; a barrier is recorded only when the next access conflicts with one of them (read after write, write after
// read, write after write on overlapping bytes).
#include <string.h>

#include "graph/indirect.h"
#include "graph/window.h"

enum { WINDOW_ALIGN = 256 }; // the largest storage-buffer offset alignment that Vulkan allows a device to ask for

typedef struct memory_access {
  const struct gpu_buffer *buffer;
  uint64_t begin, end;
  bool write;
} memory_access;

struct recorder {
  const graph *g;
  const node *node;
  const tensor *counts; // the graph's, or those of the window at hand
  uint32_t first;       // row of the window at hand
  gpu_device *device;
  gpu_recording *recording; // NULL: only asks for kernels
  graph_asked *survey;      // notes what choices there are, and does nothing else
  indirect_table *indirect; // collected while kernels are asked for; NULL: every dispatch has all workgroups
  arena *memory;
  memory_access *accesses;
  uint64_t n_accesses, capacity;
  err *e;
  bool failed;
};

const gpu_plan *record_plan(const recorder *r) {
  return device_plan(r->device);
}

const tensor *record_counts(const recorder *r) {
  return r->counts;
}

const indirect_table *record_indirect(const recorder *r) {
  return r->indirect;
}

static bool conflicts(const recorder *r, gpu_slice s, bool write) {
  for (uint64_t i = 0; i < r->n_accesses; i++) {
    const memory_access *a = &r->accesses[i];
    if (a->buffer == s.buffer && (a->write || write) && a->begin < s.offset + s.bytes && s.offset < a->end) return true;
  }
  return false;
}

static void remember(recorder *r, gpu_slice s, bool write) {
  arena_grow(r->memory, (void **)&r->accesses, &r->capacity, r->n_accesses + 1, sizeof *r->accesses);
  r->accesses[r->n_accesses++] = (memory_access){s.buffer, s.offset, s.offset + s.bytes, write};
}

static void barrier(recorder *r) {
  recording_barrier(r->recording);
  r->n_accesses = 0;
}

// Where a row begins. Rows bound apart begin with a block, of which some types have many rows.
static uint64_t row_begin(const tensor *t, uint32_t row) {
  const uint64_t elements = (uint64_t)row * tensor_row_size(t);
  REQUIRE(elements % dtype_get(t->type)->block_elements == 0, "row %u of %s lies within a block", row, t->name);
  return dtype_bytes(t->type, elements);
}

// Rows of one of a tensor's pieces.
static gpu_slice piece_slice(const recorder *r, const bind *b) {
  const tensor *t = b->t;
  const uint32_t piece = b->row / t->piece_rows;
  REQUIRE(b->n_rows && b->row + b->n_rows <= tensor_rows(t) && (b->row + b->n_rows - 1) / t->piece_rows == piece,
          "rows %u…%u of %s, which has pieces of %u, in node %s", b->row, b->row + b->n_rows, t->name, t->piece_rows,
          r->node->op->name);
  const uint64_t row = tensor_row_size(t), begin = row_begin(t, b->row - piece * t->piece_rows);
  return gpu_sub(t->pieces[piece], begin, (dtype_bytes(t->type, b->n_rows * row) + 3) / 4 * 4);
}

static gpu_slice bound_slice(const recorder *r, const bind *b) {
  const tensor *t = b->t;
  if (t->pieces) return piece_slice(r, b);
  REQUIRE(t->memory.buffer, "%s of node %s in graph %s has no memory", t->name, r->node->op->name, r->g->name);
  if (!b->n_rows) return t->memory;
  REQUIRE(b->row + b->n_rows <= tensor_rows(t), "rows %u…%u of %s", b->row, b->row + b->n_rows, t->name);
  uint64_t begin = row_begin(t, b->row);
  uint64_t end = (dtype_bytes(t->type, (uint64_t)(b->row + b->n_rows) * tensor_row_size(t)) + 3) / 4 * 4;
  return gpu_sub(t->memory, begin, end - begin);
}

// Whether the node may have this tensor written: its results, and inputs that it updates.
static bool may_write(const node *n, const tensor *t) {
  for (uint32_t i = 0; i < n->n_out; i++)
    if (n->out[i] == t) return true;
  for (uint32_t i = 0; i < n->n_in; i++)
    if (n->in[i] == t && (n->op->updates >> i & 1)) return true;
  return false;
}

const char *record_ask(recorder *r, const char *problem, const void *what, uint64_t what_bytes) {
  graph_asked *s = r->survey;
  if (!s) return choices_find(r->device, problem);
  uint64_t i = 0;
  while (i < s->n && strcmp(s->items[i].problem, problem)) i++;
  if (i == s->n) {
    void *items = s->items;
    arena_grow(s->memory, &items, &s->capacity, s->n + 1, sizeof *s->items);
    s->items = items;
    void *copy = arena_alloc(s->memory, what_bytes);
    memcpy(copy, what, what_bytes);
    s->items[s->n++] = (asked_item){arena_strdup(s->memory, problem), copy, 0};
  }
  s->items[i].times++;
  return NULL;
}

// Where the dispatch stands in the table of indirect ones; GRAPH_NONE: it has all workgroups.
static uint32_t place_in_table(const recorder *r, const row_groups *g) {
  const bool one = g->groups[g->along] <= 1, large = (uint64_t)g->rows * g->per_row > UINT32_MAX; // the table counts in 32 bits
  if (!r->indirect || g->live == LIVE_ALL || one || large) return GRAPH_NONE;
  struct live_groups item = {
      .along = g->along, .live = g->live, .first = r->first, .rows = g->rows, .per_row = g->per_row, .per_group = g->per_group};
  memcpy(item.groups, g->groups, sizeof item.groups);
  return indirect_place(r->indirect, &item, !r->recording);
}

void record_dispatch_rows(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds,
                          uint32_t n_binds, const void *push, uint32_t push_bytes, const row_groups *groups) {
  if (r->failed || r->survey) return;
  const uint32_t place = place_in_table(r, groups);
  if (!r->recording) {
    r->failed = !kernel_request(r->device, shader, spec, n_spec, r->e);
    return;
  }
  gpu_kernel *kernel = kernel_get(r->device, shader, spec, n_spec, r->e);
  if (!kernel) {
    r->failed = true;
    return;
  }
  const kernel_info *info = kernel_get_info(kernel);
  REQUIRE(info->n_bindings <= n_binds, "%s has %u bindings, node %s gives %u", shader, info->n_bindings, r->node->op->name,
          n_binds);
  gpu_slice slices[GPU_MAX_BINDINGS] = {{0}};
  bool needs_barrier = false;
  for (uint32_t i = 0; i < n_binds; i++) {
    bind b = binds[i].t ? binds[i] : BIND(r->g->counts); // an absent input: bound to something, never read
    slices[i] = bound_slice(r, &b);
    if (!binds[i].t) continue;
    bool write = info->bindings[i].writes;
    REQUIRE(!write || may_write(r->node, b.t), "%s writes %s, which node %s does not declare", shader, b.t->name,
            r->node->op->name);
    needs_barrier |= conflicts(r, slices[i], write);
  }
  if (needs_barrier) barrier(r);
  for (uint32_t i = 0; i < n_binds; i++)
    if (binds[i].t && (info->bindings[i].reads || info->bindings[i].writes)) remember(r, slices[i], info->bindings[i].writes);
  r->failed = place == GRAPH_NONE
                  ? !recording_dispatch(r->recording, kernel, slices, info->n_bindings, push, push_bytes, groups->groups, r->e)
                  : !recording_dispatch_indirect(r->recording, kernel, slices, info->n_bindings, push, push_bytes,
                                                 indirect_slice(r->g, place), r->e);
}

void record_dispatch(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds, uint32_t n_binds,
                     const void *push, uint32_t push_bytes, uint32_t groups_x, uint32_t groups_y, uint32_t groups_z) {
  const row_groups groups = {.groups = {groups_x, groups_y, groups_z}, .live = LIVE_ALL};
  record_dispatch_rows(r, shader, spec, n_spec, binds, n_binds, push, push_bytes, &groups);
}

void record_indirect_barrier(recorder *r) {
  if (!r->recording) return;
  recording_barrier_indirect(r->recording);
  r->n_accesses = 0;
}

// Before a transfer that writes the slice, a part of t.
static void before_transfer(recorder *r, const tensor *t, gpu_slice to) {
  REQUIRE(may_write(r->node, t), "node %s does not declare that it writes %s", r->node->op->name, t->name);
  if (conflicts(r, to, true)) barrier(r);
  remember(r, to, true);
}

void record_fill(recorder *r, const tensor *t, uint32_t word) {
  if (!r->recording) return;
  before_transfer(r, t, t->memory);
  recording_fill(r->recording, t->memory, word);
}

void record_write(recorder *r, const tensor *t, const void *data, uint64_t bytes) {
  if (!r->recording) return;
  const gpu_slice to = gpu_sub(t->memory, 0, bytes);
  before_transfer(r, t, to);
  recording_write(r->recording, to, data);
}

uint32_t record_window_rows(const recorder *r, const tensor *t) {
  const uint64_t limit = record_plan(r)->max_binding_bytes, row = tensor_row_size(t);
  if (tensor_bytes(t) <= limit && !t->pieces) return tensor_rows(t);
  // Rows from one aligned offset to the next; at most 128, since a row has a whole number of elements, but where a block has many.
  uint64_t step = 1;
  while (step * row % dtype_get(t->type)->block_elements || dtype_bytes(t->type, step * row) % WINDOW_ALIGN) step *= 2;
  uint64_t rows = limit / dtype_bytes(t->type, step * row) * step;
  if (t->pieces) // powers of two both, so that no window spans two pieces
    while (rows & (rows - 1)) rows &= rows - 1;
  if (t->pieces && rows > t->piece_rows) rows = t->piece_rows;
  REQUIRE(rows, "%llu rows of %s (of %llu elements) do not fit into a binding of %llu bytes", (unsigned long long)step, t->name,
          (unsigned long long)row, (unsigned long long)limit);
  return (uint32_t)rows;
}

// What tells a node from others of its operation: the weight that it reads or adds to, else its result.
static const char *telling_name(const node *n) {
  for (uint32_t i = 0; i < n->n_in; i++)
    if (n->in[i] && n->in[i]->persistent && n->in[i]->live == LIVE_ALL) return n->in[i]->name;
  return n->n_out ? n->out[0]->name : n->in[0]->name;
}

// By windows of rows where a tensor of the node exceeds one binding.
static void record_windows(recorder *r, const node *n, uint32_t window) {
  for (uint32_t first = 0; first < window_all_rows(n) && !r->failed; first += window) {
    tensor *counts;
    r->node = window_node(r->memory, r->g, n, first, window, &counts);
    r->counts = counts;
    r->first = first;
    n->op->record(r, r->node);
    if (r->recording) recording_cut(r->recording);
  }
}

static void record_node(recorder *r, const node *n) {
  const uint32_t window = r->g->n_windows ? window_rows(record_plan(r), n) : 0;
  r->node = n;
  r->counts = r->g->counts;
  r->first = 0;
  if (r->recording) recording_set_label(r->recording, &(recording_label){n->op->name, telling_name(n), n->id, n->segment});
  if (window) record_windows(r, n, window);
  else n->op->record(r, n);
  if (r->failed) err_prefix(r->e, "graph %s, node %u (%s)", r->g->name, n->id, n->op->name);
}

static bool walk(recorder *r) {
  r->memory = r->survey ? r->survey->memory : arena_new("recording"); // a survey's answers name views of windows
  for (uint64_t i = 0; i < r->g->n_nodes && !r->failed; i++) {
    record_node(r, r->g->nodes[i]);
    if (r->recording) recording_cut(r->recording);
  }
  if (!r->survey) arena_free(r->memory);
  return !r->failed;
}

void graph_survey(const graph *g, gpu_device *d, graph_asked *s) {
  walk(&(recorder){.g = g, .device = d, .survey = s});
}

bool graph_request(const graph *g, gpu_device *d, err *e) {
  return walk(&(recorder){.g = g, .device = d, .e = e});
}

bool graph_record(const graph *g, gpu_device *d, gpu_recording *recording, err *e) {
  indirect_table table = {.n = 0}, *indirect = g->group_counts ? &table : NULL;
  TRY(walk(&(recorder){.g = g, .device = d, .indirect = indirect, .e = e}));
  TRY(walk(&(recorder){.g = g, .device = d, .recording = recording, .indirect = indirect, .e = e}));
  recording_set_label(recording, &(recording_label){.node = GRAPH_NONE, .segment = GRAPH_NONE}); // what follows is no node's
  return true;
}

bool graph_record_node(const graph *g, const node *n, gpu_device *d, gpu_recording *recording, err *e) {
  recorder r = {.g = g, .device = d, .recording = recording, .memory = arena_new("recording"), .e = e};
  record_node(&r, n);
  arena_free(r.memory);
  return !r.failed;
}
