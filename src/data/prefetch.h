// Batches made ready ahead of the device: a thread of its own takes the loader's next batches, reads their tokens (from disk,
// where the data set lies there) and packs them into rows, while a step runs.
#ifndef DATA_PREFETCH_H
#define DATA_PREFETCH_H

#include "data/loader.h"
#include "data/pack.h"

typedef struct ready_batch {
  arena *memory;            // of all that it points to
  const example **examples; // [n], copies with tokens of their own
  uint32_t n;
  uint64_t epoch;
  pack_row *rows;
  uint32_t n_rows;
  loader_state next; // where the loader stands behind it: what a checkpoint after its step keeps
} ready_batch;

typedef struct prefetch prefetch;

// Makes `n_batches` batches from where the loader stands. Until prefetch_free the loader is the thread's alone.
bool prefetch_new(loader *l, const pack_limits *limits, bool packing, uint64_t n_batches, prefetch **p, err *e);

// The next batch, which lives until the next call. At most n_batches times.
const ready_batch *prefetch_next(prefetch *p);

void prefetch_free(prefetch *p); // NULL is fine; batches that nobody took are thrown away

#endif
