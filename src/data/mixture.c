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

static bool same_example(const example *x, const example *y) {
  return x->n == y->n && !memcmp(x->ids, y->ids, x->n * sizeof *x->ids) && !memcmp(x->target, y->target, x->n);
}

static uint64_t hash_example(const example *x) {
  return XXH3_64bits_withSeed(x->target, x->n, XXH3_64bits(x->ids, x->n * sizeof *x->ids));
}

typedef uint64_t (*hash_function)(const example *x);

// Marks the examples of `set` that are the same as one of `among`, or where that is NULL as an earlier one of their own.
static near_duplicates mark_same(const dataset *set, const dataset *among, hash_function hash, same_function same, bool *marked) {
  near_duplicates found = {.similarity = 1};
  arena *a = arena_new("a search for equal examples");
  table seen = table_new(a, among ? among->n : set->n, same);
  for (uint64_t i = 0; among && i < among->n; i++) table_put(&seen, hash(&among->items[i]), &among->items[i]);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i], *y = among ? table_find(&seen, hash(x), x) : table_put(&seen, hash(x), x);
    marked[i] = y;
    if (!y) continue;
    if (!found.n++) found.first = x, found.is_like = y;
  }
  arena_free(a);
  return found;
}

static near_duplicates find_same(const dataset *set, const dataset *among, hash_function hash, same_function same) {
  arena *a = arena_new("which examples are equal");
  const near_duplicates found = mark_same(set, among, hash, same, ARENA_ARRAY(a, bool, set->n));
  arena_free(a);
  return found;
}

static uint64_t drop_same(dataset *set, const dataset *among, hash_function hash, same_function same) {
  arena *a = arena_new("which examples are equal");
  bool *marked = ARENA_ARRAY(a, bool, set->n);
  mark_same(set, among, hash, same, marked);
  const uint64_t n = drop(set, marked);
  arena_free(a);
  return n;
}

near_duplicates mixture_duplicates(const dataset *set) {
  return find_same(set, NULL, hash_example, same_example);
}

uint64_t mixture_drop_duplicates(dataset *set) {
  return drop_same(set, NULL, hash_example, same_example);
}

// --- leakage ---

static uint32_t prompt_length(const example *x) {
  return x->prompt_n ? x->prompt_n : x->n;
}

static bool same_prompt(const example *x, const example *y) {
  return prompt_length(x) == prompt_length(y) && !memcmp(x->ids, y->ids, prompt_length(x) * sizeof *x->ids);
}

static uint64_t hash_prompt(const example *x) {
  return XXH3_64bits(x->ids, prompt_length(x) * sizeof *x->ids);
}

near_duplicates mixture_leaked(const dataset *train, const dataset *eval) {
  return find_same(train, eval, hash_prompt, same_prompt);
}

uint64_t mixture_drop_leaked(dataset *train, const dataset *eval) {
  return drop_same(train, eval, hash_prompt, same_prompt);
}

near_duplicates mixture_other_answers(const dataset *set) {
  near_duplicates found = {0};
  arena *a = arena_new("a search for prompts with several answers");
  table asked = table_new(a, set->n, same_prompt);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (!x->prompt_n || x->prompt_n == x->n) continue;
    const example *y = table_put(&asked, hash_prompt(x), x);
    if (!y || same_example(x, y)) continue;
    if (!found.n++) found.first = x, found.is_like = y;
  }
  arena_free(a);
  return found;
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
