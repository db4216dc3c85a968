// The rows of tasks_summarise: the tasks of one metric at a time through the bootstrap.
#include <string.h>

#include "eval/bootstrap.h"
#include "eval/tasks.h"

typedef struct summary {
  arena *memory;
  const task_scores *tuned, *base;
  uint64_t seed;
  vkift_task_score *rows;
  uint64_t n, capacity;
} summary;

static double total(const void *of, const double *sums, uint64_t n) {
  return metric_total(*(const vkift_metric *)of, sums, n);
}

// The numbers of the items of tasks [first, end), one task behind the other.
static const double *numbers_of(arena *a, const task_scores *s, uint32_t first, uint32_t end, uint32_t width) {
  uint64_t n = 0;
  for (uint32_t t = first; t < end; t++) n += s->tasks[t].n;
  double *numbers = arena_array(a, n, width * sizeof(double)), *at = numbers;
  for (uint32_t t = first; t < end; t++)
    for (uint64_t i = 0; i < s->tasks[t].n; i++, at += width)
      memcpy(at, s->items[s->tasks[t].items[i]].result.stats, width * sizeof *at);
  return numbers;
}

static vkift_task_score row_of(const bootstrap_score *b, vkift_score_level level, const char *name, vkift_metric m) {
  return (vkift_task_score){.level = level,
                            .name = name,
                            .cluster = "",
                            .category = "",
                            .metric = m,
                            .metric_name = metric_name(m),
                            .score = b->tuned,
                            .low = b->low,
                            .high = b->high,
                            .base = b->base,
                            .difference = b->difference,
                            .low_difference = b->low_difference,
                            .high_difference = b->high_difference,
                            .frequent_answer = ""};
}

static void put(summary *s, vkift_task_score row) {
  arena_grow(s->memory, (void **)&s->rows, &s->capacity, s->n + 1, sizeof *s->rows);
  s->rows[s->n++] = row;
}

static vkift_task_score task_row(const summary *s, uint32_t t, const bootstrap_score *b) {
  const task_group *of = &s->tuned->tasks[t];
  vkift_task_score row = row_of(b, VKIFT_SCORE_TASK, of->task, of->metric);
  row.cluster = of->cluster;
  row.category = of->category;
  row.tasks = row.clusters = 1;
  row.examples = (int64_t)of->n;
  row.constant = of->constant;
  row.frequent_answer = of->frequent;
  row.limits = (int64_t)of->n_limits;
  row.limits_met = (int64_t)of->n_met;
  row.base_limits_met = s->base ? (int64_t)s->base->tasks[t].n_met : 0;
  return row;
}

static void add_counts(vkift_task_score *row, const vkift_task_score *part) {
  row->tasks += part->tasks;
  row->examples += part->examples;
  row->limits += part->limits;
  row->limits_met += part->limits_met;
  row->base_limits_met += part->base_limits_met;
}

static void put_clusters(summary *s, const bootstrap_data *d, uint32_t first, const bootstrap_score *tasks,
                         const bootstrap_score *clusters, const bootstrap_score *all) {
  const vkift_metric m = s->tuned->tasks[first].metric;
  vkift_task_score whole = row_of(all, VKIFT_SCORE_ALL, "", m);
  for (uint32_t c = 0; c < d->n_clusters; c++) {
    const uint32_t begin = d->clusters[c], end = d->clusters[c + 1];
    vkift_task_score row = row_of(&clusters[c], VKIFT_SCORE_CLUSTER, s->tuned->tasks[first + begin].cluster, m);
    row.clusters = 1;
    const uint64_t at = s->n;
    put(s, row);
    for (uint32_t t = begin; t < end; t++) {
      const vkift_task_score of_task = task_row(s, first + t, &tasks[t]);
      add_counts(&row, &of_task);
      row.constant += of_task.constant / (end - begin);
      put(s, of_task);
    }
    s->rows[at] = row;
    add_counts(&whole, &row);
    whole.clusters++;
    whole.constant += row.constant / d->n_clusters;
  }
  put(s, whole);
}

// Tasks [first, end) have one metric.
static void summarise_metric(summary *s, uint32_t first, uint32_t end) {
  arena *a = s->memory;
  const vkift_metric m = s->tuned->tasks[first].metric;
  const uint32_t n_tasks = end - first;
  uint32_t *clusters = ARENA_ARRAY(a, uint32_t, (uint64_t)n_tasks + 1);
  uint64_t *tasks = ARENA_ARRAY(a, uint64_t, (uint64_t)n_tasks + 1);
  bootstrap_data d = {.clusters = clusters, .tasks = tasks, .width = metric_width(m), .total = total, .of = &m};
  for (uint32_t t = 0; t < n_tasks; t++) {
    const task_group *of = &s->tuned->tasks[first + t];
    tasks[t + 1] = tasks[t] + of->n;
    if (!t || strcmp(of->cluster, of[-1].cluster)) clusters[d.n_clusters++] = t;
  }
  clusters[d.n_clusters] = n_tasks;
  d.tuned = numbers_of(a, s->tuned, first, end, d.width);
  if (s->base) d.base = numbers_of(a, s->base, first, end, d.width);
  bootstrap_score *of_tasks = ARENA_ARRAY(a, bootstrap_score, n_tasks),
                  *of_clusters = ARENA_ARRAY(a, bootstrap_score, d.n_clusters), all;
  bootstrap_run(&d, s->seed, of_tasks, of_clusters, &all);
  put_clusters(s, &d, first, of_tasks, of_clusters, &all);
}

void tasks_summarise(arena *a, const task_scores *tuned, const task_scores *base, uint64_t seed, vkift_task_score **rows,
                     uint64_t *n) {
  summary s = {.memory = a, .tuned = tuned, .base = base, .seed = seed};
  REQUIRE(!base || (base->n == tuned->n && base->n_tasks == tuned->n_tasks), "%llu answers beside %llu",
          (unsigned long long)tuned->n, (unsigned long long)base->n);
  for (uint32_t first = 0, end; first < tuned->n_tasks; first = end) {
    for (end = first; end < tuned->n_tasks && tuned->tasks[end].metric == tuned->tasks[first].metric;) end++;
    summarise_metric(&s, first, end);
  }
  *rows = s.rows;
  *n = s.n;
}
