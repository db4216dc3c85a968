// Epochs as seeded permutations.
#include "data/loader.h"

#include <math.h>

#include "base/rng.h"
#include "data/mixture.h"

enum { MAX_EPOCHS = 1 << 30 }; // each has a part of the random stream of its own

// An epoch has Σ min(examples of the task, task_cap) of them.
static void count_tasks(arena *a, loader *l) {
  l->tasks = ARENA_ARRAY(a, uint32_t, l->set->n);
  const uint32_t n_tasks = mixture_number_tasks(l->set, l->tasks);
  l->taken = ARENA_ARRAY(a, uint32_t, n_tasks);
  l->epoch_n = 0;
  for (uint64_t i = 0; i < l->set->n; i++) l->epoch_n += l->taken[l->tasks[i]]++ < l->options.task_cap;
}

// Leaves the first task_cap of each task in the order.
static void cap_tasks(loader *l) {
  uint32_t n = 0;
  for (uint64_t i = 0; i < l->set->n; i++) l->taken[l->tasks[i]] = 0;
  for (uint64_t i = 0; i < l->set->n; i++)
    if (l->taken[l->tasks[l->order[i]]]++ < l->options.task_cap) l->order[n++] = l->order[i];
}

loader *loader_new(arena *a, const dataset *set, const loader_options *options) {
  REQUIRE(set->n && set->n <= UINT32_MAX && options->batch_size, "%llu examples in batches of %u", (unsigned long long)set->n,
          options->batch_size);
  loader *l = ARENA_NEW(a, loader);
  *l = (loader){.set = set, .options = *options, .epoch_n = set->n, .order_epoch = UINT64_MAX};
  if (options->task_cap) count_tasks(a, l);
  if (l->options.batch_size > l->epoch_n) l->options.batch_size = (uint32_t)l->epoch_n;
  l->order = ARENA_ARRAY(a, uint32_t, set->n);
  l->batch = ARENA_ARRAY(a, const example *, l->options.batch_size);
  return l;
}

// Fisher–Yates (Knuth, volume 2, algorithm P). The stream's numbers 2^34·epoch and up are this epoch's: an order depends
// on seed and epoch alone, never on the epochs before.
static void shuffle(loader *l, uint64_t epoch) {
  uint32_t n = (uint32_t)l->set->n;
  rng r = rng_new(l->options.seed, RNG_SHUFFLE);
  r.drawn = epoch << 34;
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = rng_below(&r, i), kept = l->order[i - 1];
    l->order[i - 1] = l->order[j];
    l->order[j] = kept;
  }
}

static void make_order(loader *l, uint64_t epoch) {
  for (uint32_t i = 0; i < l->set->n; i++) l->order[i] = i;
  l->order_epoch = epoch;
  if (!l->options.no_shuffle) shuffle(l, epoch);
  if (l->options.task_cap) cap_tasks(l);
}

const example *const *loader_next(loader *l, uint32_t *n, uint64_t *epoch) {
  if (l->order_epoch != l->state.epoch) make_order(l, l->state.epoch);
  uint64_t left = l->epoch_n - l->state.next;
  *n = left < l->options.batch_size ? (uint32_t)left : l->options.batch_size;
  *epoch = l->state.epoch;
  for (uint32_t i = 0; i < *n; i++) l->batch[i] = &l->set->items[l->order[l->state.next + i]];
  l->state.next += *n;
  if (l->state.next == l->epoch_n) l->state = (loader_state){.epoch = l->state.epoch + 1};
  return l->batch;
}

bool loader_seek(loader *l, loader_state state, err *e) {
  if (state.next >= l->epoch_n || state.epoch >= MAX_EPOCHS)
    return ERR(e, "place in the data: expected one of %llu examples in an epoch below %d, found example %llu of epoch %llu",
               (unsigned long long)l->epoch_n, MAX_EPOCHS, (unsigned long long)state.next, (unsigned long long)state.epoch);
  l->state = state;
  return true;
}

uint64_t loader_epoch_steps(const loader *l) {
  return (l->epoch_n + l->options.batch_size - 1) / l->options.batch_size;
}

uint64_t loader_total_steps(const loader *l, double epochs, uint64_t max_steps) {
  return max_steps ? max_steps : (uint64_t)ceil(epochs * (double)loader_epoch_steps(l));
}
