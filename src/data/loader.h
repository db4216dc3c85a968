// The order in which examples come, and their cutting into the batches of optimizer steps. Its whole state is two
// numbers, so that a resumed run goes on exactly where it stopped.
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "base/arena.h"
#include "base/err.h"
#include "data/dataset.h"

typedef struct loader_options {
  uint32_t batch_size; // examples per optimizer step; the last batch of an epoch may be smaller
  bool no_shuffle;     // the data's own order in each epoch
  uint32_t task_cap;   // most examples of one task in an epoch: the first of them in its order, and so others in each epoch
                       // that is shuffled; 0: all
  uint64_t seed;
} loader_options;

// Where a run stands: the next batch begins with the `next`th example of epoch `epoch` (both from 0).
typedef struct loader_state {
  uint64_t epoch, next;
} loader_state;

typedef struct loader {
  const dataset *set;
  loader_options options;
  loader_state state;
  uint64_t epoch_n;      // examples of an epoch
  uint32_t *order;       // [set->n], the first epoch_n count: of the epoch `order_epoch`
  uint32_t *tasks;       // with task_cap: [set->n], the number of each example's task
  uint32_t *taken;       // … [number of tasks]
  uint64_t order_epoch;  // UINT64_MAX: none yet
  const example **batch; // [batch_size]
} loader;

// The set must hold at least one example and stay as it is.
loader *loader_new(arena *a, const dataset *set, const loader_options *options);

// The next batch, which belongs to the loader until the next call; *epoch is the one that it is of.
const example *const *loader_next(loader *l, uint32_t *n, uint64_t *epoch);

// Goes on from a state that was kept. It may come from a file: one that does not fit the data is refused.
bool loader_seek(loader *l, loader_state state, err *e);

uint64_t loader_epoch_steps(const loader *l);
// Steps of a whole run: `max_steps` where it is not 0, else those of `epochs` (a part of one counts as steps begun).
uint64_t loader_total_steps(const loader *l, double epochs, uint64_t max_steps);

#endif
