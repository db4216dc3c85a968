#include "data/task_similarity.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { KEPT_WORDS = 12, SHORTEST_WORD = 3 }; // for names

// One term of one task.
typedef struct term {
  uint64_t hash;
  uint32_t task, count;
  const char *at; // where a word first stands, NULL for pairs
  uint32_t length;
  float weight;
} term;

typedef struct terms {
  arena *a;
  term *items;
  uint64_t n, capacity;
} terms;

// --- texts to terms ----------------------------------------------------------------------------------------------------

static void add_term(terms *t, uint64_t hash, uint32_t task, const char *at, size_t length) {
  arena_grow(t->a, (void **)&t->items, &t->capacity, t->n + 1, sizeof *t->items);
  t->items[t->n++] = (term){.hash = hash, .task = task, .count = 1, .at = at, .length = (uint32_t)length};
}

static bool is_word(char c) {
  return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static uint64_t hash_word(const char *s, size_t n) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325); // FNV-1a
  for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)tolower((unsigned char)s[i])) * UINT64_C(0x100000001B3);
  return hash;
}

static uint64_t hash_pair(uint64_t x, uint64_t y) {
  return XXH3_64bits((uint64_t[2]){x, y}, 2 * sizeof x);
}

// "日本語": 日本, 本語. Text is UTF-8, as all readers have checked.
static void add_characters(terms *t, uint32_t task, const char *s, size_t n) {
  bool beyond = false;
  for (size_t i = 0; i < n; i++) beyond |= (unsigned char)s[i] >= 0x80;
  for (size_t i = 0, last = 0, length; beyond && i < n; last = i, i += length) {
    length = 1;
    while (i + length < n && ((unsigned char)s[i + length] & 0xC0) == 0x80) length++;
    if (i) add_term(t, hash_word(s + last, i + length - last), task, NULL, 0);
  }
}

static void add_text(terms *t, uint32_t task, const char *s) {
  uint64_t before = 0;
  while (*s) {
    size_t n = 0;
    while (is_word(s[n])) n++;
    if (!n) {
      s++;
      continue;
    }
    const uint64_t hash = hash_word(s, n);
    add_term(t, hash, task, s, n);
    add_characters(t, task, s, n);
    if (before) add_term(t, hash_pair(before, hash), task, NULL, 0);
    before = hash;
    s += n;
  }
}

// --- terms to weights --------------------------------------------------------------------------------------------------

static int by_hash(const void *a, const void *b) {
  const term *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->task > y->task) - (x->task < y->task);
}

// Adds up what is the same.
static void gather(terms *t) {
  uint64_t kept = 0;
  if (t->n) qsort(t->items, t->n, sizeof *t->items, by_hash);
  for (uint64_t i = 0; i < t->n; i++) {
    term *last = kept ? &t->items[kept - 1] : NULL;
    if (last && last->hash == t->items[i].hash && last->task == t->items[i].task) {
      last->count++;
      if (!last->at) last->at = t->items[i].at, last->length = t->items[i].length;
    } else {
      t->items[kept++] = t->items[i];
    }
  }
  t->n = kept;
}

// Of one task after the other, so that only what differs is kept of each.
static void add_texts(terms *all, uint32_t task, const char *const *texts, uint32_t n) {
  terms one = {.a = arena_new("words of a task")};
  for (uint32_t i = 0; i < n; i++) add_text(&one, task, texts[i]);
  gather(&one);
  arena_grow(all->a, (void **)&all->items, &all->capacity, all->n + one.n, sizeof *all->items);
  if (one.n) memcpy(all->items + all->n, one.items, one.n * sizeof *one.items);
  all->n += one.n;
  arena_free(one.a);
}

static uint64_t end_of(const terms *t, uint64_t from) {
  uint64_t end = from;
  while (end < t->n && t->items[end].hash == t->items[from].hash) end++;
  return end;
}

// Each task's weights to length 1. Terms of all tasks weigh next to nothing; but where a task has no others, they are what it is
// told by.
static void weigh(terms *t, uint32_t n) {
  double *squares = ARENA_ARRAY(t->a, double, n);
  for (uint64_t from = 0, end; from < t->n; from = end) {
    end = end_of(t, from);
    const double idf = fmax(log((1 + (double)n) / (1 + (double)(end - from))), 1e-3);
    for (uint64_t i = from; i < end; i++) {
      const double w = (1 + log((double)t->items[i].count)) * idf;
      t->items[i].weight = (float)w;
      squares[t->items[i].task] += w * w;
    }
  }
  for (uint64_t i = 0; i < t->n; i++)
    if (squares[t->items[i].task] > 0) t->items[i].weight /= (float)sqrt(squares[t->items[i].task]);
}

// s += share(i, j) · cosine(i, j).
static void add_cosines(const terms *t, const bool *has, float *s, uint32_t n) {
  for (uint64_t from = 0, end; from < t->n; from = end) {
    end = end_of(t, from);
    for (uint64_t i = from; i < end; i++) {
      const term *x = &t->items[i];
      for (uint64_t k = from; k < i; k++) {
        const term *y = &t->items[k];
        const float share = !has || (has[x->task] && has[y->task]) ? 0.5F : 0;
        s[(uint64_t)x->task * n + y->task] += share * x->weight * y->weight;
      }
    }
  }
}

// --- words for names ---------------------------------------------------------------------------------------------------

static int by_task_and_weight(const void *a, const void *b) {
  const term *x = a, *y = b;
  if (x->task != y->task) return x->task < y->task ? -1 : 1;
  if (x->weight < y->weight || x->weight > y->weight) return x->weight > y->weight ? -1 : 1;
  return (x->hash > y->hash) - (x->hash < y->hash);
}

// English words that say nothing of a task in its name, sorted. (In the similarity they weigh little by themselves.)
static const char *const said_of_all[] = {
    "about", "above",   "after", "all",       "also",    "although", "and",   "another", "any",      "are",   "based", "because",
    "been",  "before",  "being", "below",     "between", "both",     "but",   "can",     "contains", "could", "does",  "each",
    "every", "example", "first", "following", "for",     "from",     "given", "has",     "have",     "her",   "here",  "him",
    "his",   "how",     "input", "into",      "its",     "make",     "may",   "more",    "most",     "must",  "need",  "not",
    "one",   "only",    "other", "our",       "output",  "return",   "same",  "should",  "some",     "such",  "task",  "than",
    "that",  "the",     "their", "them",      "then",    "there",    "these", "they",    "this",     "those", "two",   "use",
    "used",  "using",   "was",   "were",      "what",    "when",     "where", "whether", "which",    "while", "who",   "will",
    "with",  "without", "would", "write",     "you",     "your"};

static int by_letters(const void *key, const void *entry) {
  const term *x = key;
  const char *s = *(const char *const *)entry;
  for (uint32_t i = 0; i < x->length; i++) {
    const int order = tolower((unsigned char)x->at[i]) - (unsigned char)s[i];
    if (order) return order;
  }
  return s[x->length] ? -1 : 0;
}

// A word of letters, which says something by itself.
static bool is_telling(const term *x) {
  if (!x->at || x->length < SHORTEST_WORD || x->length > 24) return false;
  if (bsearch(x, said_of_all, sizeof said_of_all / sizeof *said_of_all, sizeof *said_of_all, by_letters)) return false;
  for (uint32_t i = 0; i < x->length; i++)
    if (isdigit((unsigned char)x->at[i])) return false;
  return true;
}

static const char *lower(arena *a, const char *at, uint32_t n) {
  char *word = arena_strndup(a, at, n);
  for (char *c = word; *c; c++) *c = (char)tolower((unsigned char)*c);
  return word;
}

// From the name and the definition; from the examples, where there is no definition.
static void keep_words(arena *a, task_similarity *out, const terms *const views[3], const bool *defined) {
  terms all = {.a = views[0]->a};
  for (int v = 0; v < 3; v++) {
    for (uint64_t i = 0; i < views[v]->n; i++) {
      const term *x = &views[v]->items[i];
      if (!is_telling(x) || (v == 2 && defined[x->task])) continue;
      arena_grow(all.a, (void **)&all.items, &all.capacity, all.n + 1, sizeof *all.items);
      all.items[all.n++] = *x;
    }
  }
  if (all.n) qsort(all.items, all.n, sizeof *all.items, by_task_and_weight);
  const char ***words = ARENA_ARRAY(a, const char **, out->n);
  float **heavy = ARENA_ARRAY(a, float *, out->n);
  out->n_words = ARENA_ARRAY(a, uint32_t, out->n);
  for (uint32_t i = 0; i < out->n; i++) {
    words[i] = ARENA_ARRAY(a, const char *, KEPT_WORDS);
    heavy[i] = ARENA_ARRAY(a, float, KEPT_WORDS);
  }
  for (uint64_t i = 0; i < all.n; i++) {
    const term *x = &all.items[i];
    uint32_t *n = &out->n_words[x->task];
    if (*n == KEPT_WORDS || !(x->weight > 0)) continue;
    words[x->task][*n] = lower(a, x->at, x->length);
    heavy[x->task][(*n)++] = x->weight;
  }
  out->words = (const char *const **)words;
  out->weights = heavy;
}

task_similarity task_similarity_make(arena *a, const task_texts *tasks) {
  const uint32_t n = tasks->n;
  task_similarity out = {.n = n, .s = ARENA_ARRAY(a, float, (uint64_t)n *n)};
  arena *scratch = arena_new("words of tasks");
  terms names = {.a = scratch}, definitions = {.a = scratch}, examples = {.a = scratch};
  bool *defined = ARENA_ARRAY(scratch, bool, n);
  for (uint32_t i = 0; i < n; i++) {
    const task_text *t = &tasks->items[i];
    defined[i] = *t->definition;
    add_texts(&names, i, &t->name, 1);
    add_texts(&definitions, i, &t->definition, 1);
    add_texts(&examples, i, t->samples, t->n_samples);
  }
  gather(&names), gather(&definitions), gather(&examples);
  weigh(&names, n), weigh(&definitions, n), weigh(&examples, n);
  add_cosines(&definitions, defined, out.s, n);
  add_cosines(&examples, NULL, out.s, n);
  for (uint32_t i = 0; i < n; i++) {
    out.s[(uint64_t)i * n + i] = 1;
    for (uint32_t k = 0; k < i; k++) {
      float *s = &out.s[(uint64_t)i * n + k];
      if (!(defined[i] && defined[k])) *s *= 2;
      if (*s > 1) *s = 1;
      out.s[(uint64_t)k * n + i] = *s;
    }
  }
  keep_words(a, &out, (const terms *const[3]){&names, &definitions, &examples}, defined);
  arena_free(scratch);
  return out;
}
