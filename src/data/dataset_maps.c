#include "data/dataset_maps.h"

// Of a mapped file that the system has in memory, touching a byte maps the 64 KiB around it.
enum { AROUND_BYTES = 64 << 10, LET_GO_BYTES = 16 << 20 };

static void unmap(void *map) {
  file_unmap(map);
}

void dataset_maps_add(arena *a, dataset *set, file_map *map) {
  dataset_maps *one = ARENA_NEW(a, dataset_maps);
  *one = (dataset_maps){set->maps, map};
  set->maps = one;
  arena_at_end(a, unmap, map);
}

void dataset_passed(const dataset *set, const example *x, uint64_t *passed) {
  *passed += AROUND_BYTES + x->n * (sizeof *x->ids + sizeof *x->target);
  if (*passed < LET_GO_BYTES) return;
  *passed = 0;
  for (const dataset_maps *m = set->maps; m; m = m->next) file_map_let_go(m->map, 0, m->map->size);
}
