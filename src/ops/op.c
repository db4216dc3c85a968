#include "ops/op.h"

#include "partial_sum.h"

void record_grid(uint64_t n, uint32_t groups[2]) {
  const uint64_t most = 65535;
  REQUIRE(n <= most * most, "%llu workgroups", (unsigned long long)n);
  groups[1] = (uint32_t)((n + most - 1) / most);
  groups[0] = groups[1] > 1 ? (uint32_t)((n + groups[1] - 1) / groups[1]) : (uint32_t)n;
}

void record_rows(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds, uint32_t n_binds,
                 const void *push, uint32_t push_bytes, const tensor *of, uint32_t per_row, uint32_t per_group) {
  const uint32_t rows = tensor_rows(of);
  uint32_t groups[2];
  record_grid(((uint64_t)rows * per_row + per_group - 1) / per_group, groups);
  // A grid of two dimensions keeps its height: a workgroup of x then stands for one in each line.
  const row_groups g = {.groups = {groups[0], groups[1], 1},
                        .live = of->live,
                        .rows = rows,
                        .per_row = per_row,
                        .per_group = per_group * groups[1]};
  record_dispatch_rows(r, shader, spec, n_spec, binds, n_binds, push, push_bytes, &g);
}

void record_features(recorder *r, const char *shader, const uint32_t spec[], uint32_t n_spec, const bind *binds, uint32_t n_binds,
                     const void *push, uint32_t push_bytes, const tensor *of, uint32_t per_row) {
  record_rows(r, shader, spec, n_spec, binds, n_binds, push, push_bytes, of, per_row, spec[0]);
}

void record_elements(recorder *r, const char *shader, const bind *binds, uint32_t n_binds, const void *push, uint32_t push_bytes,
                     const tensor *of) {
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  record_features(r, shader, spec, 1, binds, n_binds, push, push_bytes, of, tensor_row_size(of));
}

uint32_t record_sum_local(const recorder *r, uint32_t on_gpus) {
  return record_plan(r)->is_cpu ? 8 : on_gpus;
}

tensor *partial_sum_tensor(graph *g, const char *name, uint64_t n_rows, const tensor *sum) {
  const uint64_t chunks = (n_rows + PARTIAL_SUM_ROWS - 1) / PARTIAL_SUM_ROWS;
  REQUIRE(chunks && chunks <= 65535, "%s: %llu chunks", name, (unsigned long long)chunks);
  return graph_tensor(g, name, DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){(uint32_t)chunks, (uint32_t)tensor_elements(sum)});
}

void record_partial_sum(recorder *r, const tensor *partial, const tensor *sum) {
  const struct partial_sum_params p = {.chunks = tensor_rows(partial), .dim = tensor_row_size(partial)};
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  const bind binds[] = {BIND(partial), BIND(sum)};
  record_dispatch(r, "partial_sum_add", spec, 1, binds, 2, &p, sizeof p, div_up(p.dim, ELEMENTS_LOCAL), 1, 1);
}
