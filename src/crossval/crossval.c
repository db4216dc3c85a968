#define _POSIX_C_SOURCE 200809L // localtime_r
#include "crossval/crossval.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "config/crossval_options.h"
#include "crossval/arm.h"
#include "crossval/judge.h"
#include "crossval/names.h"
#include "crossval/record.h"
#include "crossval/table.h"
#include "models/prompt_choice.h"
#include "models/prompt_untrained.h"

static const double SEEN_SHARE = 0.5; // of what is held out, for with_seen

void crossval_note(const crossval *v, const char *line) {
  const vkift_train_events *events = &v->events->train;
  if (events->note) events->note(events->user, line);
  else log_note("%s", line);
}

bool crossval_should_stop(const crossval *v) {
  const vkift_train_events *events = &v->events->train;
  return events->should_stop && events->should_stop(events->user);
}

const char *crossval_fold_dir(arena *a, const crossval *v, uint32_t i) {
  return arena_printf(a, "%s/folds/%s", v->run_dir, v->files[i]);
}

// --- the directory -----------------------------------------------------------------------------------------------------

static bool open_run_dir(crossval *v, err *e) {
  vkift_train_options *o = &v->options.train;
  if (!o->output_dir) {
    char name[64];
    const time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(name, sizeof name, "runs/crossval-%Y-%m-%d-%H%M%S", &local);
    o->output_dir = arena_strdup(v->memory, name);
  }
  v->run_dir = o->output_dir;
  if (file_exists(v->run_dir) && !file_is_dir(v->run_dir))
    return ERR(e, "%s: expected a new or empty directory for the crossval, found a file", v->run_dir);
  TRY(dir_may_be_made(v->run_dir, e));
  if (o->resume || dir_is_empty(v->run_dir)) return true;
  return ERR(e, "%s: expected a new or empty directory, found something in it (go on with it: vkift crossval --resume %s)",
             v->run_dir, v->run_dir);
}

// --- data, clusters, folds ---------------------------------------------------------------------------------------------

// All examples, each once, as they are judged.
static bool read_data(crossval *v, err *e) {
  vkift_train_options plain = v->options.train;
  vkift_data *items = ARENA_ARRAY(v->memory, vkift_data, plain.data.n);
  for (size_t i = 0; i < plain.data.n; i++) items[i] = (vkift_data){plain.data.items[i].path, 1};
  plain.data.items = items;
  plain.augment = (vkift_augment){0};
  plain.eval_split = 0;
  v->data.choices = true; // where a task may be scored by their likelihood
  TRY(corpus_read(v->memory, v->model, &v->prompt, &plain, &v->events->train, &v->data, e));
  text line = {0};
  corpus_describe(&v->data, &line);
  crossval_note(v, line.data);
  text_free(&line);
  return true;
}

static bool make_clusters(crossval *v, err *e) {
  cluster_file *file = NULL;
  if (v->options.clusters) {
    file = ARENA_NEW(v->memory, cluster_file);
    TRY(cluster_file_read(v->memory, v->options.clusters, file, e));
  }
  TRY(clusters_make(v->memory, &v->data.train, file, &v->clusters, e));
  text line = {0};
  text_printf(&line, "%u tasks in %u clusters", v->clusters.n_tasks, v->clusters.n);
  clusters_describe_lost(&v->clusters, &line);
  crossval_note(v, line.data);
  text_free(&line);
  return true;
}

static bool find_name(const char *const *names, uint32_t n, const char *name, uint32_t *found) {
  for (uint32_t i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return *found = i, true;
  return false;
}

// All clusters (or tasks), or those of --folds in their order.
static bool choose_folds(crossval *v, err *e) {
  const clusters *c = &v->clusters;
  const bool by_task = v->rules.leave_out_task;
  const uint32_t n = by_task ? c->n_tasks : c->n;
  const char **all = ARENA_ARRAY(v->memory, const char *, n);
  for (uint32_t i = 0; i < n; i++) all[i] = by_task ? c->tasks[i].name : c->items[i].name;
  const char **files = names_for_files(v->memory, all, n);
  const vkift_strings *asked = &v->options.folds;
  v->n_folds = asked->n ? (uint32_t)asked->n : n;
  uint32_t *held_out = ARENA_ARRAY(v->memory, uint32_t, v->n_folds);
  v->names = ARENA_ARRAY(v->memory, const char *, v->n_folds);
  v->files = ARENA_ARRAY(v->memory, const char *, v->n_folds);
  for (uint32_t i = 0; i < v->n_folds; i++) {
    held_out[i] = i;
    if (asked->n && !find_name(all, n, asked->items[i], &held_out[i])) {
      e->usage = true;
      return ERR(e, "folds: expected names of %s, found %s; there are: %s%s", by_task ? "tasks" : "clusters", asked->items[i],
                 all[0], n > 1 ? ", …" : "");
    }
    for (uint32_t k = 0; k < i; k++)
      if (held_out[k] == held_out[i]) return e->usage = true, ERR(e, "folds: %s stands twice", asked->items[i]);
    v->names[i] = all[held_out[i]];
    v->files[i] = files[held_out[i]];
  }
  v->held_out = held_out;
  return true;
}

static fold_options rules_of(const vkift_crossval_options *o) {
  return (fold_options){.leave_out_task = o->leave_out == VKIFT_LEAVE_TASK,
                        .eval_per_task = (uint64_t)o->eval_examples_per_task,
                        .seen_share = o->with_seen ? SEEN_SHARE : 0,
                        .valid_share = o->train.eval_split,
                        .keep_near = o->keep_near_duplicates,
                        .keep_sources = o->keep_same_source,
                        .seed = (uint64_t)o->train.seed};
}

// A model that knows the control tokens of its own template has been trained on conversations.
static bool look_at_base(crossval *v, err *e) {
  text unknown = {0};
  const bool ok = !v->model->chat_template || prompt_untrained_find(v->model, &v->prompt, &unknown, e);
  v->base_is_tuned = ok && (v->options.train.adapter || (v->model->chat_template && !unknown.length));
  text_free(&unknown);
  if (v->base_is_tuned)
    crossval_note(v,
                  "the base model seems to be instruction-tuned already: what is gained is beside that, not beside a "
                  "pretrained model");
  return ok;
}

static bool start(crossval *v, err *e) {
  vkift_train_options *o = &v->options.train;
  TRY(crossval_options_check(&v->options, e));
  TRY(open_run_dir(v, e));
  TRY(model_open(v->memory, o->model, o->init == VKIFT_INIT_RANDOM, &v->model, e));
  TRY(prompt_choose(v->memory, v->model, o->chat_template, &v->prompt, e));
  if (prompt_asks_date(&v->prompt) && !o->chat_template_date) o->chat_template_date = prompt_today(v->memory);
  TRY(prompt_fix_date(v->memory, &v->prompt, o->chat_template_date, e));
  TRY(look_at_base(v, e));
  TRY(read_data(v, e) && make_clusters(v, e));
  v->rules = rules_of(&v->options);
  TRY(choose_folds(v, e));
  TRY(judge_check(v, e));
  TRY(fold_check_all(&v->clusters, &v->rules, e));
  TRY(dir_make(v->run_dir, e));
  const char *config = path_join(v->memory, v->run_dir, "config.yaml");
  return (o->resume && file_exists(config)) || crossval_options_write(config, &v->options, e);
}

// --- folds -------------------------------------------------------------------------------------------------------------

static bool run_arms(const crossval *v, uint32_t i, fold *f, const fold *seen, bool *stopped, err *e) {
  for (arm_kind kind = 0; kind < N_ARMS && !*stopped; kind++)
    if (arm_is_wanted(v, kind)) TRY(arm_run(v, i, kind == ARM_SEEN ? seen : f, kind, stopped, e));
  return true;
}

static bool run_fold(const crossval *v, uint32_t i, bool *stopped, err *e) {
  arena *a = arena_new("fold");
  fold f, seen = {0};
  bool ok = fold_make(a, &v->clusters, v->held_out[i], &v->rules, &f, e);
  if (ok && v->options.with_seen) {
    fold_options with = v->rules;
    with.with_seen = true;
    ok = fold_make(a, &v->clusters, v->held_out[i], &with, &seen, e);
  }
  if (ok) {
    text line = {0};
    fold_describe(&f, &line);
    crossval_note(v, arena_printf(a, "fold %u of %u, %s: %s", i + 1, v->n_folds, v->names[i], line.data));
    text_free(&line);
  }
  ok = ok && run_arms(v, i, &f, &seen, stopped, e) && (*stopped || record_fold(v, i, &f, e));
  arena_free(a);
  return ok;
}

bool crossval_make(const vkift_crossval_options *options, const vkift_crossval_events *events, vkift_crossval_result *result,
                   err *e) {
  static const vkift_crossval_events none;
  arena *a = arena_new("crossval");
  crossval *v = ARENA_NEW(a, crossval);
  *v = (crossval){.memory = a, .options = *options, .events = events ? events : &none};
  bool stopped = false;
  bool ok = start(v, e);
  uint32_t finished = 0;
  for (uint32_t i = 0; ok && i < v->n_folds && !stopped; i++) {
    if (!record_is_done(v, i)) ok = run_fold(v, i, &stopped, e);
    finished += ok && !stopped;
  }
  if (ok && !stopped) ok = table_write(v, e);
  if (ok && result) {
    *result =
        (vkift_crossval_result){.folds = v->n_folds, .finished = finished, .stopped = stopped, .base_is_tuned = v->base_is_tuned};
    snprintf(result->run_dir, sizeof result->run_dir, "%s", v->run_dir);
  }
  model_close(v->model);
  arena_free(a);
  return ok;
}
