// Backward: walks the nodes in reverse and lets each operation append its gradient nodes.
//
// Gradient checkpointing falls out of one field, tensor.saved: what backward reads in a tensor's place. Where a segment is
// recomputed, its nodes are appended once more just before its backward, and their results become the saved ones; the
// originals then die with the last forward node that reads them. With groups this is done twice: a group's nodes are
// appended again from its first input, which gives the inputs of its segments, and then each segment's once more.
//
// A segment that begins with the sum of two tensors would have two inputs to keep. So an operation may say how it goes on
// from one of its results (op_desc.resume): where that result is there, it is what the segment is computed again from.
#include "graph/graph.h"

typedef struct backward {
  graph *g;
} backward;

// Persistent tensors that want a gradient without being parameters (inputs of operation tests) may be used by several
// graphs, so their gradients are kept by the graph.
typedef struct outside_gradient {
  const tensor *t;
  tensor *gradient;
  struct outside_gradient *next;
} outside_gradient;

static tensor **slot(backward *b, tensor *t) {
  if (!t->persistent) return &t->gradient;
  outside_gradient *o = b->g->outside;
  while (o && o->t != t) o = o->next;
  if (!o) {
    o = ARENA_NEW(b->g->memory, outside_gradient);
    o->t = t;
    o->next = b->g->outside;
    b->g->outside = o;
  }
  return &o->gradient;
}

graph *grad_graph(struct backward *b) {
  return b->g;
}

tensor *grad_out(struct backward *b, const node *n, uint32_t i) {
  return *slot(b, n->out[i]);
}

bool grad_wanted(struct backward *b, const node *n, uint32_t i) {
  (void)b;
  return n->in[i] && n->in[i]->needs_grad;
}

void grad_in(struct backward *b, const node *n, uint32_t i, tensor *gradient) {
  tensor *t = n->in[i];
  REQUIRE(t->needs_grad && !t->grad_sum, "gradient of %s, input %u of %s", t->name, i, n->op->name);
  REQUIRE(tensor_elements(t) == tensor_elements(gradient), "gradient of %s has another shape", t->name);
  tensor **sum = slot(b, t);
  *sum = *sum ? op_add(b->g, *sum, gradient) : gradient;
}

tensor *grad_take_in(struct backward *b, const node *n, uint32_t i) {
  tensor **sum = slot(b, n->in[i]), *taken = *sum;
  *sum = NULL;
  return taken;
}

static tensor *as_saved(tensor *t) {
  return t && t->saved ? t->saved : t;
}

tensor *grad_saved_in(struct backward *b, const node *n, uint32_t i) {
  (void)b;
  return as_saved(n->in[i]);
}

tensor *grad_saved_out(struct backward *b, const node *n, uint32_t i) {
  (void)b;
  return as_saved(n->out[i]);
}

static void append_again(graph *g, const node *n) {
  tensor *in[NODE_MAX_INPUTS], *out[NODE_MAX_OUTPUTS];
  for (uint32_t k = 0; k < n->n_in; k++) in[k] = as_saved(n->in[k]);
  for (uint32_t k = 0; k < n->n_out; k++) {
    out[k] = graph_tensor_like(g, n->out[k]->name, n->out[k]);
    n->out[k]->saved = out[k];
  }
  REQUIRE(!n->op->updates, "%s updates memory and cannot be recomputed", n->op->name);
  node *copy = graph_node(g, n->op, NULL, 0, n->n_in, in, n->n_out, out);
  copy->params = n->params;
}

static void append_resumed(graph *g, const node *n) {
  tensor *out[NODE_MAX_OUTPUTS], *kept = as_saved(n->out[n->op->kept]);
  for (uint32_t k = 0; k < n->n_out; k++) {
    if (k == n->op->kept) continue;
    out[k] = n->out[k]->saved = graph_tensor_like(g, n->out[k]->name, n->out[k]);
  }
  out[n->op->kept] = kept;
  n->op->resume(g, n, kept, out);
}

// Appends the nodes of the segments [first, end) again, reading copies where there are copies. `from_kept`: what the first
// node may resume from is there.
static void recompute_segments(graph *g, uint32_t first, uint32_t end, bool from_kept, uint64_t n_forward) {
  uint32_t before = GRAPH_NONE; // the segment of the node before
  for (uint64_t i = 0; i < n_forward; i++) {
    const node *n = g->nodes[i];
    const bool begins = n->segment == first && before != first;
    before = n->segment;
    if (n->segment == GRAPH_NONE || n->segment < first || n->segment >= end) continue;
    if (begins && n->op->resume && from_kept) append_resumed(g, n);
    else append_again(g, n);
  }
}

// Backward comes to segment s, the last of its group first: what it reads is computed again.
static void recompute_for(graph *g, uint32_t s, graph_recompute how, uint32_t *group, uint64_t n_forward) {
  bool from_kept = true;
  if (how.group > 1 && s / how.group != *group) {
    *group = s / how.group;
    const uint32_t first = *group * how.group;
    if (s > first) recompute_segments(g, first, s, true, n_forward);
    from_kept = s == first; // of the others, the segment before gave the inputs just now
  }
  recompute_segments(g, s, s + 1, from_kept, n_forward);
}

void graph_backward(graph *g, tensor *loss, tensor *upstream, graph_recompute how) {
  REQUIRE(loss->needs_grad, "%s depends on nothing that is trained", loss->name);
  REQUIRE(tensor_elements(loss) == tensor_elements(upstream), "upstream gradient of %s", loss->name);
  backward b = {.g = g};
  *slot(&b, loss) = upstream;
  uint64_t n_forward = g->n_nodes;
  uint32_t recomputed = GRAPH_NONE, group = GRAPH_NONE;
  for (uint64_t i = n_forward; i-- > 0;) {
    const node *n = g->nodes[i];
    bool reached = false;
    for (uint32_t k = 0; k < n->n_out; k++) reached |= n->out[k]->gradient != NULL;
    if (!reached || !n->op->grad) continue;
    if (n->segment != GRAPH_NONE && n->segment < how.segments && n->segment != recomputed) {
      recompute_for(g, n->segment, how, &group, n_forward);
      recomputed = n->segment;
    }
    n->op->grad(&b, n);
  }
}

tensor *graph_gradient(const graph *g, const tensor *t) {
  if (!t->persistent) return t->gradient;
  for (const outside_gradient *o = g->outside; o; o = o->next)
    if (o->t == t) return o->gradient;
  return NULL;
}
