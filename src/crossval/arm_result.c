// The scores of an arm as a file: {"judged_hash", "trained_hash", "base_hash", "examples", "own_answer", "tokens", "seconds",
// "tasks": [{"name", "metric", "n", "stats": […]}]}.
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "crossval/arm.h"
#include "io/quote.h"

enum { RESULT_BYTES = 1 << 30 };

static const char *result_path(arena *a, const crossval *v, uint32_t i, arm_kind kind) {
  return path_join(a, crossval_fold_dir(a, v, i), arena_printf(a, "%s.json", arm_names[kind]));
}

const char *arm_answers_path(arena *a, const crossval *v, uint32_t i, arm_kind kind) {
  return path_join(a, crossval_fold_dir(a, v, i), arena_printf(a, "%s.jsonl", arm_names[kind]));
}

bool arm_is_done(const crossval *v, uint32_t i, arm_kind kind) {
  arena *a = arena_new("path");
  const bool done = file_exists(result_path(a, v, i, kind));
  arena_free(a);
  return done;
}

// --- writing -----------------------------------------------------------------------------------------------------------

// The hashes, with what a message says of them.
static const struct {
  const char *name, *what;
  size_t offset;
} hashes[] = {
    {"judged_hash", "the examples that it is judged on (or their metric, references or clusters)", offsetof(arm_key, judged)},
    {"trained_hash", "the examples that it is trained on", offsetof(arm_key, trained)},
    {"base_hash", "the base model", offsetof(arm_key, base)}};
enum { N_HASHES = sizeof hashes / sizeof *hashes };

static const char *hash_text(const arm_key *key, int i, char out[20]) {
  uint64_t hash;
  memcpy(&hash, (const char *)key + hashes[i].offset, sizeof hash);
  snprintf(out, 20, "%016llx", (unsigned long long)hash);
  return out;
}

static void put_task(const arm_task *t, text *out) {
  text_puts(out, "    {\"name\": ");
  json_put_string(out, t->name);
  text_printf(out, ", \"metric\": \"%s\", \"n\": %u, \"stats\": [", metric_name(t->metric), t->n);
  const uint64_t n = (uint64_t)t->n * metric_width(t->metric);
  for (uint64_t k = 0; k < n; k++) {
    if (k) text_puts(out, ", ");
    json_put_number(out, t->stats[k]);
  }
  text_puts(out, "]}");
}

bool arm_write(const crossval *v, uint32_t i, arm_kind kind, const arm_key *key, const arm_result *r, err *e) {
  arena *a = arena_new("path");
  char hash[20];
  text out = {0};
  text_puts(&out, "{\n");
  for (int k = 0; k < N_HASHES; k++) text_printf(&out, "  \"%s\": \"%s\",\n", hashes[k].name, hash_text(key, k, hash));
  text_printf(&out,
              "  \"examples\": %lld,\n  \"own_answer\": %lld,\n  \"tokens\": %lld,\n  \"seconds\": ", (long long)r->examples,
              (long long)r->own, (long long)r->tokens);
  json_put_number(&out, r->seconds);
  text_puts(&out, ",\n  \"tasks\": [\n");
  for (uint32_t t = 0; t < r->n_tasks; t++) {
    put_task(&r->tasks[t], &out);
    text_puts(&out, t + 1 < r->n_tasks ? ",\n" : "\n");
  }
  text_puts(&out, "  ]\n}\n");
  const bool ok = file_replace(result_path(a, v, i, kind), out.data, out.length, e);
  text_free(&out);
  arena_free(a);
  return ok;
}

// --- reading -----------------------------------------------------------------------------------------------------------

static bool read_task(arena *a, const json *d, const cJSON *in, uint32_t number, arm_task *t, err *e) {
  const char *where = arena_printf(a, "tasks[%u]", number), *name, *metric;
  cJSON *stats, *x;
  TRY(json_string(d, in, where, "name", &name, e) && json_string(d, in, where, "metric", &metric, e) &&
      json_u32(d, in, where, "n", &t->n, e) && json_array(d, in, where, "stats", &stats, e));
  char found[QUOTE_BYTES];
  if (!metric_from_name(metric, &t->metric))
    return ERR(e, "%s: %s.metric: expected the name of a metric, found %s", d->origin, where, quote_string(metric, found));
  const uint64_t want = (uint64_t)t->n * metric_width(t->metric), n = (uint64_t)cJSON_GetArraySize(stats);
  if (!t->n || n != want)
    return ERR(e, "%s: %s.stats: expected %llu numbers, found %llu", d->origin, where, (unsigned long long)want,
               (unsigned long long)n);
  t->name = arena_strdup(a, name);
  t->stats = ARENA_ARRAY(a, double, n);
  uint64_t k = 0;
  cJSON_ArrayForEach(x, stats) {
    if (!cJSON_IsNumber(x)) return ERR(e, "%s: %s.stats: expected numbers, found something else", d->origin, where);
    t->stats[k++] = x->valuedouble;
  }
  return true;
}

static bool read_count(const json *d, const char *key, int64_t *out, err *e) {
  double x;
  TRY(json_number(d, d->root, "", key, &x, e));
  if (!(x >= 0 && x < 9e15)) return ERR(e, "%s: %s: expected a count, found %g", d->origin, key, x);
  *out = (int64_t)x;
  return true;
}

static bool read_result(arena *a, const json *d, arm_result *out, err *e) {
  cJSON *tasks, *x;
  TRY(read_count(d, "examples", &out->examples, e) && read_count(d, "own_answer", &out->own, e) &&
      read_count(d, "tokens", &out->tokens, e) && json_number(d, d->root, "", "seconds", &out->seconds, e) &&
      json_array(d, d->root, "", "tasks", &tasks, e));
  out->tasks = ARENA_ARRAY(a, arm_task, cJSON_GetArraySize(tasks));
  cJSON_ArrayForEach(x, tasks) {
    TRY(read_task(a, d, x, out->n_tasks, &out->tasks[out->n_tasks], e));
    out->n_tasks++;
  }
  return out->n_tasks || ERR(e, "%s: tasks: expected at least one, found none", d->origin);
}

static bool check_hashes(const json *d, const arm_key *key, err *e) {
  for (int i = 0; i < N_HASHES; i++) {
    const char *found;
    char want[20];
    TRY(json_string(d, d->root, "", hashes[i].name, &found, e));
    if (!strcmp(found, hash_text(key, i, want))) continue;
    return ERR(
        e,
        "%s: %s: %s is not what the crossval began with (its hash was %.16s and is %s): its folds would not be of one crossval",
        d->origin, hashes[i].name, hashes[i].what, found, want);
  }
  return true;
}

static bool open_result(arena *a, const crossval *v, uint32_t i, arm_kind kind, json *d, err *e) {
  return json_read(result_path(a, v, i, kind), RESULT_BYTES, d, e);
}

bool arm_check(const crossval *v, uint32_t i, arm_kind kind, const arm_key *key, err *e) {
  arena *a = arena_new("path");
  json d;
  bool ok = open_result(a, v, i, kind, &d, e);
  if (ok) {
    ok = check_hashes(&d, key, e);
    json_free(&d);
  }
  arena_free(a);
  return ok;
}

bool arm_read(arena *a, const crossval *v, uint32_t i, arm_kind kind, arm_result *out, err *e) {
  json d;
  *out = (arm_result){0};
  TRY(open_result(a, v, i, kind, &d, e));
  const bool ok = read_result(a, &d, out, e);
  json_free(&d);
  return ok;
}
