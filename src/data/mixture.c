#include "data/mixture.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/rng.h"
#include "data/minhash.h"

// --- a set of examples, found by what they share ---

typedef bool (*same_function)(const example *x, const example *y);

typedef struct table {
  const example **items; // [mask + 1]; NULL: a free place
  uint64_t *hashes;
  uint64_t mask;
  same_function same; // of examples whose hashes are equal; NULL: they are
} table;

static table table_new(arena *a, uint64_t n, same_function same) {
  uint64_t size = 16;
  while (size < 2 * n) size *= 2;
  return (table){ARENA_ARRAY(a, const example *, size), ARENA_ARRAY(a, uint64_t, size), size - 1, same};
}

static uint64_t table_place(const table *t, uint64_t hash, const example *x) {
  uint64_t at = hash & t->mask;
  while (t->items[at] && !(t->hashes[at] == hash && (!t->same || t->same(t->items[at], x)))) at = (at + 1) & t->mask;
  return at;
}

static const example *table_find(const table *t, uint64_t hash, const example *x) {
  return t->items[table_place(t, hash, x)];
}

// What was there already, else NULL: then x is there now.
static const example *table_put(table *t, uint64_t hash, const example *x) {
  uint64_t at = table_place(t, hash, x);
  if (t->items[at]) return t->items[at];
  t->items[at] = x;
  t->hashes[at] = hash;
  return NULL;
}

// Takes the marked examples out.
static uint64_t drop(dataset *set, const bool *marked) {
  const uint64_t n = set->n;
  set->n = set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < n; i++) {
    if (marked[i]) continue;
    example *x = &set->items[set->n++];
    *x = set->items[i];
    set->n_tokens += x->n;
    set->n_targets += x->n_targets;
  }
  return n - set->n;
}

// --- duplicates ---

// Augmented examples are what they were before, and told by their hashes.
static bool same_example(const example *x, const example *y) {
  if (x->plain || y->plain) return true;
  return x->n == y->n && !memcmp(x->ids, y->ids, x->n * sizeof *x->ids) && !memcmp(x->target, y->target, x->n);
}

static uint64_t hash_example(const example *x) {
  return x->plain ? x->plain : dataset_hash_tokens(x->ids, x->target, x->n);
}

uint64_t mixture_drop_duplicates(dataset *set) {
  arena *a = arena_new("a search for duplicates");
  table seen = table_new(a, set->n, same_example);
  bool *twice = ARENA_ARRAY(a, bool, set->n);
  for (uint64_t i = 0; i < set->n; i++) twice[i] = table_put(&seen, hash_example(&set->items[i]), &set->items[i]);
  uint64_t n = drop(set, twice);
  arena_free(a);
  return n;
}

// --- leakage ---

static uint32_t prompt_length(const example *x) {
  return x->prompt_n ? x->prompt_n : x->n;
}

static bool same_prompt(const example *x, const example *y) {
  if (x->plain || y->plain) return true;
  return prompt_length(x) == prompt_length(y) && !memcmp(x->ids, y->ids, prompt_length(x) * sizeof *x->ids);
}

static uint64_t hash_prompt(const example *x) {
  return x->plain ? x->plain_prompt : dataset_hash_prompt(x->ids, prompt_length(x));
}

static int by_value(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

uint64_t *mixture_hash_prompts(arena *a, const dataset *set) {
  uint64_t *hashes = ARENA_ARRAY(a, uint64_t, set->n);
  for (uint64_t i = 0; i < set->n; i++) hashes[i] = hash_prompt(&set->items[i]);
  qsort(hashes, (size_t)set->n, sizeof *hashes, by_value);
  return hashes;
}

uint64_t mixture_drop_leaked(dataset *train, const dataset *eval) {
  arena *a = arena_new("a search for leakage");
  table asked = table_new(a, eval->n, same_prompt);
  bool *leaked = ARENA_ARRAY(a, bool, train->n);
  for (uint64_t i = 0; i < eval->n; i++) table_put(&asked, hash_prompt(&eval->items[i]), &eval->items[i]);
  for (uint64_t i = 0; i < train->n; i++) leaked[i] = table_find(&asked, hash_prompt(&train->items[i]), &train->items[i]);
  uint64_t n = drop(train, leaked);
  arena_free(a);
  return n;
}

// --- tasks ---

static bool same_task(const example *x, const example *y) {
  return !strcmp(x->task, y->task);
}

uint32_t mixture_number_tasks(const dataset *set, uint32_t *ids) {
  arena *a = arena_new("the names of tasks");
  table tasks = table_new(a, set->n, same_task);
  uint32_t n = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i], *first = table_put(&tasks, XXH3_64bits(x->task, strlen(x->task)), x);
    ids[i] = first ? ids[first - set->items] : n++;
  }
  arena_free(a);
  return n;
}

typedef struct draw {
  uint64_t key, i;
  uint32_t task;
} draw;

static int by_task_and_key(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->task != y->task) return x->task < y->task ? -1 : 1;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->i > y->i) - (x->i < y->i);
}

uint64_t mixture_limit_tasks(dataset *set, uint64_t most, uint64_t seed) {
  arena *a = arena_new("a limit of tasks");
  rng stream = rng_new(seed, RNG_SPLIT);
  uint32_t *tasks = ARENA_ARRAY(a, uint32_t, set->n);
  draw *draws = ARENA_ARRAY(a, draw, set->n);
  bool *beyond = ARENA_ARRAY(a, bool, set->n);
  mixture_number_tasks(set, tasks);
  for (uint64_t i = 0; i < set->n; i++) {
    rng_block b = rng_philox(stream.key, (uint32_t[4]){set->items[i].index, 2}); // other numbers than dataset_split's
    draws[i] = (draw){(uint64_t)b.v[0] << 32 | b.v[1], i, tasks[i]};
  }
  qsort(draws, (size_t)set->n, sizeof *draws, by_task_and_key);
  for (uint64_t i = most; i < set->n; i++) beyond[draws[i].i] = draws[i].task == draws[i - most].task;
  uint64_t n = drop(set, beyond);
  arena_free(a);
  return n;
}

// --- near duplicates ---

// Locality-sensitive hashing (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4): texts that agree on all
// rows of one of 16 bands of 4 are compared. Of two with similarity 0.8, 1 − (1 − 0.8⁴)¹⁶ = 99.98 % are found.
enum { BAND_ROWS = 4, BANDS = MINHASH_N / BAND_ROWS };
static const double NEAR = 0.8;

// Pieces of one text have one sketch: they are not like one another.
static bool is_near(const example *x, const example *y, double *similarity) {
  if (x->sketch == y->sketch) return false;
  *similarity = minhash_similarity(x->sketch, y->sketch);
  return *similarity >= NEAR;
}

near_duplicates mixture_near_duplicates(const dataset *set) {
  near_duplicates found = {0};
  arena *a = arena_new("a search for near duplicates");
  bool *near = ARENA_ARRAY(a, bool, set->n);
  for (uint32_t band = 0; band < BANDS; band++) {
    arena *of_band = arena_new("one band");
    table buckets = table_new(of_band, set->n, NULL);
    for (uint64_t i = 0; i < set->n; i++) {
      const example *x = &set->items[i];
      if (!x->sketch || near[i]) continue;
      const example *y = table_put(&buckets, XXH3_64bits(x->sketch + band * BAND_ROWS, BAND_ROWS * sizeof *x->sketch), x);
      double similarity;
      if (!y || !is_near(x, y, &similarity)) continue;
      near[i] = true;
      found.n++;
      if (!found.first || x < found.first) found.first = x, found.is_like = y, found.similarity = similarity;
    }
    arena_free(of_band);
  }
  arena_free(a);
  return found;
}
