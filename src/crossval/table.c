#include "crossval/table.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "crossval/arm.h"
#include "crossval/record.h"
#include "eval/bootstrap.h"

enum { MOST_METRICS = 32 };

typedef struct fold_result {
  arm_result arms[N_ARMS];
  int64_t tokens;
  double seconds;
} fold_result;

// What one metric says of all folds: scores of unlike metrics are never averaged.
typedef struct metric_table {
  vkift_metric metric;
  uint32_t n_folds, n_tasks;
  const uint32_t *folds;                                                      // [n_folds]: those that have tasks of it
  const uint32_t *clusters;                                                   // [n_folds + 1]: tasks of each
  const uint64_t *tasks;                                                      // [n_tasks + 1]: instances of each
  const char **task_names;                                                    // [n_tasks]
  bootstrap_score *of_tasks, *of_folds, all;                                  // tuned beside base
  bootstrap_score *other_tasks[N_ARMS], *other_folds[N_ARMS], others[N_ARMS]; // of the arms that were asked for
} metric_table;

typedef struct table {
  arena *memory;
  const crossval *v;
  fold_result *folds; // [v->n_folds]
  metric_table metrics[MOST_METRICS];
  uint32_t n_metrics;
} table;

// --- reading -----------------------------------------------------------------------------------------------------------

static bool same_tasks(const arm_result *x, const arm_result *y) {
  if (x->n_tasks != y->n_tasks) return false;
  for (uint32_t i = 0; i < x->n_tasks; i++) {
    const arm_task *p = &x->tasks[i], *q = &y->tasks[i];
    if (strcmp(p->name, q->name) || p->n != q->n || p->metric != q->metric) return false;
  }
  return true;
}

static bool read_folds(table *t, err *e) {
  const crossval *v = t->v;
  t->folds = ARENA_ARRAY(t->memory, fold_result, v->n_folds);
  for (uint32_t i = 0; i < v->n_folds; i++) {
    fold_result *f = &t->folds[i];
    for (arm_kind k = 0; k < N_ARMS; k++) {
      if (!arm_is_wanted(v, k)) continue;
      TRY(arm_read(t->memory, v, i, k, &f->arms[k], e));
      if (!same_tasks(&f->arms[0], &f->arms[k]))
        return ERR(e, "%s: expected scores of the same tasks by %s and %s, found others: one of the files is damaged",
                   crossval_fold_dir(t->memory, v, i), arm_names[0], arm_names[k]);
      f->tokens += f->arms[k].tokens;
      f->seconds += f->arms[k].seconds;
    }
  }
  return true;
}

// --- scores ------------------------------------------------------------------------------------------------------------

static double total(const void *of, const double *sums, uint64_t n) {
  return metric_total(((const metric_table *)of)->metric, sums, n);
}

// Where the metric's tasks and their instances stand, fold by fold.
static void lay_out(table *t, metric_table *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->v->n_folds; i++) n += t->folds[i].arms[0].n_tasks;
  uint32_t *folds = ARENA_ARRAY(t->memory, uint32_t, t->v->n_folds);
  uint32_t *ends = ARENA_ARRAY(t->memory, uint32_t, t->v->n_folds + 1);
  uint64_t *tasks = ARENA_ARRAY(t->memory, uint64_t, n + 1);
  m->task_names = ARENA_ARRAY(t->memory, const char *, n);
  for (uint32_t i = 0; i < t->v->n_folds; i++) {
    const arm_result *r = &t->folds[i].arms[0];
    const uint32_t before = m->n_tasks;
    for (uint32_t k = 0; k < r->n_tasks; k++) {
      if (r->tasks[k].metric != m->metric) continue;
      m->task_names[m->n_tasks] = r->tasks[k].name;
      tasks[m->n_tasks + 1] = tasks[m->n_tasks] + r->tasks[k].n;
      m->n_tasks++;
    }
    if (m->n_tasks == before) continue;
    folds[m->n_folds++] = i;
    ends[m->n_folds] = m->n_tasks;
  }
  m->folds = folds;
  m->clusters = ends;
  m->tasks = tasks;
}

static const double *stats_of(table *t, const metric_table *m, arm_kind kind) {
  const uint32_t width = metric_width(m->metric);
  double *all = ARENA_ARRAY(t->memory, double, m->tasks[m->n_tasks] * width), *to = all;
  for (uint32_t i = 0; i < t->v->n_folds; i++) {
    const arm_result *r = &t->folds[i].arms[kind];
    for (uint32_t k = 0; k < r->n_tasks; k++) {
      if (r->tasks[k].metric != m->metric) continue;
      memcpy(to, r->tasks[k].stats, (uint64_t)r->tasks[k].n * width * sizeof *to);
      to += (uint64_t)r->tasks[k].n * width;
    }
  }
  return all;
}

static void score(table *t, metric_table *m) {
  lay_out(t, m);
  bootstrap_data d = {.n_clusters = m->n_folds,
                      .clusters = m->clusters,
                      .tasks = m->tasks,
                      .width = metric_width(m->metric),
                      .tuned = stats_of(t, m, ARM_TUNED),
                      .base = stats_of(t, m, ARM_BASE),
                      .total = total,
                      .of = m};
  const uint64_t seed = (uint64_t)t->v->options.train.seed;
  m->of_tasks = ARENA_ARRAY(t->memory, bootstrap_score, m->n_tasks);
  m->of_folds = ARENA_ARRAY(t->memory, bootstrap_score, m->n_folds);
  bootstrap_run(&d, seed, m->of_tasks, m->of_folds, &m->all);
  d.base = NULL;
  for (arm_kind k = ARM_SHUFFLED; k < N_ARMS; k++) {
    if (!arm_is_wanted(t->v, k)) continue;
    d.tuned = stats_of(t, m, k);
    m->other_tasks[k] = ARENA_ARRAY(t->memory, bootstrap_score, m->n_tasks);
    m->other_folds[k] = ARENA_ARRAY(t->memory, bootstrap_score, m->n_folds);
    bootstrap_run(&d, seed, m->other_tasks[k], m->other_folds[k], &m->others[k]);
  }
}

static metric_table *find_metric(table *t, vkift_metric metric) {
  for (uint32_t i = 0; i < t->n_metrics; i++)
    if (t->metrics[i].metric == metric) return &t->metrics[i];
  return NULL;
}

static void score_all(table *t) {
  for (uint32_t i = 0; i < t->v->n_folds; i++) {
    const arm_result *r = &t->folds[i].arms[0];
    for (uint32_t k = 0; k < r->n_tasks; k++) {
      if (find_metric(t, r->tasks[k].metric)) continue;
      REQUIRE(t->n_metrics < MOST_METRICS, "%u metrics", t->n_metrics);
      t->metrics[t->n_metrics++].metric = r->tasks[k].metric;
    }
  }
  for (uint32_t i = 0; i < t->n_metrics; i++) score(t, &t->metrics[i]);
}

// The metric that most folds have: that of the row over all.
static const metric_table *main_metric(const table *t) {
  const metric_table *best = &t->metrics[0];
  for (uint32_t i = 1; i < t->n_metrics; i++)
    if (t->metrics[i].n_folds > best->n_folds) best = &t->metrics[i];
  return best;
}

// --- rows --------------------------------------------------------------------------------------------------------------

static double other(const table *t, arm_kind k, const bootstrap_score *s) {
  return arm_is_wanted(t->v, k) ? s->tuned : NAN;
}

static bool has_fold(const metric_table *m, uint32_t fold_number) {
  for (uint32_t i = 0; i < m->n_folds; i++)
    if (m->folds[i] == fold_number) return true;
  return false;
}

// Of a fold with tasks of several metrics the first row has its tokens and time.
static bool is_first(const table *t, const metric_table *m, uint32_t fold_number) {
  const metric_table *first = t->metrics;
  while (!has_fold(first, fold_number)) first++;
  return first == m;
}

static vkift_crossval_row fold_row(const table *t, const metric_table *m, uint32_t place) {
  const bootstrap_score *s = &m->of_folds[place];
  const fold_result *f = &t->folds[m->folds[place]];
  const bool first = is_first(t, m, m->folds[place]);
  return (vkift_crossval_row){.name = t->v->names[m->folds[place]],
                              .metric = metric_name(m->metric),
                              .base = s->base,
                              .tuned = s->tuned,
                              .difference = s->difference,
                              .low = s->low_difference,
                              .high = s->high_difference,
                              .shuffled = arm_is_wanted(t->v, ARM_SHUFFLED) ? m->other_folds[ARM_SHUFFLED][place].tuned : NAN,
                              .seen = arm_is_wanted(t->v, ARM_SEEN) ? m->other_folds[ARM_SEEN][place].tuned : NAN,
                              .n = (int64_t)(m->tasks[m->clusters[place + 1]] - m->tasks[m->clusters[place]]),
                              .tokens = first ? f->tokens : 0,
                              .seconds = first ? f->seconds : 0};
}

static vkift_crossval_row all_row(const table *t, const metric_table *m) {
  vkift_crossval_row row = {.name = "all",
                            .is_overall = true,
                            .metric = metric_name(m->metric),
                            .base = m->all.base,
                            .tuned = m->all.tuned,
                            .difference = m->all.difference,
                            .low = m->all.low_difference,
                            .high = m->all.high_difference,
                            .shuffled = other(t, ARM_SHUFFLED, &m->others[ARM_SHUFFLED]),
                            .seen = other(t, ARM_SEEN, &m->others[ARM_SEEN]),
                            .n = (int64_t)m->tasks[m->n_tasks]};
  for (uint32_t i = 0; i < t->v->n_folds && m == main_metric(t); i++)
    row.tokens += t->folds[i].tokens, row.seconds += t->folds[i].seconds;
  return row;
}

// --- results.json ------------------------------------------------------------------------------------------------------

static void put(text *out, const char *key, double v) {
  if (isnan(v)) return;
  text_printf(out, ", \"%s\": ", key);
  json_put_number(out, v);
}

static void put_row(text *out, const vkift_crossval_row *r) {
  text_puts(out, "{\"name\": ");
  json_put_string(out, r->name);
  text_printf(out, ", \"metric\": \"%s\"", r->metric);
  put(out, "base", r->base);
  put(out, "tuned", r->tuned);
  put(out, "difference", r->difference);
  put(out, "low", r->low);
  put(out, "high", r->high);
  put(out, "shuffled", r->shuffled);
  put(out, "seen", r->seen);
  put(out, "n", (double)r->n);
  put(out, "tokens", r->tokens ? (double)r->tokens : NAN); // of a fold's first row
  put(out, "seconds", r->tokens ? r->seconds : NAN);
}

static void put_tasks(text *out, const table *t, const metric_table *m, uint32_t place) {
  text_puts(out, ",\n     \"tasks\": [");
  for (uint32_t k = m->clusters[place]; k < m->clusters[place + 1]; k++) {
    text_puts(out, k > m->clusters[place] ? ",\n       {\"name\": " : "\n       {\"name\": ");
    json_put_string(out, m->task_names[k]);
    text_printf(out, ", \"metric\": \"%s\"", metric_name(m->metric));
    put(out, "base", m->of_tasks[k].base);
    put(out, "tuned", m->of_tasks[k].tuned);
    for (arm_kind a = ARM_SHUFFLED; a < N_ARMS; a++)
      if (arm_is_wanted(t->v, a)) put(out, arm_names[a], m->other_tasks[a][k].tuned);
    put(out, "n", (double)(m->tasks[k + 1] - m->tasks[k]));
    text_putc(out, '}');
  }
  text_putc(out, ']');
}

// What the fold trained on and left out, from its record.
static bool put_record(text *out, const table *t, uint32_t fold_number, err *e) {
  json d;
  TRY(record_read(t->memory, t->v, fold_number, &d, e));
  static const char *const keys[] = {"train", "arms", "left_out"};
  for (int i = 0; i < 3; i++) {
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(d.root, keys[i]);
    char *value = x ? cJSON_PrintUnformatted(x) : NULL;
    if (value) text_printf(out, ",\n     \"%s\": %s", keys[i], value);
    cJSON_free(value);
  }
  json_free(&d);
  return true;
}

static bool put_folds(text *out, const table *t, err *e) {
  bool first = true;
  for (uint32_t i = 0; i < t->v->n_folds; i++)
    for (uint32_t k = 0; k < t->n_metrics; k++) {
      const metric_table *m = &t->metrics[k];
      for (uint32_t place = 0; place < m->n_folds; place++) {
        if (m->folds[place] != i) continue;
        const vkift_crossval_row row = fold_row(t, m, place);
        text_puts(out, first ? "\n    " : ",\n    ");
        first = false;
        put_row(out, &row);
        put_tasks(out, t, m, place);
        TRY(put_record(out, t, i, e));
        text_putc(out, '}');
      }
    }
  return true;
}

static bool put_results(text *out, table *t, err *e) {
  const crossval *v = t->v;
  text_printf(out, "{\n  \"leave_out\": \"%s\",\n  \"model\": ", v->rules.leave_out_task ? "task" : "cluster");
  json_put_string(out, path_name(v->model->path));
  text_printf(out, ",\n  \"base_is_instruction_tuned\": %s,\n  \"seed\": %lld,\n  \"confidence\": 0.95,\n  \"clusters\": [",
              v->base_is_tuned ? "true" : "false", (long long)v->options.train.seed);
  TRY(put_folds(out, t, e));
  const vkift_crossval_row all = all_row(t, main_metric(t));
  text_puts(out, "\n  ],\n  \"overall\": ");
  put_row(out, &all);
  text_puts(out, "},\n  \"overall_by_metric\": [");
  for (uint32_t k = 0; k < t->n_metrics; k++) {
    const vkift_crossval_row row = all_row(t, &t->metrics[k]);
    text_puts(out, k ? ",\n    " : "\n    ");
    put_row(out, &row);
    text_printf(out, ", \"clusters\": %u}", t->metrics[k].n_folds);
  }
  text_puts(out, "\n  ]\n}\n");
  return true;
}

static void hand_over(table *t) {
  const vkift_crossval_events *events = t->v->events;
  if (!events->row) return;
  for (uint32_t i = 0; i < t->v->n_folds; i++)
    for (uint32_t k = 0; k < t->n_metrics; k++)
      for (uint32_t place = 0; place < t->metrics[k].n_folds; place++) {
        const vkift_crossval_row row = fold_row(t, &t->metrics[k], place);
        if (t->metrics[k].folds[place] == i) events->row(events->train.user, &row);
      }
  const metric_table *main = main_metric(t);
  for (uint32_t k = 0; k <= t->n_metrics; k++) { // first that of most clusters
    const metric_table *m = k ? &t->metrics[k - 1] : main;
    if (k && m == main) continue;
    const vkift_crossval_row row = all_row(t, m);
    events->row(events->train.user, &row);
  }
}

bool table_write(const crossval *v, err *e) {
  arena *a = arena_new("table");
  table *t = ARENA_NEW(a, table);
  *t = (table){.memory = a, .v = v};
  text out = {0};
  bool ok = read_folds(t, e);
  if (ok) score_all(t);
  ok = ok && put_results(&out, t, e) && file_replace(path_join(a, v->run_dir, "results.json"), out.data, out.length, e);
  if (ok) hand_over(t);
  text_free(&out);
  arena_free(a);
  return ok;
}
