// From examples to origins (few, since examples share them), from those to tasks, clusters and sources. All are numbered by their
// names, so that numbers do not depend on the order of the data.
#include "data/clusters.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "io/quote.h"

enum { MOST_LISTED = 8 }; // names in a message

// --- lists of names ----------------------------------------------------------------------------------------------------

static int by_string(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Sorted, each once; empty ones go. In place.
static uint32_t make_unique(const char **all, uint64_t n) {
  uint32_t kept = 0;
  if (n) qsort(all, (size_t)n, sizeof *all, by_string);
  for (uint64_t i = 0; i < n; i++)
    if (*all[i] && (!kept || strcmp(all[kept - 1], all[i]))) all[kept++] = all[i];
  return kept;
}

static uint32_t number_of(const char *const *sorted, uint32_t n, const char *name) {
  const char *const *at = bsearch(&name, sorted, n, sizeof *sorted, by_string);
  REQUIRE(at, "the name \"%s\" among %u", name, n);
  return (uint32_t)(at - sorted);
}

static void put_list(text *out, const char *const *names, uint64_t n) {
  char shown[QUOTE_BYTES];
  for (uint64_t i = 0; i < n && i < MOST_LISTED; i++) text_printf(out, "%s%s", i ? ", " : "", quote_string(names[i], shown));
  if (n > MOST_LISTED) text_printf(out, " and %llu more", (unsigned long long)(n - MOST_LISTED));
}

// --- origins -----------------------------------------------------------------------------------------------------------

static uint32_t *place_of(const clusters *c, const example_origin *origin) {
  uint64_t at = XXH3_64bits(&origin, sizeof origin) & c->mask;
  while (c->table[at] && c->origins[c->table[at] - 1].origin != origin) at = (at + 1) & c->mask;
  return &c->table[at];
}

static void number_origins(arena *a, clusters *c) {
  uint64_t capacity = 0;
  c->mask = 15;
  while (c->mask + 1 < 2 * c->set->n) c->mask = 2 * c->mask + 1;
  c->table = ARENA_ARRAY(a, uint32_t, c->mask + 1);
  for (uint64_t i = 0; i < c->set->n; i++) {
    const example_origin *origin = c->set->items[i].origin;
    if (i && origin == c->set->items[i - 1].origin) continue;
    uint32_t *at = place_of(c, origin);
    if (*at) continue;
    arena_grow(a, (void **)&c->origins, &capacity, (uint64_t)c->n_origins + 1, sizeof *c->origins);
    c->origins[c->n_origins++] = (cluster_origin){.origin = origin};
    *at = c->n_origins;
  }
}

const cluster_origin *clusters_origin(const clusters *c, const example *x) {
  const uint32_t at = *place_of(c, x->origin);
  REQUIRE(at, "%s:%u: an example of another data set", x->origin->file, x->line);
  return &c->origins[at - 1];
}

// --- sources -----------------------------------------------------------------------------------------------------------

// The names in "a, B,": each in lower case, without white space around it.
static strings split_source(arena *a, const char *source) {
  uint32_t most = 1, n = 0;
  for (const char *s = source; *s; s++) most += *s == ',';
  const char **items = ARENA_ARRAY(a, const char *, most);
  for (const char *s = source; *s;) {
    size_t length = strcspn(s, ",");
    const char *next = s + length + (s[length] == ',');
    while (length && isspace((unsigned char)*s)) s++, length--;
    while (length && isspace((unsigned char)s[length - 1])) length--;
    char *name = arena_strndup(a, s, length);
    for (char *l = name; *l; l++) *l = (char)tolower((unsigned char)*l);
    if (length) items[n++] = name;
    s = next;
  }
  return (strings){items, n};
}

static void number_sources(arena *a, clusters *c) {
  strings *split = ARENA_ARRAY(a, strings, c->n_origins);
  uint64_t n = 0;
  for (uint32_t i = 0; i < c->n_origins; i++) {
    split[i] = split_source(a, c->origins[i].origin->source);
    n += split[i].n;
  }
  const char **all = ARENA_ARRAY(a, const char *, n);
  n = 0;
  for (uint32_t i = 0; i < c->n_origins; i++)
    for (uint32_t k = 0; k < split[i].n; k++) all[n++] = split[i].items[k];
  c->n_sources = make_unique(all, n);
  for (uint32_t i = 0; i < c->n_origins; i++) {
    uint32_t *sources = ARENA_ARRAY(a, uint32_t, split[i].n);
    for (uint32_t k = 0; k < split[i].n; k++) sources[k] = number_of(all, c->n_sources, split[i].items[k]);
    c->origins[i].sources = sources;
    c->origins[i].n_sources = split[i].n;
  }
}

// --- tasks -------------------------------------------------------------------------------------------------------------

static bool several_clusters(const cluster_task *t, const char *other, err *e) {
  char task[QUOTE_BYTES], first[QUOTE_BYTES], second[QUOTE_BYTES];
  return ERR(e, "the task %s: expected one cluster for all its rows, found %s and %s (--clusters FILE says which it is in)",
             quote_string(t->name, task), quote_string(t->category, first), quote_string(other, second));
}

static bool number_tasks(arena *a, clusters *c, err *e) {
  const char **names = ARENA_ARRAY(a, const char *, c->n_origins);
  for (uint32_t i = 0; i < c->n_origins; i++) names[i] = c->origins[i].origin->task;
  c->n_tasks = make_unique(names, c->n_origins);
  c->tasks = ARENA_ARRAY(a, cluster_task, c->n_tasks);
  for (uint32_t i = 0; i < c->n_tasks; i++) c->tasks[i] = (cluster_task){.name = names[i], .category = ""};
  for (uint32_t i = 0; i < c->n_origins; i++) {
    const char *task = c->origins[i].origin->task, *category = c->origins[i].origin->cluster;
    if (!*task) return ERR(e, "%s: expected a task's name in every row, found an empty one", c->origins[i].origin->file);
    c->origins[i].task = number_of(names, c->n_tasks, task);
    cluster_task *t = &c->tasks[c->origins[i].task];
    if (!*category) continue;
    if (!*t->category) t->category = category;
    else if (!c->path && strcmp(t->category, category)) return several_clusters(t, category, e);
  }
  for (uint64_t i = 0; i < c->set->n; i++) c->tasks[clusters_origin(c, &c->set->items[i])->task].n++;
  return true;
}

// --- clusters ----------------------------------------------------------------------------------------------------------

static bool check_in_one(const clusters *c, const char *const *without, uint32_t n, err *e) {
  if (!n) return true;
  text list = {0};
  put_list(&list, without, n);
  if (c->path)
    ERR(e, "%s: expected every task of the data in a cluster, found %u of %u in none: %s", c->path, n, c->n_tasks, list.data);
  else
    ERR(e,
        "expected every task of the data in a cluster, found %u of %u in none: %s; their rows can name one (\"cluster\"), "
        "--clusters takes a file, and vkift data cluster finds groups of similar tasks",
        n, c->n_tasks, list.data);
  text_free(&list);
  return false;
}

static bool take_from_rows(arena *a, clusters *c, err *e) {
  const char **names = ARENA_ARRAY(a, const char *, c->n_tasks), **without = ARENA_ARRAY(a, const char *, c->n_tasks);
  uint32_t n_without = 0;
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    names[i] = c->tasks[i].category;
    if (!*names[i]) without[n_without++] = c->tasks[i].name;
  }
  TRY(check_in_one(c, without, n_without, e));
  c->n = make_unique(names, c->n_tasks);
  c->items = ARENA_ARRAY(a, cluster_item, c->n);
  for (uint32_t i = 0; i < c->n; i++) c->items[i].name = names[i];
  for (uint32_t i = 0; i < c->n_tasks; i++) c->tasks[i].cluster = number_of(names, c->n, c->tasks[i].category);
  return true;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const cluster_task *)a)->name, ((const cluster_task *)b)->name);
}

// Gives the tasks of entry `number` to the cluster `to`. Returns how many there are; those without data are listed.
static uint32_t take_tasks(clusters *c, strings tasks, uint32_t to, bool *taken, const char **without_data, uint32_t *n_without) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < tasks.n; k++) {
    const cluster_task wanted = {.name = tasks.items[k]};
    const cluster_task *t = bsearch(&wanted, c->tasks, c->n_tasks, sizeof wanted, by_name);
    if (!t) {
      without_data[(*n_without)++] = tasks.items[k];
      continue;
    }
    c->tasks[t - c->tasks].cluster = to;
    taken[t - c->tasks] = true;
    n++;
  }
  return n;
}

typedef struct named {
  const char *name;
  uint32_t cluster; // UINT32_MAX: left out
} named;

static int by_its_name(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

// Either may have named the other. Pairs, in order.
typedef struct neighbour_pair {
  uint32_t of, is;
} neighbour_pair;

static int by_pair(const void *a, const void *b) {
  const neighbour_pair *x = a, *y = b;
  if (x->of != y->of) return x->of < y->of ? -1 : 1;
  return (x->is > y->is) - (x->is < y->is);
}

static void take_neighbours(arena *a, clusters *c, const cluster_file *file, named *entries) {
  uint64_t n = 0, n_pairs = 0;
  for (uint32_t i = 0; i < file->n; i++) n += 2 * (uint64_t)file->items[i].neighbours.n;
  neighbour_pair *pairs = ARENA_ARRAY(a, neighbour_pair, n);
  named *sorted = ARENA_ARRAY(a, named, file->n);
  memcpy(sorted, entries, file->n * sizeof *entries);
  qsort(sorted, file->n, sizeof *sorted, by_its_name);
  for (uint32_t i = 0; i < file->n; i++) {
    for (uint32_t k = 0; k < file->items[i].neighbours.n && entries[i].cluster != UINT32_MAX; k++) {
      const named wanted = {.name = file->items[i].neighbours.items[k]},
                  *is = bsearch(&wanted, sorted, file->n, sizeof wanted, by_its_name);
      REQUIRE(is, "%s: the neighbour %s", file->path, wanted.name);
      if (is->cluster == UINT32_MAX) continue;
      pairs[n_pairs++] = (neighbour_pair){entries[i].cluster, is->cluster};
      pairs[n_pairs++] = (neighbour_pair){is->cluster, entries[i].cluster};
    }
  }
  if (n_pairs) qsort(pairs, n_pairs, sizeof *pairs, by_pair);
  uint32_t *all = ARENA_ARRAY(a, uint32_t, n_pairs), *next = all;
  for (uint64_t i = 0; i < n_pairs; i++) {
    if (i && !by_pair(&pairs[i], &pairs[i - 1])) continue;
    cluster_item *x = &c->items[pairs[i].of];
    if (!x->n_neighbours) x->neighbours = next;
    *next++ = pairs[i].is;
    x->n_neighbours++;
  }
}

static bool take_from_file(arena *a, clusters *c, const cluster_file *file, err *e) {
  uint64_t n_named = 0;
  for (uint32_t i = 0; i < file->n; i++) n_named += file->items[i].tasks.n;
  const char **without_data = ARENA_ARRAY(a, const char *, n_named), **empty = ARENA_ARRAY(a, const char *, file->n);
  const char **without = ARENA_ARRAY(a, const char *, c->n_tasks);
  bool *taken = ARENA_ARRAY(a, bool, c->n_tasks);
  named *entries = ARENA_ARRAY(a, named, file->n);
  uint32_t n_without = 0;
  c->items = ARENA_ARRAY(a, cluster_item, file->n);
  c->without_data.items = without_data;
  c->without_task.items = empty;
  for (uint32_t i = 0; i < file->n; i++) {
    const cluster_entry *x = &file->items[i];
    const bool any = take_tasks(c, x->tasks, c->n, taken, without_data, &c->without_data.n);
    entries[i] = (named){x->name, any ? c->n : UINT32_MAX};
    if (any) c->items[c->n++] = (cluster_item){.name = x->name, .metric = x->metric};
    else empty[c->without_task.n++] = x->name;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++)
    if (!taken[i]) without[n_without++] = c->tasks[i].name;
  TRY(check_in_one(c, without, n_without, e));
  take_neighbours(a, c, file, entries);
  return true;
}

// The tasks of each cluster, and counts.
static void list_tasks(arena *a, clusters *c) {
  uint32_t *all = ARENA_ARRAY(a, uint32_t, c->n_tasks), first = 0;
  for (uint32_t i = 0; i < c->n_tasks; i++) c->items[c->tasks[i].cluster].n_tasks++;
  for (uint32_t i = 0; i < c->n; i++) {
    c->items[i].tasks = all + first;
    first += c->items[i].n_tasks;
    c->items[i].n_tasks = 0;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    cluster_item *x = &c->items[c->tasks[i].cluster];
    all[x->tasks - all + x->n_tasks++] = i;
    x->n += c->tasks[i].n;
  }
}

bool clusters_make(arena *a, const dataset *set, const cluster_file *file, clusters *out, err *e) {
  clusters c = {.set = set, .path = file ? file->path : NULL};
  number_origins(a, &c);
  number_sources(a, &c);
  TRY(number_tasks(a, &c, e));
  TRY(file ? take_from_file(a, &c, file, e) : take_from_rows(a, &c, e));
  list_tasks(a, &c);
  *out = c;
  return true;
}

void clusters_describe_lost(const clusters *c, text *out) {
  if (c->without_task.n) {
    text_printf(out, "; %u clusters of %s have no task here and are left out: ", c->without_task.n, c->path);
    put_list(out, c->without_task.items, c->without_task.n);
  }
  if (!c->without_data.n) return;
  text_printf(out, "; of %u tasks in %s there is no example: ", c->without_data.n, c->path);
  put_list(out, c->without_data.items, c->without_data.n);
}
