#include "crossval/judge.h"

#include <string.h>

#include <cjson/cJSON.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/log.h"
#include "eval/predictions.h"
#include "io/quote.h"

enum { METRICS_BYTES = 1 << 30 };

// --- what training took ------------------------------------------------------------------------------------------------

// From the run's metrics.jsonl, which has every step, also those of an earlier start.
static bool add_training(arena *a, const char *run, arm_result *r, err *e) {
  const char *path = path_join(a, run, "metrics.jsonl");
  char *data;
  uint64_t size, line = 0;
  TRY(file_read(a, path, METRICS_BYTES, &data, &size, e));
  for (char *at = data, *end; (end = strchr(at, '\n')); at = end + 1) {
    json d;
    double tokens = 0, seconds = 0;
    TRY(json_parse(arena_printf(a, "%s:%llu", path, (unsigned long long)++line), at, (uint64_t)(end - at), &d, e));
    const bool ok =
        json_number_or(&d, d.root, "", "tokens", &tokens, e) && json_number_or(&d, d.root, "", "seconds", &seconds, e);
    json_free(&d);
    if (!ok) return false;
    r->tokens += (int64_t)tokens;
    r->seconds += seconds;
  }
  return true;
}

// --- by which metric ---------------------------------------------------------------------------------------------------

// --metric, else what the file of clusters says, else by the tasks themselves. In a fold by tasks, the task's cluster counts.
static bool choose_metric(const crossval *v, uint32_t i, vkift_metric *metric, err *e) {
  const clusters *c = &v->clusters;
  const uint32_t held = v->held_out[i];
  const cluster_item *of = &c->items[v->rules.leave_out_task ? c->tasks[held].cluster : held];
  *metric = v->options.metric;
  if (*metric != VKIFT_METRIC_AUTO || !of->metric || metric_from_name(of->metric, metric)) return true;
  char found[QUOTE_BYTES];
  return ERR(e, "%s: %s: metric: expected the name of a metric, found %s", v->options.clusters, of->name,
             quote_string(of->metric, found));
}

// What is held out as it is judged: each example in the cluster that it is in here, whatever its row says.
static dataset judged(arena *a, const crossval *v, const fold *f) {
  const clusters *c = &v->clusters;
  example_origin **origins = ARENA_ARRAY(a, example_origin *, c->n_origins);
  dataset set = f->eval;
  set.items = ARENA_ARRAY(a, example, set.n);
  for (uint64_t i = 0; i < set.n; i++) {
    const cluster_origin *of = clusters_origin(c, &f->eval.items[i]);
    example_origin **origin = &origins[of - c->origins];
    if (!*origin) {
      *origin = ARENA_NEW(a, example_origin);
      **origin = *of->origin;
      (*origin)->cluster = c->items[c->tasks[of->task].cluster].name;
    }
    set.items[i] = f->eval.items[i];
    set.items[i].origin = *origin;
  }
  return set;
}

bool judge_check(const crossval *v, uint32_t i, const fold *f, err *e) {
  arena *a = arena_new("what is judged on");
  tasks_options o = {.max_new_tokens = (uint32_t)v->options.max_new_tokens};
  const dataset set = judged(a, v, f);
  const bool ok = choose_metric(v, i, &o.metric, e) && tasks_check(&set, v->model->tokenizer, &o, e);
  arena_free(a);
  return ok;
}

// --- its hash ----------------------------------------------------------------------------------------------------------

static void add_text(XXH3_state_t *h, const char *s) {
  XXH3_64bits_update(h, s, strlen(s) + 1);
}

static void add_strings(XXH3_state_t *h, const packed_strings *p) {
  const uint32_t n = p ? p->n : 0;
  XXH3_64bits_update(h, &n, sizeof n);
  if (n) XXH3_64bits_update(h, p->data, p->bytes);
}

uint64_t judge_hash(const crossval *v, uint32_t i, const fold *f) {
  arena *a = arena_new("what is judged on");
  const dataset set = judged(a, v, f);
  vkift_metric metric = VKIFT_METRIC_AUTO;
  choose_metric(v, i, &metric, &(err){0}); // judge_check has seen to it
  XXH3_state_t *h = XXH3_createState();
  REQUIRE(h, "out of host memory for a hash");
  XXH3_64bits_reset(h);
  add_text(h, metric_name(metric));
  for (uint64_t k = 0; k < set.n; k++) {
    const example *x = &set.items[k];
    XXH3_64bits_update(h, &x->hash, sizeof x->hash);
    add_text(h, x->answer);
    add_text(h, x->origin->task), add_text(h, x->origin->cluster), add_text(h, x->origin->category),
        add_text(h, x->origin->metric);
    add_strings(h, x->references), add_strings(h, x->choices);
  }
  const uint64_t hash = XXH3_64bits_digest(h);
  XXH3_freeState(h);
  arena_free(a);
  return hash;
}

// --- judging -----------------------------------------------------------------------------------------------------------

static void take_scores(arena *a, const task_scores *s, arm_result *r) {
  r->tasks = ARENA_ARRAY(a, arm_task, s->n_tasks);
  for (; r->n_tasks < s->n_tasks; r->n_tasks++) {
    const task_group *g = &s->tasks[r->n_tasks];
    const uint32_t width = metric_width(g->metric);
    arm_task *t = &r->tasks[r->n_tasks];
    *t = (arm_task){.name = g->task, .metric = g->metric, .n = (uint32_t)g->n, .stats = ARENA_ARRAY(a, double, g->n *width)};
    for (uint64_t k = 0; k < g->n; k++)
      memcpy(t->stats + k * width, s->items[g->items[k]].result.stats, width * sizeof *t->stats);
  }
}

static vkift_source source_of(const crossval *v, const char *run) {
  const vkift_train_options *o = &v->options.train;
  if (run) return (vkift_source){.run = run, .device = o->device};
  return (vkift_source){.model = o->model,
                        .adapter = o->adapter,
                        .chat_template = o->chat_template,
                        .weight_dtype = o->weight_dtype,
                        .device = o->device};
}

static bool answer(arena *a, const crossval *v, uint32_t i, const fold *f, arm_kind kind, const char *run, arm_result *r,
                   err *e) {
  tasks_options o = {.max_new_tokens = (uint32_t)v->options.max_new_tokens};
  const vkift_train_events *train = &v->events->train;
  const vkift_eval_events events = {.user = train->user, .progress = v->events->answers, .should_stop = train->should_stop};
  const vkift_source source = source_of(v, run);
  loaded l = {.quantized = run ? NULL : &v->options.train}; // the base as the arms have it
  task_scores s;
  const dataset set = judged(a, v, f);
  const bool ok = choose_metric(v, i, &o.metric, e) && loaded_open(a, &source, &l, e) &&
                  tasks_evaluate(a, &l, &set, &o, &events, &s, e) && predictions_write(arm_answers_path(a, v, i, kind), &s, e);
  if (ok) take_scores(a, &s, r);
  loaded_close(&l);
  return ok;
}

bool judge_arm(arena *a, const crossval *v, uint32_t i, const fold *f, arm_kind kind, const char *run, const arm_key *key,
               arm_result *r, bool *stopped, err *e) {
  const double began = clock_seconds();
  bool ok = answer(a, v, i, f, kind, run, r, e);
  if (!ok && crossval_should_stop(v)) {
    *e = (err){0};
    return *stopped = true;
  }
  r->seconds = clock_seconds() - began;
  return ok && (!run || add_training(a, run, r, e)) && arm_write(v, i, kind, key, r, e);
}
