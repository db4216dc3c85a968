// cache_write: cache[rows[n]] = x[n] for the live rows. cache [C, D] persistent, rows i32 [N] distinct, x [N, D].
// No gradient: caches serve generation.
#include "cache_write.h"
#include "ops/op.h"

// in: cache (updated), rows, x
static void cache_write_record(recorder *r, const node *n) {
  const tensor *x = n->in[2];
  const struct cache_write_params p = {.rows = tensor_rows(x), .row_size = tensor_row_size(x), .live = x->live};
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(x), BIND(record_counts(r))};
  record_elements(r, "cache_write_rows", binds, 4, &p, sizeof p, x);
}

const op_desc cache_write_op = {.name = "cache_write", .updates = 1 << 0, .record = cache_write_record};

void op_cache_write(graph *g, tensor *cache, tensor *rows, tensor *x) {
  REQUIRE(tensor_row_size(cache) == tensor_row_size(x), "%s is written to %s, whose rows have another size", x->name,
          cache->name);
  REQUIRE(rows->type == DTYPE_I32 && tensor_rows(rows) == tensor_rows(x), "rows of %s", x->name);
  graph_node(g, &cache_write_op, NULL, 0, 3, (tensor *[]){cache, rows, x}, 0, NULL);
}
