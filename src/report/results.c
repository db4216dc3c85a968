#include "report/results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "io/json.h"

enum { MOST_BYTES = 64 << 20, MOST_CLUSTERS = 2000, MOST_TASKS = 5000, MOST_METRICS = 20 };

const char *const result_left_out[RESULT_LEFT_OUT] = {"same_source_tasks", "same_source", "neighbours_tasks",
                                                      "neighbours",        "same_prompt", "near_duplicates"};

bool results_lower_is_better(const char *metric) {
  static const char *const lower[] = {"perplexity", "loss", "nll"};
  for (size_t i = 0; metric && i < sizeof lower / sizeof *lower; i++)
    if (!strcmp(metric, lower[i])) return true;
  return false;
}

double results_loss(const result *r) {
  return r->lower ? r->difference : -r->difference;
}

bool results_is_surely_worse(const result *r) {
  return !results_has_no_interval(r) && (r->lower ? r->low > 0 : r->high < 0);
}

bool results_has_no_interval(const result *r) {
  return !(r->low < r->high);
}

uint64_t results_count_names(const results *r, bool only_worse) {
  uint64_t n = 0;
  for (uint64_t i = 0, last = UINT64_MAX; i < r->n; i++) {
    if (only_worse && !(results_loss(&r->clusters[i]) > 0)) continue;
    n += last == UINT64_MAX || strcmp(r->clusters[i].name, r->clusters[last].name) != 0;
    last = i;
  }
  return n;
}

// --- reading ---------------------------------------------------------------------------------------------------------------

static bool is_count(double v) {
  return v >= 0 && v < 1e15 && v == floor(v);
}

static bool read_counts(const json *d, const cJSON *in, const char *where, const char *const *keys, double *const *to, size_t n,
                        err *e) {
  for (size_t i = 0; i < n; i++) {
    TRY(json_number_or(d, in, where, keys[i], to[i], e));
    if (!isnan(*to[i]) && !is_count(*to[i]))
      return ERR(e, "%s: %s.%s: expected a whole number from 0 on, found %g", d->origin, where, keys[i], *to[i]);
  }
  return true;
}

static bool read_left_out(const json *d, const cJSON *in, const char *where, result *r, err *e) {
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(in, "left_out");
  if (!given || cJSON_IsNull(given)) return true;
  char place[96];
  cJSON *counts;
  TRY(json_object(d, in, where, "left_out", &counts, e));
  snprintf(place, sizeof place, "%s.left_out", where);
  double *to[RESULT_LEFT_OUT];
  for (size_t i = 0; i < RESULT_LEFT_OUT; i++) to[i] = &r->left_out[i];
  return read_counts(d, counts, place, result_left_out, to, RESULT_LEFT_OUT, e);
}

static bool read_tasks(arena *a, const json *d, const cJSON *in, const char *where, result *r, err *e) {
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(in, "tasks");
  if (!given || cJSON_IsNull(given)) return true;
  cJSON *list;
  TRY(json_array(d, in, where, "tasks", &list, e));
  const int n = cJSON_GetArraySize(list);
  if (n > MOST_TASKS) return ERR(e, "%s: %s.tasks: expected at most %d tasks, found %d", d->origin, where, MOST_TASKS, n);
  r->tasks = ARENA_ARRAY(a, result_task, n);
  for (const cJSON *item = list->child; item; item = item->next) {
    result_task *t = &r->tasks[r->n_tasks];
    char place[96];
    snprintf(place, sizeof place, "%s.tasks[%llu]", where, (unsigned long long)r->n_tasks++);
    *t = (result_task){.metric = r->metric};
    TRY(json_string(d, item, place, "name", &t->name, e) && json_string_or(d, item, place, "metric", &t->metric, e) &&
        json_number(d, item, place, "base", &t->base, e) && json_number(d, item, place, "tuned", &t->tuned, e));
    t->n = t->shuffled = t->seen = NAN;
    TRY(json_number_or(d, item, place, "shuffled", &t->shuffled, e) && json_number_or(d, item, place, "seen", &t->seen, e));
    TRY(read_counts(d, item, place, (const char *const[]){"n"}, (double *const[]){&t->n}, 1, e));
    if (isnan(t->n)) return ERR(e, "%s: %s.n: expected a whole number from 0 on, found nothing", d->origin, place);
    t->name = arena_strdup(a, t->name);
    t->metric = t->metric ? arena_strdup(a, t->metric) : NULL;
  }
  return true;
}

static bool read_result(arena *a, const json *d, const cJSON *in, const char *where, result *r, err *e) {
  r->base_low = r->base_high = r->shuffled = r->seen = r->tokens = r->seconds = NAN;
  r->train = r->n = NAN;
  for (size_t i = 0; i < RESULT_LEFT_OUT; i++) r->left_out[i] = NAN;
  const char *const required[] = {"base", "tuned", "difference", "low", "high"};
  double *const values[] = {&r->base, &r->tuned, &r->difference, &r->low, &r->high};
  for (size_t i = 0; i < 5; i++) TRY(json_number(d, in, where, required[i], values[i], e));
  const char *const optional[] = {"base_low", "base_high", "shuffled", "seen", "seconds"};
  double *const others[] = {&r->base_low, &r->base_high, &r->shuffled, &r->seen, &r->seconds};
  for (size_t i = 0; i < 5; i++) TRY(json_number_or(d, in, where, optional[i], others[i], e));
  TRY(read_counts(d, in, where, (const char *const[]){"n", "tokens", "train"}, (double *const[]){&r->n, &r->tokens, &r->train}, 3,
                  e));
  if (isnan(r->n)) return ERR(e, "%s: %s.n: expected a whole number from 0 on, found nothing", d->origin, where);
  if (r->low > r->high)
    return ERR(e, "%s: %s: expected low to be at most high, found %g and %g", d->origin, where, r->low, r->high);
  r->lower = results_lower_is_better(r->metric);
  return read_left_out(d, in, where, r, e) && read_tasks(a, d, in, where, r, e);
}

static bool read_cluster(arena *a, const json *d, const cJSON *in, uint64_t i, result *r, err *e) {
  char where[48];
  snprintf(where, sizeof where, "clusters[%llu]", (unsigned long long)i);
  snprintf(r->place, sizeof r->place, "/clusters/%llu", (unsigned long long)i);
  TRY(json_string(d, in, where, "name", &r->name, e) && json_string(d, in, where, "metric", &r->metric, e));
  r->name = arena_strdup(a, r->name);
  r->metric = arena_strdup(a, r->metric);
  return read_result(a, d, in, where, r, e);
}

// Scores of one metric get the same digits: three of shares, one of points.
static void choose_digits(results *r) {
  for (uint64_t i = 0; i <= r->n + r->n_by_metric; i++) {
    result *one = i < r->n ? &r->clusters[i] : i == r->n ? &r->overall : &r->by_metric[i - r->n - 1];
    double largest = fmax(fabs(one->base), fabs(one->tuned));
    for (uint64_t k = 0; k < r->n && one->metric; k++)
      if (!strcmp(r->clusters[k].metric, one->metric))
        largest = fmax(largest, fmax(fabs(r->clusters[k].base), fabs(r->clusters[k].tuned)));
    one->digits = largest <= 1 ? 3 : 1;
  }
}

static bool read_overall(arena *a, const json *d, const cJSON *in, const char *where, const char *place, result *r, err *e) {
  snprintf(r->place, sizeof r->place, "%s", place);
  TRY(json_string_or(d, in, where, "metric", &r->metric, e));
  if (r->metric) r->metric = arena_strdup(a, r->metric);
  r->name = "all";
  return read_result(a, d, in, where, r, e);
}

static bool read_by_metric(arena *a, const json *d, results *r, err *e) {
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(d->root, "overall_by_metric");
  if (!given || cJSON_IsNull(given)) return true;
  cJSON *list;
  TRY(json_array(d, d->root, "", "overall_by_metric", &list, e));
  const int n = cJSON_GetArraySize(list);
  if (n > MOST_METRICS) return ERR(e, "%s: overall_by_metric: expected at most %d metrics, found %d", d->origin, MOST_METRICS, n);
  if (n < 2) return true;
  r->by_metric = ARENA_ARRAY(a, result, n);
  for (const cJSON *item = list->child; item; item = item->next, r->n_by_metric++) {
    const unsigned long long i = r->n_by_metric;
    char where[48], place[48];
    snprintf(where, sizeof where, "overall_by_metric[%llu]", i);
    snprintf(place, sizeof place, "/overall_by_metric/%llu", i);
    TRY(read_overall(a, d, item, where, place, &r->by_metric[i], e));
  }
  return true;
}

static bool read_all(arena *a, const json *d, results *r, err *e) {
  cJSON *list, *overall;
  TRY(json_array(d, d->root, "", "clusters", &list, e) && json_object(d, d->root, "", "overall", &overall, e));
  const int n = cJSON_GetArraySize(list);
  if (n < 1 || n > MOST_CLUSTERS) return ERR(e, "%s: clusters: expected 1 to %d clusters, found %d", d->origin, MOST_CLUSTERS, n);
  r->clusters = ARENA_ARRAY(a, result, n);
  for (const cJSON *item = list->child; item; item = item->next, r->n++)
    TRY(read_cluster(a, d, item, r->n, &r->clusters[r->n], e));
  TRY(read_overall(a, d, overall, "overall", "/overall", &r->overall, e) && read_by_metric(a, d, r, e));
  const char *held_out = "cluster";
  TRY(json_string_or(d, d->root, "", "leave_out", &held_out, e));
  r->are_tasks = !strcmp(held_out, "task");
  r->n_names = results_count_names(r, false);
  TRY(json_bool_or(d, d->root, "", "base_is_instruction_tuned", &r->is_instruction_tuned, e));
  const cJSON *control = cJSON_GetObjectItemCaseSensitive(d->root, "control");
  if (cJSON_IsString(control)) r->control = arena_strdup(a, control->valuestring);
  r->confidence = NAN;
  TRY(json_number_or(d, d->root, "", "confidence", &r->confidence, e));
  choose_digits(r);
  return true;
}

bool results_read(arena *a, const char *path, results *r, err *e) {
  *r = (results){0};
  json d;
  TRY(json_read(path, MOST_BYTES, &d, e));
  const bool ok = read_all(a, &d, r, e);
  json_free(&d);
  return ok;
}
