#include "crossval/arm.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "config/train_options.h"
#include "crossval/judge.h"
#include "crossval/listener.h"
#include "crossval/part.h"

const char *const arm_names[N_ARMS] = {"base", "tuned", "shuffled", "seen"};

bool arm_is_wanted(const crossval *v, arm_kind kind) {
  return kind == ARM_SHUFFLED ? v->options.with_shuffled : kind == ARM_SEEN ? v->options.with_seen : true;
}

static const char *run_dir(arena *a, const crossval *v, uint32_t i, arm_kind kind) {
  return path_join(a, crossval_fold_dir(a, v, i), arm_names[kind]);
}

static const char *output_of(arena *a, const crossval *v, const char *run) {
  return path_join(a, run, train_options_output(&v->options.train));
}

// --- training ----------------------------------------------------------------------------------------------------------

// A run that began goes on as its config.yaml says, with the kernels that were chosen for it. What no result depends on is as
// it is now. Every step is logged: they are added up.
static bool options_of(arena *a, const crossval *v, const char *run, vkift_train_options *o, err *e) {
  const char *config = path_join(a, run, "config.yaml");
  const bool began = file_exists(config);
  *o = v->options.train;
  if (began) {
    TRY(train_options_read(a, config, o, e));
    o->device = v->options.train.device;
    o->save_steps = v->options.train.save_steps;
    o->save_total_limit = v->options.train.save_total_limit;
    o->tensorboard = v->options.train.tensorboard;
    o->log_tensor_norms = v->options.train.log_tensor_norms;
  } else if (file_exists(run)) { // killed before config.yaml, which comes first, had its name
    TRY(dir_remove(run, e));
  }
  o->logging_steps = 1;
  o->output_dir = run;
  o->resume = began;
  return true;
}

static void say_kept(const crossval *v, const char *who, const part *p) {
  arena *a = arena_new("a note");
  if (p->own)
    crossval_note(
        v, arena_printf(a, "%s: %llu of %llu examples have their own answer all the same: their tasks have no other, or few", who,
                        (unsigned long long)p->own, (unsigned long long)p->examples));
  if (p->leaked)
    crossval_note(v, arena_printf(a, "warning: %s: %llu examples that are like what is judged on were left out in training only",
                                  who, (unsigned long long)p->leaked));
  arena_free(a);
}

// Also of a run that has ended, where judging it was stopped: it says how much it trained on, and writes its output again.
static bool train(arena *a, const crossval *v, uint32_t i, const char *run, const fold *f, arm_kind kind, arm_result *r,
                  bool *stopped, err *e) {
  vkift_train_options o;
  TRY(options_of(a, v, run, &o, e));
  part p = part_of(a, f);
  p.keep_near = v->options.keep_near_duplicates;
  p.shuffled = kind == ARM_SHUFFLED;
  p.seed = (uint64_t)o.seed;
  const corpus_source source = part_source(&p);
  listener l = {v, arena_printf(a, "%s, %s", v->names[i], arm_names[kind]), !i && kind == ARM_TUNED};
  const vkift_train_events events = listener_events(&l);
  vkift_train_result result;
  const bool ok = trainer_run_on(&source, &o, &events, &result, e);
  if (!ok && crossval_should_stop(v)) { // while data were read
    *e = (err){0};
    return *stopped = true;
  }
  TRY(ok);
  say_kept(v, l.who, &p);
  r->examples = (int64_t)p.examples;
  r->own = (int64_t)p.own;
  *stopped = result.stopped;
  return true;
}

// What a judged arm no longer needs.
static bool tidy(arena *a, const crossval *v, const char *run, err *e) {
  const char *checkpoints = path_join(a, run, "checkpoints");
  TRY(!file_exists(checkpoints) || dir_remove(checkpoints, e));
  if (v->options.keep_models || v->options.train.method == VKIFT_LORA) return true;
  const char *output = output_of(a, v, run);
  return !file_exists(output) || dir_remove(output, e);
}

// --- an arm ------------------------------------------------------------------------------------------------------------

static arm_key key_of(const crossval *v, uint32_t i, const fold *f) {
  return (arm_key){judge_hash(v, i, f), dataset_hash(&f->train), model_fingerprint(v->model)};
}

static bool check(const crossval *v, uint32_t i, arm_kind kind, const fold *f, err *e) {
  const arm_key key = key_of(v, i, f);
  return arm_check(v, i, kind, &key, e);
}

bool arms_check(const crossval *v, uint32_t i, const fold *f, err *e) {
  for (arm_kind kind = 0; kind < N_ARMS; kind++) {
    if (!arm_is_wanted(v, kind) || !arm_is_done(v, i, kind)) continue;
    arena *a = arena_new("a fold with what is seen");
    fold seen;
    const bool ok =
        kind == ARM_SEEN ? crossval_seen_fold(a, v, i, &seen, e) && check(v, i, kind, &seen, e) : check(v, i, kind, f, e);
    arena_free(a);
    TRY(ok);
  }
  return true;
}

static bool make(arena *a, const crossval *v, uint32_t i, const fold *f, arm_kind kind, const char *run, bool *stopped, err *e) {
  const arm_key key = key_of(v, i, f);
  arm_result r = {0};
  TRY(dir_make(crossval_fold_dir(a, v, i), e));
  if (kind != ARM_BASE) TRY(train(a, v, i, run, f, kind, &r, stopped, e));
  return *stopped || judge_arm(a, v, i, f, kind, kind == ARM_BASE ? NULL : run, &key, &r, stopped, e);
}

bool arm_run(const crossval *v, uint32_t i, const fold *f, arm_kind kind, bool *stopped, err *e) {
  arena *a = arena_new("arm");
  const char *run = run_dir(a, v, i, kind);
  bool ok = true;
  if (!arm_is_done(v, i, kind)) {
    if (v->events->fold) v->events->fold(v->events->train.user, i + 1, v->n_folds, v->names[i], arm_names[kind]);
    ok = make(a, v, i, f, kind, run, stopped, e);
  }
  if (ok && !*stopped && kind != ARM_BASE) ok = tidy(a, v, run, e);
  arena_free(a);
  return ok ? true : err_prefix(e, "%s, %s", v->names[i], arm_names[kind]);
}
