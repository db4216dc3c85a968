// embedding: y[n] = scale · table[ids[n]]. table [V, D] any type, ids i32 [N], y [N, D].
// Backward: dtable[id] += scale · Σ dy[n] over n with ids[n] = id. Without float atomics the sum needs the positions of each
// id; the host sorts them (embedding_index) and one workgroup per distinct id adds them in order.
// The table may exceed one binding: it is bound in windows of ids, and each window's dispatch takes its own ids.
#include "embedding.h"
#include "ops/op.h"

typedef struct embedding_options {
  embedding_index index;
  float scale;
} embedding_options;

// in: ids, starts, positions, dy, the table's grad_sum (updated)
static void embedding_bwd_record(recorder *r, const node *n) {
  const tensor *ids = n->in[0], *dy = n->in[3], *dtable = n->in[4];
  struct embedding_params p = {
      .rows = tensor_rows(ids), .dim = tensor_row_size(dy), .live = ids->live, .scale = *(const float *)n->params};
  const uint32_t spec[] = {ELEMENTS_LOCAL}, window = record_window_rows(r, dtable);
  for (uint32_t id = 0; id < tensor_rows(dtable); id += window) {
    p.first_id = id;
    p.n_ids = tensor_rows(dtable) - id < window ? tensor_rows(dtable) - id : window;
    const bind binds[] = {BIND(ids), BIND(n->in[1]),         BIND(n->in[2]),
                          BIND(dy),  BIND(record_counts(r)), BIND_ROWS(dtable, id, p.n_ids)};
    record_rows(r, "embedding_bwd", spec, 1, binds, 6, &p, sizeof p, ids, 1, 1);
  }
}

static const op_desc embedding_bwd_op = {.name = "embedding_bwd", .updates = 1 << 4, .record = embedding_bwd_record};

static void embedding_grad(struct backward *b, const node *n) {
  const embedding_options *o = n->params;
  const embedding_index *x = &o->index;
  tensor *table = n->in[0];
  REQUIRE(x->ids && table->grad_sum, "%s is trained without an index of its ids", table->name);
  tensor *in[] = {x->ids, x->starts, x->positions, grad_out(b, n, 0), table->grad_sum};
  graph_node(grad_graph(b), &embedding_bwd_op, &o->scale, sizeof o->scale, 5, in, 0, NULL);
}

static void embedding_record(recorder *r, const node *n) {
  const tensor *table = n->in[0], *y = n->out[0];
  const float scale = ((const embedding_options *)n->params)->scale;
  struct embedding_params p = {.rows = tensor_rows(y), .dim = tensor_row_size(y), .live = y->live, .scale = scale};
  const uint32_t spec[] = {ELEMENTS_LOCAL, table->type, p.dim}, window = record_window_rows(r, table);
  for (uint32_t id = 0; id < tensor_rows(table); id += window) {
    p.first_id = id;
    p.n_ids = tensor_rows(table) - id < window ? tensor_rows(table) - id : window;
    const bind binds[] = {BIND_ROWS(table, id, p.n_ids), BIND(n->in[1]), BIND(record_counts(r)), BIND(y)};
    record_features(r, "embedding_fwd", spec, 3, binds, 4, &p, sizeof p, y, p.dim);
  }
}

const op_desc embedding_op = {.name = "embedding", .grad = embedding_grad, .record = embedding_record};

tensor *op_embedding(graph *g, tensor *table, tensor *ids, const embedding_index *index) {
  return op_embedding_scaled(g, table, ids, index, 1);
}

tensor *op_embedding_scaled(graph *g, tensor *table, tensor *ids, const embedding_index *index, float scale) {
  REQUIRE(ids->type == DTYPE_I32, "ids of %s", table->name);
  const embedding_options options = {.index = index ? *index : (embedding_index){0}, .scale = scale};
  uint32_t shape[] = {tensor_rows(ids), tensor_row_size(table)};
  tensor *y = graph_tensor(g, "embedding", DTYPE_F32, ids->live, 2, shape);
  graph_node(g, &embedding_op, &options, sizeof options, 2, (tensor *[]){table, ids}, 1, &y);
  return y;
}
