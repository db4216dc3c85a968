#include "data/similar_groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/agglomerate.h"

// --- the number of groups ----------------------------------------------------------------------------------------------

static float *distances(arena *a, const task_similarity *s) {
  float *d = ARENA_ARRAY(a, float, (uint64_t)s->n * s->n);
  for (uint64_t i = 0; i < (uint64_t)s->n * s->n; i++) d[i] = 1 - s->s[i];
  return d;
}

static uint32_t most_groups(uint32_t n) {
  const uint32_t most = 10 + (uint32_t)(2 * sqrt((double)n));
  return most < n - 1 ? most : n - 1;
}

static uint32_t choose_number(arena *a, const float *d, const agglomerate_merge *merges, uint32_t n) {
  uint32_t *labels = ARENA_ARRAY(a, uint32_t, n), best = 2;
  double highest = -2;
  for (uint32_t k = 2; k <= most_groups(n); k++) {
    agglomerate_cut(merges, n, k, labels);
    const double mean = agglomerate_silhouette(a, d, n, k, labels, NULL, NULL);
    if (mean > highest) highest = mean, best = k;
  }
  return best;
}

// --- names -------------------------------------------------------------------------------------------------------------

typedef struct word {
  const char *text;
  double weight;
  uint32_t n; // tasks that have it
} word;

static int by_text(const void *a, const void *b) {
  return strcmp(((const word *)a)->text, ((const word *)b)->text);
}

static int by_weight(const void *a, const void *b) {
  const word *x = a, *y = b;
  if (x->weight < y->weight || x->weight > y->weight) return x->weight > y->weight ? -1 : 1;
  return by_text(a, b);
}

// The words of a group, those first that weigh most in most of its tasks.
static word *words_of(arena *a, const similar_groups *g, uint32_t group, const task_similarity *s, uint64_t *n_words) {
  uint64_t n = 0, kept = 0;
  for (uint32_t i = 0; i < g->sizes[group]; i++) n += s->n_words[g->lists[group][i]];
  word *all = ARENA_ARRAY(a, word, n);
  n = 0;
  for (uint32_t i = 0; i < g->sizes[group]; i++) {
    const uint32_t task = g->lists[group][i];
    for (uint32_t k = 0; k < s->n_words[task]; k++) all[n++] = (word){s->words[task][k], (double)s->weights[task][k], 1};
  }
  if (n) qsort(all, n, sizeof *all, by_text);
  for (uint64_t i = 0; i < n; i++) {
    if (kept && !strcmp(all[kept - 1].text, all[i].text)) all[kept - 1].weight += all[i].weight, all[kept - 1].n++;
    else all[kept++] = all[i];
  }
  for (uint64_t i = 0; i < kept; i++) all[i].weight *= all[i].n;
  if (kept) qsort(all, kept, sizeof *all, by_weight);
  *n_words = kept;
  return all;
}

static bool is_taken(const similar_groups *g, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (!strcmp(g->names[i], name)) return true;
  return false;
}

// Plural and singular say the same.
static bool says_the_same(const char *x, const char *y) {
  const size_t n = strlen(x), m = strlen(y), least = n < m ? n : m;
  return !strncmp(x, y, least) && (n > m ? n - m : m - n) <= 1;
}

static const char *name_of(arena *a, arena *scratch, const similar_groups *g, uint32_t group, const task_similarity *s) {
  uint64_t n;
  const word *words = words_of(scratch, g, group, s, &n);
  const char *name = "", *last = "";
  uint32_t n_used = 0;
  for (uint64_t i = 0; i < n && (n_used < 2 || (is_taken(g, group, name) && n_used < 4)); i++) {
    if (*last && (says_the_same(words[i].text, last) || says_the_same(words[i].text, words[0].text))) continue;
    name = n_used++ ? arena_printf(scratch, "%s-%s", name, words[i].text) : words[i].text;
    last = words[i].text;
  }
  if (!*name) name = "group";
  const char *unique = name;
  for (uint32_t k = 2; is_taken(g, group, unique); k++) unique = arena_printf(scratch, "%s-%u", name, k);
  return arena_strdup(a, unique);
}

// --- groups ------------------------------------------------------------------------------------------------------------

typedef struct ordered {
  uint32_t label, size, first;
} ordered;

static int by_size(const void *a, const void *b) {
  const ordered *x = a, *y = b;
  if (x->size != y->size) return x->size > y->size ? -1 : 1;
  return (x->label > y->label) - (x->label < y->label);
}

// The largest group becomes the first.
static void number_by_size(arena *scratch, similar_groups *g, uint32_t *labels) {
  ordered *order = ARENA_ARRAY(scratch, ordered, g->n);
  uint32_t *number = ARENA_ARRAY(scratch, uint32_t, g->n);
  for (uint32_t i = 0; i < g->n; i++) order[i].label = i;
  for (uint32_t i = 0; i < g->n_tasks; i++) order[labels[i]].size++;
  qsort(order, g->n, sizeof *order, by_size);
  for (uint32_t i = 0; i < g->n; i++) {
    number[order[i].label] = i;
    g->sizes[i] = order[i].size;
  }
  for (uint32_t i = 0; i < g->n_tasks; i++) labels[i] = number[labels[i]];
}

typedef struct placed {
  double width;
  uint32_t task;
} placed;

static int by_width(const void *a, const void *b) {
  const placed *x = a, *y = b;
  if (x->width < y->width || x->width > y->width) return x->width > y->width ? -1 : 1;
  return (x->task > y->task) - (x->task < y->task);
}

static void list_tasks(arena *a, arena *scratch, similar_groups *g) {
  placed *order = ARENA_ARRAY(scratch, placed, g->n_tasks);
  for (uint32_t i = 0; i < g->n_tasks; i++) order[i] = (placed){g->tasks[i].width, i};
  qsort(order, g->n_tasks, sizeof *order, by_width);
  for (uint32_t k = 0; k < g->n; k++) {
    uint32_t *list = ARENA_ARRAY(a, uint32_t, g->sizes[k]), n = 0;
    for (uint32_t i = 0; i < g->n_tasks; i++)
      if (g->tasks[order[i].task].group == k) list[n++] = order[i].task;
    g->lists[k] = list;
  }
  for (uint32_t i = g->n_tasks; i-- && g->n_borders < SIMILAR_BORDERS;)
    if (g->sizes[g->tasks[order[i].task].group] > 1) g->borders[g->n_borders++] = order[i].task;
}

// The most similar task of another group.
static void find_like(similar_groups *g, const task_similarity *s) {
  for (uint32_t i = 0; i < g->n_tasks; i++) {
    similar_task *t = &g->tasks[i];
    t->similarity = -1;
    for (uint32_t k = 0; k < g->n_tasks; k++) {
      const double similarity = (double)s->s[(uint64_t)i * s->n + k];
      if (g->tasks[k].group != t->group && similarity > t->similarity) t->similarity = similarity, t->like = k;
    }
  }
}

bool similar_groups_find(arena *a, const task_texts *tasks, const task_similarity *similarity, uint32_t n_groups,
                         similar_groups *out, err *e) {
  const uint32_t n = tasks->n;
  if (n < SIMILAR_LEAST_TASKS) return ERR(e, "expected at least %d tasks to group, found %u", SIMILAR_LEAST_TASKS, n);
  if (n_groups && (n_groups < 2 || n_groups >= n))
    return ERR(e, "n_clusters: expected at least 2 and fewer than the %u tasks, found %u", n, n_groups);
  arena *scratch = arena_new("groups of tasks");
  const float *d = distances(scratch, similarity);
  const agglomerate_merge *merges = agglomerate(scratch, d, n);
  uint32_t *labels = ARENA_ARRAY(scratch, uint32_t, n), *other = ARENA_ARRAY(scratch, uint32_t, n);
  double *widths = ARENA_ARRAY(scratch, double, n);
  similar_groups g = {.n = n_groups ? n_groups : choose_number(scratch, d, merges, n), .n_tasks = n};
  g.tasks = ARENA_ARRAY(a, similar_task, n);
  g.names = ARENA_ARRAY(a, const char *, g.n);
  g.lists = ARENA_ARRAY(a, const uint32_t *, g.n);
  g.sizes = ARENA_ARRAY(a, uint32_t, g.n);
  g.borders = ARENA_ARRAY(a, uint32_t, SIMILAR_BORDERS);
  agglomerate_cut(merges, n, g.n, labels);
  number_by_size(scratch, &g, labels);
  g.silhouette = agglomerate_silhouette(scratch, d, n, g.n, labels, widths, other);
  for (uint32_t i = 0; i < n; i++) g.tasks[i] = (similar_task){.group = labels[i], .other = other[i], .width = widths[i]};
  list_tasks(a, scratch, &g);
  find_like(&g, similarity);
  for (uint32_t k = 0; k < g.n; k++) g.names[k] = name_of(a, scratch, &g, k, similarity);
  arena_free(scratch);
  *out = g;
  return true;
}

cluster_file similar_groups_file(arena *a, const similar_groups *g, const task_texts *tasks) {
  cluster_file file = {.path = "clusters by similarity", .items = ARENA_ARRAY(a, cluster_entry, g->n), .n = g->n};
  for (uint32_t k = 0; k < g->n; k++) {
    const char **names = ARENA_ARRAY(a, const char *, g->sizes[k]);
    for (uint32_t i = 0; i < g->sizes[k]; i++) names[i] = tasks->items[g->lists[k][i]].name;
    file.items[k] = (cluster_entry){.name = g->names[k], .tasks = {names, g->sizes[k]}};
  }
  return file;
}

// --- agreement ---------------------------------------------------------------------------------------------------------

static double pairs(double n) {
  return n * (n - 1) / 2;
}

double similar_rand_index(const uint32_t *x, uint32_t n_x, const uint32_t *y, uint32_t n_y, uint32_t n) {
  arena *a = arena_new("a table of two partitions");
  uint32_t *both = ARENA_ARRAY(a, uint32_t, (uint64_t)n_x * n_y), *of_x = ARENA_ARRAY(a, uint32_t, n_x),
           *of_y = ARENA_ARRAY(a, uint32_t, n_y);
  for (uint32_t i = 0; i < n; i++) both[(uint64_t)x[i] * n_y + y[i]]++, of_x[x[i]]++, of_y[y[i]]++;
  double same = 0, in_x = 0, in_y = 0;
  for (uint64_t i = 0; i < (uint64_t)n_x * n_y; i++) same += pairs(both[i]);
  for (uint32_t i = 0; i < n_x; i++) in_x += pairs(of_x[i]);
  for (uint32_t i = 0; i < n_y; i++) in_y += pairs(of_y[i]);
  arena_free(a);
  const double expected = n > 1 ? in_x * in_y / pairs(n) : 0, most = (in_x + in_y) / 2;
  return most > expected ? (same - expected) / (most - expected) : 1; // where both are one group, or all alone: the same
}

static uint32_t number_categories(const task_texts *tasks, const char **names, uint32_t *number) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < tasks->n; i++) {
    const char *category = tasks->items[i].category;
    number[i] = UINT32_MAX;
    if (!*category) continue;
    uint32_t k = 0;
    while (k < n && strcmp(names[k], category)) k++;
    if (k == n) names[n++] = category;
    number[i] = k;
  }
  return n;
}

static void shuffle(uint32_t *items, uint32_t n, rng *r) {
  for (uint32_t i = n; i > 1; i--) {
    const uint32_t k = rng_below(r, i), kept = items[i - 1];
    items[i - 1] = items[k];
    items[k] = kept;
  }
}

similar_agreement similar_groups_agree(const similar_groups *g, const task_texts *tasks, uint32_t n_permutations, uint64_t seed) {
  similar_agreement out = {.n_permutations = n_permutations, .highest = -1};
  arena *a = arena_new("categories of tasks");
  uint32_t *categories = ARENA_ARRAY(a, uint32_t, tasks->n), *groups = ARENA_ARRAY(a, uint32_t, tasks->n);
  out.n_categories = number_categories(tasks, ARENA_ARRAY(a, const char *, tasks->n), categories);
  for (uint32_t i = 0; i < tasks->n; i++) {
    if (categories[i] == UINT32_MAX) continue;
    categories[out.n] = categories[i];
    groups[out.n++] = g->tasks[i].group;
  }
  if (out.n_categories > 1) {
    rng r = rng_new(seed, RNG_SHUFFLE);
    double sum = 0, squares = 0;
    out.index = similar_rand_index(groups, g->n, categories, out.n_categories, out.n);
    for (uint32_t i = 0; i < n_permutations; i++) {
      shuffle(categories, out.n, &r);
      const double index = similar_rand_index(groups, g->n, categories, out.n_categories, out.n);
      sum += index, squares += index * index;
      if (index > out.highest) out.highest = index;
      out.n_as_high += index >= out.index;
    }
    if (n_permutations) out.mean = sum / n_permutations;
    if (n_permutations > 1) out.deviation = sqrt(fmax(0, (squares - sum * out.mean) / (n_permutations - 1)));
  }
  arena_free(a);
  return out;
}
