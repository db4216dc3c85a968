#include "crossval/crossval.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/nearest.h"
#include "config/crossval_options.h"
#include "crossval/arm.h"
#include "crossval/directory.h"
#include "crossval/judge.h"
#include "crossval/listener.h"
#include "crossval/names.h"
#include "crossval/record.h"
#include "crossval/table.h"
#include "io/quote.h"
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

bool crossval_seen_fold(arena *a, const crossval *v, uint32_t i, fold *out, err *e) {
  fold_options with = v->rules;
  with.with_seen = true;
  return fold_make(a, &v->clusters, v->held_out[i], &with, out, e);
}

const char *crossval_fold_dir(arena *a, const crossval *v, uint32_t i) {
  return arena_printf(a, "%s/folds/%s", v->run_dir, v->files[i]);
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

static bool make_clusters(crossval *v, const cluster_file *file, err *e) {
  TRY(clusters_make(v->memory, &v->data.train, v->options.clusters ? file : NULL, &v->clusters, e));
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

static bool unknown_fold(const char *what, const char *const *all, uint32_t n, const char *name, err *e) {
  enum { MOST_LISTED = 20 };
  char shown[QUOTE_BYTES];
  text list = {0};
  const char *nearest = NULL;
  unsigned best = nearest_tolerance(name) + 1;
  for (uint32_t i = 0; i < n; i++) {
    const unsigned d = nearest_distance(all[i], name);
    if (d < best) best = d, nearest = all[i];
  }
  if (nearest) text_printf(&list, "; did you mean %s?", quote_string(nearest, shown));
  for (uint32_t i = 0; i < n && i < MOST_LISTED; i++)
    text_printf(&list, "%s%s", i ? ", " : nearest ? " There are: " : "; there are: ", quote_string(all[i], shown));
  if (n > MOST_LISTED) text_printf(&list, " and %u more", n - MOST_LISTED);
  ERR(e, "folds: expected names of %s, found %s%s", what, quote_string(name, shown), list.data);
  text_free(&list);
  return e->usage = true, false;
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
    if (asked->n && !find_name(all, n, asked->items[i], &held_out[i]))
      return unknown_fold(by_task ? "tasks" : "clusters", all, n, asked->items[i], e);
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

static bool check_end_of_turn(const crossval *v, err *e) {
  return *v->prompt.end_of_turn ||
         ERR(e,
             "%s: its prompt ends no answer with a token, so that a tuned model would never stop: give a template that does "
             "(--chat-template)",
             v->model->path);
}

// What would stop a fold, before anything is trained: tasks that cannot be scored, weights that leave nothing, results that are
// there already but of other data.
static bool check_fold(void *user, uint32_t i, const fold *f, err *e) {
  const crossval *v = user;
  if (judge_check(v, i, f, e) && corpus_check_weights(&f->train, &v->options.train.data, e)) return arms_check(v, i, f, e);
  return err_prefix(e, "%s", v->names[i]);
}

static bool start(crossval *v, err *e) {
  vkift_train_options *o = &v->options.train;
  TRY(crossval_options_check(&v->options, e));
  crossval_options_make_absolute(v->memory, &v->options);
  TRY(directory_open(v, e));
  TRY(model_open(v->memory, o->model, false, &v->model, e));
  TRY(prompt_choose(v->memory, v->model, o->chat_template, &v->prompt, e));
  if (prompt_asks_date(&v->prompt) && !o->chat_template_date) o->chat_template_date = prompt_today(v->memory);
  TRY(prompt_fix_date(v->memory, &v->prompt, o->chat_template_date, e));
  TRY(check_end_of_turn(v, e));
  TRY(look_at_base(v, e));
  cluster_file *file = ARENA_NEW(v->memory, cluster_file);
  TRY(!v->options.clusters || cluster_file_read(v->memory, v->options.clusters, file, e));
  TRY(read_data(v, e) && make_clusters(v, file, e));
  v->rules = rules_of(&v->options);
  TRY(choose_folds(v, e));
  TRY(fold_check_all(&v->clusters, &v->rules, v->held_out, v->n_folds, check_fold, v, e));
  return directory_make(v, e);
}

// --- folds -------------------------------------------------------------------------------------------------------------

static bool run_arms(const crossval *v, uint32_t i, fold *f, const fold *seen, bool *stopped, err *e) {
  for (arm_kind kind = 0; kind < N_ARMS && !*stopped; kind++)
    if (arm_is_wanted(v, kind)) TRY(arm_run(v, i, kind == ARM_SEEN ? seen : f, kind, stopped, e));
  return true;
}

static bool is_done(const crossval *v, uint32_t i) {
  for (arm_kind kind = 0; kind < N_ARMS; kind++)
    if (arm_is_wanted(v, kind) && !arm_is_done(v, i, kind)) return false;
  return record_is_done(v, i);
}

static bool run_fold(const crossval *v, uint32_t i, bool *stopped, err *e) {
  arena *a = arena_new("fold");
  fold f, seen = {0};
  bool ok = fold_make(a, &v->clusters, v->held_out[i], &v->rules, &f, e) &&
            (!v->options.with_seen || crossval_seen_fold(a, v, i, &seen, e));
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
  *v = (crossval){.memory = a, .options = *options, .events = events ? events : &none, .notes = listener_notes_new(a)};
  bool stopped = false;
  bool ok = start(v, e);
  uint32_t finished = 0;
  for (uint32_t i = 0; ok && i < v->n_folds && !stopped; i++) {
    if (!is_done(v, i)) ok = run_fold(v, i, &stopped, e);
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
