#include "ops/op.h"

void record_grid(uint64_t n, uint32_t groups[2]) {
  const uint64_t most = 65535;
  REQUIRE(n <= most * most, "%llu workgroups", (unsigned long long)n);
  groups[1] = (uint32_t)((n + most - 1) / most);
  groups[0] = groups[1] > 1 ? (uint32_t)((n + groups[1] - 1) / groups[1]) : (uint32_t)n;
}

void record_features(recorder *r, const char *shader, const uint32_t spec[], uint32_t n_spec, const bind *binds, uint32_t n_binds,
                     const void *push, uint32_t push_bytes, uint64_t n) {
  uint32_t groups[2];
  record_grid((n + spec[0] - 1) / spec[0], groups);
  record_dispatch(r, shader, spec, n_spec, binds, n_binds, push, push_bytes, groups[0], groups[1], 1);
}

void record_elements(recorder *r, const char *shader, const bind *binds, uint32_t n_binds, const void *push, uint32_t push_bytes,
                     uint64_t n, uint32_t per) {
  const uint32_t spec[] = {ELEMENTS_LOCAL};
  record_features(r, shader, spec, 1, binds, n_binds, push, push_bytes, (n + per - 1) / per);
}

uint32_t record_sum_local(const recorder *r, uint32_t on_gpus) {
  return record_plan(r)->is_cpu ? 8 : on_gpus;
}
