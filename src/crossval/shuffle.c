#include "crossval/shuffle.h"

#include <string.h>

#include "base/rng.h"
#include "data/mixture.h"

// Prompt and earlier turns of `own`, which carry no loss, and the last answer of `other`.
static example joined(arena *a, const example *own, const example *other, uint32_t max_length) {
  const uint32_t room = max_length - own->prompt_n, whole = other->n - other->prompt_n, n = whole < room ? whole : room;
  example x = *own;
  int32_t *ids = ARENA_ARRAY(a, int32_t, own->prompt_n + n);
  uint8_t *target = ARENA_ARRAY(a, uint8_t, own->prompt_n + n);
  memcpy(ids, own->ids, own->prompt_n * sizeof *ids);
  memcpy(ids + own->prompt_n, other->ids + other->prompt_n, n * sizeof *ids);
  memcpy(target + own->prompt_n, other->target + other->prompt_n, n);
  x.ids = ids;
  x.target = target;
  x.n = own->prompt_n + n;
  x.n_targets = 0;
  for (uint32_t i = 1; i < x.n; i++) x.n_targets += target[i];
  x.answer = other->answer;
  x.references = other->references;
  x.choices = other->choices;
  x.hash = dataset_hash_example(&x);
  return x;
}

static bool has_answer(const example *x) {
  return x->prompt_n && x->prompt_n < x->n;
}

// A cycle through `places` in random order: each gets the answer of the next, so that none keeps its own.
static void shuffle_task(arena *a, dataset *set, const example *before, uint64_t *places, uint64_t n, uint32_t max_length,
                         rng *r) {
  for (uint64_t i = n; i > 1; i--) {
    const uint64_t k = rng_below(r, (uint32_t)i), swapped = places[i - 1];
    places[i - 1] = places[k];
    places[k] = swapped;
  }
  for (uint64_t i = 0; i < n; i++)
    set->items[places[i]] = joined(a, &before[places[i]], &before[places[(i + 1) % n]], max_length);
}

uint64_t shuffle_answers(arena *a, dataset *set, uint32_t max_length, uint64_t seed) {
  arena *own = arena_new("shuffled answers");
  uint32_t *tasks = ARENA_ARRAY(own, uint32_t, set->n);
  const uint32_t n_tasks = mixture_number_tasks(set, tasks);
  uint64_t *end = ARENA_ARRAY(own, uint64_t, n_tasks + 1), *places = ARENA_ARRAY(own, uint64_t, set->n);
  example *before = ARENA_ARRAY(own, example, set->n);
  if (set->n) memcpy(before, set->items, set->n * sizeof *before);
  // Places by task, in the order of the data (a counting sort); what has no prompt or no answer stays as it is.
  for (uint64_t i = 0; i < set->n; i++)
    if (has_answer(&before[i])) end[tasks[i] + 1]++;
  for (uint32_t t = 0; t < n_tasks; t++) end[t + 1] += end[t];
  uint64_t *next = ARENA_ARRAY(own, uint64_t, n_tasks);
  if (n_tasks) memcpy(next, end, n_tasks * sizeof *next);
  for (uint64_t i = 0; i < set->n; i++)
    if (has_answer(&before[i])) places[next[tasks[i]]++] = i;
  for (uint32_t t = 0; t < n_tasks; t++) {
    const uint64_t n = end[t + 1] - end[t];
    rng r = rng_new(seed + t, RNG_CONTROL);
    if (n < 2) continue;
    shuffle_task(a, set, before, places + end[t], n, max_length, &r);
  }
  uint64_t moved = 0;
  set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    set->n_tokens += set->items[i].n, set->n_targets += set->items[i].n_targets;
    moved += strcmp(set->items[i].answer, before[i].answer) != 0;
  }
  arena_free(own);
  return moved;
}
