// Epochs as seeded permutations.
#include "data/loader.h"

#include <math.h>

#include "base/rng.h"

enum { MAX_EPOCHS = 1 << 30 }; // each has a part of the random stream of its own

loader *loader_new(arena *a, const dataset *set, const loader_options *options) {
  REQUIRE(set->n && set->n <= UINT32_MAX && options->batch_size, "%llu examples in batches of %u", (unsigned long long)set->n,
          options->batch_size);
  loader *l = ARENA_NEW(a, loader);
  *l = (loader){.set = set, .options = *options, .order_epoch = UINT64_MAX};
  if (l->options.batch_size > set->n) l->options.batch_size = (uint32_t)set->n;
  l->order = ARENA_ARRAY(a, uint32_t, set->n);
  l->batch = ARENA_ARRAY(a, const example *, l->options.batch_size);
  return l;
}

// Fisher–Yates (Knuth, volume 2, algorithm P). The stream's numbers 2^34·epoch and up are this epoch's: an order depends
// on seed and epoch alone, never on the epochs before.
static void make_order(loader *l, uint64_t epoch) {
  uint32_t n = (uint32_t)l->set->n;
  for (uint32_t i = 0; i < n; i++) l->order[i] = i;
  l->order_epoch = epoch;
  if (l->options.no_shuffle) return;
  rng r = rng_new(l->options.seed, RNG_SHUFFLE);
  r.drawn = epoch << 34;
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = rng_below(&r, i), kept = l->order[i - 1];
    l->order[i - 1] = l->order[j];
    l->order[j] = kept;
  }
}

const example *const *loader_next(loader *l, uint32_t *n, uint64_t *epoch) {
  if (l->order_epoch != l->state.epoch) make_order(l, l->state.epoch);
  uint64_t left = l->set->n - l->state.next;
  *n = left < l->options.batch_size ? (uint32_t)left : l->options.batch_size;
  *epoch = l->state.epoch;
  for (uint32_t i = 0; i < *n; i++) l->batch[i] = &l->set->items[l->order[l->state.next + i]];
  l->state.next += *n;
  if (l->state.next == l->set->n) l->state = (loader_state){.epoch = l->state.epoch + 1};
  return l->batch;
}

bool loader_seek(loader *l, loader_state state, err *e) {
  if (state.next >= l->set->n || state.epoch >= MAX_EPOCHS)
    return ERR(e, "place in the data: expected one of %llu examples in an epoch below %d, found example %llu of epoch %llu",
               (unsigned long long)l->set->n, MAX_EPOCHS, (unsigned long long)state.next, (unsigned long long)state.epoch);
  l->state = state;
  return true;
}

uint64_t loader_epoch_steps(const loader *l) {
  return (l->set->n + l->options.batch_size - 1) / l->options.batch_size;
}

uint64_t loader_total_steps(const loader *l, double epochs, uint64_t max_steps) {
  return max_steps ? max_steps : (uint64_t)ceil(epochs * (double)loader_epoch_steps(l));
}
