// A training or inference step as a static graph: build → backward → plan → record, then submit again and again.
//
// Fences, so that this stays small: static shapes; contiguous tensors of at most four dimensions; no control flow; no
// automatic fusion (a fused operation is an operation that the model calls); gradients are tensors of the same graph.
//
//   build     a model's forward calls operation builders (ops/ops.h), which append nodes
//   backward  grad.c walks the nodes in reverse and lets each operation append its gradient nodes
//   plan      plan.c gives every tensor of the graph an offset in one arena, by live range
//   record    record.c turns nodes into dispatches with exactly the barriers that their reads and writes need
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/dtype.h"
#include "base/err.h"
#include "gpu/gpu.h"

enum {
  TENSOR_MAX_DIMS = 4,
  NODE_MAX_INPUTS = 10,
  NODE_MAX_OUTPUTS = 4,
  GRAPH_MAX_CHUNKS = 1024,
  TENSOR_LEAST_PIECE = 128,
  GRAPH_NONE = UINT32_MAX
};

// How many leading rows (dimension 0) of a tensor hold data in this submission. A recording has a fixed capacity; the
// live count is data in `graph.counts`: workgroups beyond it are not started or leave at once (indirect.h), and sums stop
// there.
typedef enum tensor_live {
  LIVE_TOKENS = 0,    // counts[0]: tokens of the packed row
  LIVE_TARGETS = 1,   // counts[1]: target rows
  LIVE_IDS = 2,       // counts[2]: distinct token ids
  LIVE_POSITIONS = 3, // counts[3]: distinct positions, where they have a table
  LIVE_ALL = 255,     // every row
} tensor_live;

typedef struct node node;
typedef struct graph graph;

typedef struct tensor {
  const char *name;
  uint32_t id; // its place in graph.tensors, or GRAPH_NONE for a persistent one
  dtype type;
  uint32_t n_dims, shape[TENSOR_MAX_DIMS]; // shape[0] is the slowest; the last dimension is contiguous
  tensor_live live;
  node *producer;          // NULL for persistent tensors
  bool persistent;         // weights, inputs, state: its memory is bound from outside and outlives the graph
  bool keep;               // a result that the host reads after a run: its memory is not given to another tensor
  bool needs_grad;         // something trained lies before it
  struct tensor *grad_sum; // a trained parameter: the persistent f32 tensor that its gradients are added to
  struct tensor *gradient; // set by graph_backward (for tensors of the graph): what has been summed so far
  struct tensor *saved;    // set by graph_backward: its recomputed copy, which backward reads in its place
  gpu_slice memory;
  uint32_t chunk;    // of the graph's plan
  gpu_slice *pieces; // in the place of memory where one allocation cannot hold it: each has piece_rows rows, the last the rest
  uint32_t piece_rows;
} tensor;

// One entry of ops.def: what an operation (or one of its gradients) is.
struct recorder;
struct backward;
typedef struct op_desc {
  const char *name;
  uint32_t updates; // bit i: input i is written too (accumulated into, or a cache)
  // Bit i: input (result) i goes row by row. Where all such tensors of a node are large, the node is recorded in windows of
  // their rows: each row of a result must depend on the same row of these inputs alone, and what is updated must be added to.
  uint32_t rows_in, rows_out;
  // Bit i: result i may lie where input i lies, if nothing reads that later. What an invocation writes to a place must depend
  // on what it has read there, and no other invocation reads there: then no compiler can write first, which may take buffers
  // that are not declared as aliases for different memory.
  uint32_t in_place;
  // Appends the gradient nodes of `n`: reads grad_out(), calls grad_in() or adds to grad_sum. NULL: not differentiable.
  void (*grad)(struct backward *b, const node *n);
  // Records the dispatches of `n`.
  void (*record)(struct recorder *r, const node *n);
  // Where a node of it begins a segment that backward computes again: its result `kept` is kept in the place of its inputs,
  // and this appends nodes that give its other results, out[], from that. NULL: its inputs are kept.
  void (*resume)(graph *g, const node *n, tensor *kept, tensor *const *out);
  uint32_t kept;
} op_desc;

struct node {
  const op_desc *op;
  uint32_t id, n_in, n_out;
  tensor *in[NODE_MAX_INPUTS]; // an optional input that is absent is NULL
  tensor *out[NODE_MAX_OUTPUTS];
  const void *params; // the operation's own struct, in the graph's arena
  uint32_t segment;   // checkpointing segment, or GRAPH_NONE
};

struct graph {
  arena *memory;
  const char *name;
  node **nodes;
  tensor **tensors; // those whose memory the plan gives
  uint64_t n_nodes, nodes_capacity, n_tensors, tensors_capacity;
  tensor *counts; // persistent i32 [4], indexed by tensor_live
  uint32_t segment, n_segments;
  uint64_t planned_bytes, unplanned_bytes; // after graph_plan_within: what it needs; the sum of all tensors
  uint64_t chunk_used[GRAPH_MAX_CHUNKS];   // after graph_plan_within: planned_bytes by chunk
  uint32_t n_chunks;
  struct graph_window *windows; // after graph_plan_within: the windows of rows that nodes are recorded in (window.c)
  uint32_t n_windows;
  tensor *window_counts;            // i32 [n_windows, 64]: counts of each
  tensor *group_counts;             // after graph_plan_within: the workgroups of indirect dispatches (indirect.c), or NULL
  struct outside_gradient *outside; // gradients of persistent tensors that are no parameters
};

graph *graph_new(arena *a, const char *name, tensor *counts);

// A tensor whose memory comes from outside (set .memory before recording). It may be used in several graphs.
tensor *tensor_persistent(arena *a, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape);
// A result of a node; memory comes from the plan.
tensor *graph_tensor(graph *g, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape);
// A result shaped, typed and live like `like`.
tensor *graph_tensor_like(graph *g, const char *name, const tensor *like);
// Appends a node. `params` is copied. A result needs a gradient when any input does and the operation has a rule.
node *graph_node(graph *g, const op_desc *op, const void *params, uint64_t params_bytes, uint32_t n_in, tensor *const *in,
                 uint32_t n_out, tensor *const *out);
// The same before all others: what the recording makes at its start.
node *graph_node_first(graph *g, const op_desc *op, const void *params, uint64_t params_bytes, uint32_t n_in, tensor *const *in,
                       uint32_t n_out, tensor *const *out);

uint64_t tensor_elements(const tensor *t);
uint64_t tensor_bytes(const tensor *t);
uint32_t tensor_rows(const tensor *t);     // shape[0]
uint32_t tensor_row_size(const tensor *t); // elements of one row: the product of the other dimensions

// Gives a persistent tensor memory of `heap`: in one piece, or where one allocation cannot hold it in pieces of rows, each a
// power of two of them, so that windows of rows (record_window_rows) lie within one.
bool tensor_allocate(tensor *t, gpu_heap *heap, err *e);
bool tensor_upload(const tensor *t, gpu_device *d, const void *data, err *e); // tensor_bytes of it, of a persistent tensor
bool tensor_download(const tensor *t, gpu_device *d, void *data, err *e);
// Rows of such a piece, where pieces may have so many bytes; 0: there are none of so few.
uint32_t tensor_piece_rows(const tensor *t, uint64_t most_bytes);
// For memory that is cut elsewhere: the piece that begins at `row`, or where piece_rows is 0 the memory of all.
void tensor_put_piece(tensor *t, gpu_heap *heap, uint32_t row, gpu_slice memory);

// Nodes between begin and end form a segment that backward may recompute instead of keeping (gradient checkpointing).
void graph_segment_begin(graph *g);
void graph_segment_end(graph *g);

// --- backward (grad.c) -----------------------------------------------------------------------------------------------

// What backward computes again instead of keeping it. The first `segments` segments are computed again from their inputs
// just before their backward nodes, so that their own tensors need not live until then. With `group` above 1 their inputs
// are not kept either, but for the first of each `group` segments, from which the group is computed once more before.
typedef struct graph_recompute {
  uint32_t segments; // 0: nothing; GRAPH_NONE: all
  uint32_t group;
} graph_recompute;

// Appends gradients of `loss` with respect to everything that needs one. `upstream` is the gradient of `loss`, same
// shape.
void graph_backward(graph *g, tensor *loss, tensor *upstream, graph_recompute recompute);
// After graph_backward: the gradient of a tensor that is no trained parameter, or NULL.
tensor *graph_gradient(const graph *g, const tensor *t);

// For gradient rules. The gradient of result i of `n`, NULL where nothing depends on it.
tensor *grad_out(struct backward *b, const node *n, uint32_t i);
// Whether input i of `n` wants a gradient at all.
bool grad_wanted(struct backward *b, const node *n, uint32_t i);
// Hands over the gradient of input i of `n` (not for trained parameters: nodes add to their grad_sum in place).
// Several are summed with op add, in the order in which they come.
void grad_in(struct backward *b, const node *n, uint32_t i, tensor *gradient);
// What has been handed over for input i of `n` so far, taken out, or NULL: a rule whose kernel adds it itself hands over the
// whole sum instead.
tensor *grad_take_in(struct backward *b, const node *n, uint32_t i);
// The tensors of `n` as backward must read them: the recomputed ones where its segment is recomputed.
tensor *grad_saved_in(struct backward *b, const node *n, uint32_t i);
tensor *grad_saved_out(struct backward *b, const node *n, uint32_t i);
graph *grad_graph(struct backward *b);

// The one operation that backward itself needs (ops/add.c): a + b, elementwise; same shapes.
tensor *op_add(graph *g, tensor *a, tensor *b);

// --- plan (plan.c) ---------------------------------------------------------------------------------------------------

// Gives every tensor an offset so that tensors that live at the same time never overlap; sets planned_bytes. Offsets are
// aligned as the device wants them, in as many chunks as its largest allocation makes it; no tensor spans two. Nodes whose
// results nothing reads are removed first: a recomputed segment needs less than its forward did.
void graph_plan_within(graph *g, const gpu_plan *limits);
uint64_t graph_chunk_bytes(const gpu_plan *limits);

// Memory that several graphs share, since they never run at the same time: as large, chunk by chunk, as the largest need.
typedef struct graph_memory {
  uint32_t n;
  uint64_t bytes[GRAPH_MAX_CHUNKS];
  gpu_slice slices[GRAPH_MAX_CHUNKS];
} graph_memory;
void graph_memory_add(graph_memory *m, const graph *g);              // of a zeroed one; once planned
bool graph_memory_allocate(graph_memory *m, gpu_heap *heap, err *e); // it holds anything
void graph_bind_memory(graph *g, const graph_memory *m);

// --- record (record.c) -----------------------------------------------------------------------------------------------

// Asks for all kernels that recording the graph will want, so that they are compiled together and meanwhile (kernel_request).
// No tensor need have memory yet.
bool graph_request(const graph *g, gpu_device *d, err *e);
// Records all nodes. Every tensor must have memory. Asks for all kernels first.
bool graph_record(const graph *g, gpu_device *d, gpu_recording *r, err *e);
// One node of it, for measuring.
bool graph_record_node(const graph *g, const node *n, gpu_device *d, gpu_recording *r, err *e);

typedef struct recorder recorder;

// What the graphs could choose kernels for (record_ask), each problem once. `what` is the operation's own struct.
typedef struct asked_item {
  const char *problem;
  const void *what;
  uint64_t times; // how often it occurs
} asked_item;
typedef struct graph_asked {
  arena *memory;
  asked_item *items;
  uint64_t n, capacity;
} graph_asked;
// Adds what recording the graph would ask. The tensors that `what` names are the graph's, or views in the arena.
void graph_survey(const graph *g, gpu_device *d, graph_asked *s);

// The variant that was chosen for a problem (gpu/gpu.h), NULL where none was; a survey notes the question.
const char *record_ask(recorder *r, const char *problem, const void *what, uint64_t what_bytes);

// A tensor, or rows [row, row + n_rows) of it, bound to a kernel. n_rows 0: all of it. Rows bound apart from the start
// must be at a multiple of record_window_rows.
typedef struct bind {
  const tensor *t;
  uint32_t row, n_rows;
} bind;
#define BIND(tensor_) ((bind){.t = (tensor_)})
#define BIND_ROWS(tensor_, row_, n_rows_) ((bind){.t = (tensor_), .row = (row_), .n_rows = (n_rows_)})

// One dispatch. Reads and writes are what the shader declares; the barriers follow from them. A bind whose tensor is
// NULL (an absent optional input) is bound to some small buffer: the shader must not read it.
void record_dispatch(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds, uint32_t n_binds,
                     const void *push, uint32_t push_bytes, uint32_t groups_x, uint32_t groups_y, uint32_t groups_z);
// One dispatch whose workgroups beyond the live rows have nothing to do: they may never be started (indirect.h).
// groups[along] are what rows · per_row / per_group rounds up to; `rows` are those of the node's tensors.
typedef struct row_groups {
  uint32_t groups[3], along;
  tensor_live live;
  uint32_t rows, per_row, per_group;
} row_groups;
void record_dispatch_rows(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds,
                          uint32_t n_binds, const void *push, uint32_t push_bytes, const row_groups *groups);
// Fills a tensor with a 32-bit word.
void record_fill(recorder *r, const tensor *t, uint32_t word);
// The most rows of `t` that one binding may hold: all of them, or a number whose multiples lie at aligned offsets.
uint32_t record_window_rows(const recorder *r, const tensor *t);
const gpu_plan *record_plan(const recorder *r);
const tensor *record_counts(const recorder *r);

static inline uint32_t div_up(uint32_t a, uint32_t b) {
  return a / b + (a % b != 0);
}

// --- dump (dump.c) ---------------------------------------------------------------------------------------------------

// The nodes, their tensors and where the plan put them, as text, for people.
void graph_dump(const graph *g, FILE *to);

#endif
