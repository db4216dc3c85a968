#include "data/mixture.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "data/draw.h"
#include "data/minhash.h"

// --- examples of a set, found by what they share -----------------------------------------------------------------------

typedef bool (*same_function)(const example *x, const example *y);

// Open addressing, at most half full. 8 bytes a place: many examples are looked through.
typedef struct table_entry {
  uint32_t place; // of the example in the set, counted from 1; 0: a free entry
  uint32_t tag;   // the upper half of its hash
} table_entry;

typedef struct table {
  const example *items; // of the set
  table_entry *entries; // [mask + 1]
  uint64_t mask;
  same_function same; // of examples whose hashes seem equal; NULL: they are
} table;

static table table_new(arena *a, const dataset *set, same_function same) {
  uint64_t size = 16;
  while (size < 2 * set->n) size *= 2;
  return (table){set->items, ARENA_ARRAY(a, table_entry, size), size - 1, same};
}

// The entry of an example like x, or the free one where x would be.
static table_entry *table_entry_of(const table *t, uint64_t hash, const example *x) {
  const uint32_t tag = (uint32_t)(hash >> 32);
  uint64_t at = hash & t->mask;
  for (;; at = (at + 1) & t->mask) {
    table_entry *y = &t->entries[at];
    if (!y->place || (y->tag == tag && (!t->same || t->same(&t->items[y->place - 1], x)))) return y;
  }
}

static const example *table_find(const table *t, uint64_t hash, const example *x) {
  const table_entry *y = table_entry_of(t, hash, x);
  return y->place ? &t->items[y->place - 1] : NULL;
}

// What was there already, else NULL: then x, an example of the set, is there now.
static const example *table_put(table *t, uint64_t hash, const example *x) {
  table_entry *y = table_entry_of(t, hash, x);
  if (y->place) return &t->items[y->place - 1];
  *y = (table_entry){(uint32_t)(x - t->items) + 1, (uint32_t)(hash >> 32)};
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

static uint64_t hash_of(const example *x) {
  return x->plain ? x->plain->hash : x->hash;
}

// Augmented examples are what they were before, and told by their hashes.
static bool same_example(const example *x, const example *y) {
  if (x->plain || y->plain) return hash_of(x) == hash_of(y);
  return x->hash == y->hash && x->n == y->n && !memcmp(x->ids, y->ids, x->n * sizeof *x->ids) &&
         !memcmp(x->target, y->target, x->n);
}

typedef uint64_t (*hash_function)(const example *x);

// Marks the examples of `set` that are the same as one of `among`, or where that is NULL as an earlier one of their own.
static near_duplicates mark_same(const dataset *set, const dataset *among, hash_function hash, same_function same, bool *marked) {
  near_duplicates found = {.similarity = 1};
  arena *a = arena_new("a search for equal examples");
  uint64_t passed = 0;
  table seen = table_new(a, among ? among : set, same);
  for (uint64_t i = 0; among && i < among->n; i++) {
    table_put(&seen, hash(&among->items[i]), &among->items[i]);
    dataset_passed(among, &among->items[i], &passed);
  }
  for (uint64_t i = 0; i < set->n && !(among && !among->n); i++) {
    const example *x = &set->items[i], *y = among ? table_find(&seen, hash(x), x) : table_put(&seen, hash(x), x);
    marked[i] = y;
    dataset_passed(set, x, &passed);
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
  return find_same(set, NULL, hash_of, same_example);
}

uint64_t mixture_drop_duplicates(dataset *set) {
  return drop_same(set, NULL, hash_of, same_example);
}

// --- leakage ---

static uint32_t prompt_length(const example *x) {
  return x->prompt_n ? x->prompt_n : x->n;
}

uint64_t mixture_hash_prompt(const example *x) {
  return x->plain ? x->plain->prompt_hash : dataset_hash_prompt(x->ids, prompt_length(x));
}

static bool same_prompt(const example *x, const example *y) {
  if (x->plain || y->plain) return mixture_hash_prompt(x) == mixture_hash_prompt(y);
  return prompt_length(x) == prompt_length(y) && !memcmp(x->ids, y->ids, prompt_length(x) * sizeof *x->ids);
}

static int by_value(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

typedef struct hash_list {
  arena *memory;
  uint64_t *items, n, capacity;
  XXH3_state_t *text; // the one at hand, where it has begun
  bool has_begun;
} hash_list;

static void put_hash(hash_list *l, uint64_t hash) {
  arena_grow(l->memory, (void **)&l->items, &l->capacity, l->n + 1, sizeof *l->items);
  l->items[l->n++] = hash;
}

static void end_text(hash_list *l) {
  if (l->has_begun) put_hash(l, XXH3_64bits_digest(l->text));
  l->has_begun = false;
}

static void put_texts(hash_list *l, const example *x, int32_t eos) {
  for (uint32_t from = 0, to; from < x->n; from = to + 1) {
    for (to = from; to < x->n && x->ids[to] != eos;) to++;
    if (to > from) {
      if (!l->has_begun) XXH3_64bits_reset(l->text);
      l->has_begun = true;
      XXH3_64bits_update(l->text, x->ids + from, (to - from) * sizeof *x->ids);
    }
    if (to < x->n) end_text(l);
  }
}

uint64_t *mixture_hash_asked(arena *a, const dataset *set, int32_t eos, uint64_t *n) {
  hash_list l = {.memory = a, .text = XXH3_createState()};
  REQUIRE(l.text, "out of host memory for a hash");
  uint64_t passed = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (i && (x->prompt_n || eos < 0 || x->origin->file != x[-1].origin->file)) end_text(&l);
    if (x->prompt_n || x->plain) put_hash(&l, mixture_hash_prompt(x));
    else put_texts(&l, x, eos);
    dataset_passed(set, x, &passed);
  }
  end_text(&l);
  XXH3_freeState(l.text);
  if (l.n) qsort(l.items, (size_t)l.n, sizeof *l.items, by_value);
  *n = l.n;
  return l.items;
}

near_duplicates mixture_leaked(const dataset *train, const dataset *eval) {
  return find_same(train, eval, mixture_hash_prompt, same_prompt);
}

uint64_t mixture_drop_leaked(dataset *train, const dataset *eval) {
  return drop_same(train, eval, mixture_hash_prompt, same_prompt);
}

near_duplicates mixture_other_answers(const dataset *set) {
  near_duplicates found = {0};
  arena *a = arena_new("a search for prompts with several answers");
  uint64_t passed = 0;
  table asked = table_new(a, set, same_prompt);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (!x->prompt_n || x->prompt_n == x->n) continue;
    const example *y = table_put(&asked, mixture_hash_prompt(x), x);
    dataset_passed(set, x, &passed);
    if (!y || same_example(x, y)) continue;
    if (!found.n++) found.first = x, found.is_like = y;
  }
  arena_free(a);
  return found;
}

// --- tasks ---

static bool same_task(const example *x, const example *y) {
  return x->origin == y->origin || !strcmp(x->origin->task, y->origin->task);
}

uint32_t mixture_number_tasks(const dataset *set, uint32_t *ids) {
  arena *a = arena_new("the names of tasks");
  table tasks = table_new(a, set, same_task);
  uint32_t n = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i], *first = table_put(&tasks, XXH3_64bits(x->origin->task, strlen(x->origin->task)), x);
    ids[i] = first ? ids[first - set->items] : n++;
  }
  arena_free(a);
  return n;
}

uint64_t mixture_limit_tasks(dataset *set, uint64_t most, uint64_t seed) {
  arena *a = arena_new("a limit of tasks");
  uint32_t *tasks = ARENA_ARRAY(a, uint32_t, set->n);
  draw *draws = ARENA_ARRAY(a, draw, set->n);
  bool *beyond = ARENA_ARRAY(a, bool, set->n);
  mixture_number_tasks(set, tasks);
  for (uint64_t i = 0; i < set->n; i++) draws[i] = (draw){draw_key(seed, set->items[i].index, DRAW_LIMIT), i, tasks[i]};
  qsort(draws, (size_t)set->n, sizeof *draws, draw_order);
  for (uint64_t i = most; i < set->n; i++) beyond[draws[i].i] = draws[i].task == draws[i - most].task;
  uint64_t n = drop(set, beyond);
  arena_free(a);
  return n;
}

// --- near duplicates ---

// Locality-sensitive hashing (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4): texts that agree on all
// rows of one of 16 bands of 4 are compared. Of two with similarity 0.8, 1 − (1 − 0.8⁴)¹⁶ = 99.98 % are found.
enum { BAND_ROWS = 4, BANDS = MINHASH_N / BAND_ROWS, BANDS_AT_ONCE = 4 }; // a pass reads all sketches
static const double NEAR = 0.8;

// As the phrasings of a template pack are: nobody needs to be told that they are alike.
static bool of_one_row(const example *x, const example *y) {
  return x->line == y->line && !strcmp(x->origin->file, y->origin->file);
}

// An earlier example that is much like x, by the tables of `first` and the bands behind it; else NULL, and x is in them.
static const example *find_near(table tables[BANDS_AT_ONCE], uint32_t first, const example *x, double *similarity) {
  for (uint32_t k = 0; k < BANDS_AT_ONCE; k++) {
    const uint32_t *rows = x->sketch + (first + k) * BAND_ROWS;
    const example *y = table_put(&tables[k], XXH3_64bits(rows, BAND_ROWS * sizeof *rows), x);
    if (!y || of_one_row(x, y)) continue;
    *similarity = minhash_similarity(x->sketch, y->sketch);
    const bool same_row = x->origin->file == y->origin->file && x->line == y->line; // of a template pack, say
    if (*similarity >= NEAR && !same_row) return y;
  }
  return NULL;
}

near_duplicates mixture_near_duplicates(const dataset *set) {
  near_duplicates found = {0};
  arena *a = arena_new("a search for near duplicates");
  bool *near = ARENA_ARRAY(a, bool, set->n);
  uint64_t passed = 0;
  for (uint32_t band = 0; band < BANDS; band += BANDS_AT_ONCE) {
    arena *of_bands = arena_new("some bands");
    table tables[BANDS_AT_ONCE];
    for (uint32_t k = 0; k < BANDS_AT_ONCE; k++) tables[k] = table_new(of_bands, set, NULL);
    for (uint64_t i = 0; i < set->n; i++) {
      const example *x = &set->items[i];
      if (!x->sketch || near[i]) continue;
      double similarity;
      const example *y = find_near(tables, band, x, &similarity);
      dataset_passed(set, x, &passed);
      if (!y) continue;
      near[i] = true;
      found.n++;
      if (!found.first || x < found.first) found.first = x, found.is_like = y, found.similarity = similarity;
    }
    arena_free(of_bands);
  }
  arena_free(a);
  return found;
}

// Across two sets bands are of 3 rows: 1 − (1 − 0.6³)²¹ = 99.4 % of those with similarity 0.6 are found, of those with 0.5 94 %.
enum { SIDE_ROWS = 3, SIDE_BANDS = MINHASH_N / SIDE_ROWS };

// The examples of a set with sketches, by one band: those with equal rows are a chain. Equal sketches stand in it once.
typedef struct band_index {
  const dataset *set;
  uint32_t *heads; // [mask + 1] of places, counted from 1
  uint32_t *next;  // [set->n]
  uint64_t mask;
  uint32_t band;
} band_index;

static const uint32_t *band_rows(const example *x, uint32_t band) {
  return x->sketch + band * SIDE_ROWS;
}

static uint32_t *band_head(const band_index *b, const example *x) {
  return &b->heads[XXH3_64bits(band_rows(x, b->band), SIDE_ROWS * sizeof(uint32_t)) & b->mask];
}

static void band_fill(band_index *b, const bool *repeated) {
  memset(b->heads, 0, (b->mask + 1) * sizeof *b->heads);
  for (uint64_t i = b->set->n; i--;) {
    const example *x = &b->set->items[i];
    if (!x->sketch || repeated[i]) continue;
    uint32_t *head = band_head(b, x);
    b->next[i] = *head;
    *head = (uint32_t)i + 1;
  }
}

// The first that is near, by this band; NULL: none.
static const example *band_find(const band_index *b, const example *x, double least, double *similarity) {
  for (uint32_t at = *band_head(b, x); at; at = b->next[at - 1]) {
    const example *y = &b->set->items[at - 1];
    if (memcmp(band_rows(x, b->band), band_rows(y, b->band), SIDE_ROWS * sizeof(uint32_t))) continue;
    *similarity = minhash_similarity(x->sketch, y->sketch);
    if (*similarity >= least) return y;
  }
  return NULL;
}

static bool same_sketch(const example *x, const example *y) {
  return !memcmp(x->sketch, y->sketch, MINHASH_N * sizeof *x->sketch);
}

static band_index band_index_new(arena *a, const dataset *set, bool *repeated) {
  band_index b = {.set = set, .next = ARENA_ARRAY(a, uint32_t, set->n), .mask = 15};
  while (b.mask + 1 < 2 * set->n) b.mask = 2 * b.mask + 1;
  b.heads = ARENA_ARRAY(a, uint32_t, b.mask + 1);
  table sketches = table_new(a, set, same_sketch);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (x->sketch) repeated[i] = table_put(&sketches, XXH3_64bits(x->sketch, MINHASH_N * sizeof *x->sketch), x);
  }
  return b;
}

uint64_t mixture_drop_near(dataset *train, const dataset *eval, double least, near_pair *first) {
  arena *a = arena_new("a search for near duplicates");
  bool *near = ARENA_ARRAY(a, bool, train->n);
  const example *earliest = NULL;
  uint64_t passed = 0;
  bool *repeated = ARENA_ARRAY(a, bool, eval->n);
  band_index b = band_index_new(a, eval, repeated);
  for (b.band = 0; b.band < SIDE_BANDS; b.band++) {
    band_fill(&b, repeated);
    for (uint64_t i = 0; i < train->n; i++) {
      const example *x = &train->items[i];
      if (!x->sketch || near[i]) continue;
      double similarity;
      const example *y = band_find(&b, x, least, &similarity);
      dataset_passed(train, x, &passed);
      if (!y) continue;
      near[i] = true;
      if (first && (!earliest || x < earliest)) earliest = x, *first = (near_pair){*x, *y, similarity};
    }
  }
  const uint64_t n = drop(train, near);
  arena_free(a);
  return n;
}
