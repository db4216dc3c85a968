#include "crossval/arm.h"

#include "base/file.h"
#include "base/log.h"
#include "config/train_options.h"
#include "crossval/judge.h"
#include "crossval/part.h"

const char *const arm_names[N_ARMS] = {"base", "tuned", "shuffled", "seen"};

bool arm_is_wanted(const crossval *v, arm_kind kind) {
  return kind == ARM_SHUFFLED ? v->options.with_shuffled : kind == ARM_SEEN ? v->options.with_seen : true;
}

static const char *run_dir(arena *a, const crossval *v, uint32_t i, arm_kind kind) {
  return path_join(a, crossval_fold_dir(a, v, i), arm_names[kind]);
}

static const char *output_of(arena *a, const crossval *v, const char *run) {
  return path_join(a, run, v->options.train.method == VKIFT_FULL ? "model" : "adapter");
}

// --- training ----------------------------------------------------------------------------------------------------------

// A run that began goes on as its config.yaml says: with the kernels that were chosen for it.
static bool options_of(arena *a, const crossval *v, const char *run, vkift_train_options *o, err *e) {
  const char *config = path_join(a, run, "config.yaml");
  const bool began = file_exists(config);
  *o = v->options.train;
  if (began) TRY(train_options_read(a, config, o, e));
  o->output_dir = run;
  o->resume = began;
  return true;
}

static void say_nothing(void *user, const char *line) {
  (void)user;
  (void)line;
}

static bool train(arena *a, const crossval *v, uint32_t i, const char *run, const fold *f, arm_kind kind, bool *stopped, err *e) {
  vkift_train_options o;
  TRY(options_of(a, v, run, &o, e));
  part p = part_of(a, &f->train, &f->valid);
  p.shuffled = kind == ARM_SHUFFLED;
  p.seed = (uint64_t)o.seed;
  const corpus_source source = part_source(&p);
  vkift_train_result result;
  vkift_train_events events = v->events->train;
  if (i || kind != ARM_TUNED) events.note = say_nothing; // it would be what the first one said
  TRY(trainer_run_on(&source, &o, &events, &result, e));
  *stopped = result.stopped;
  return true;
}

// What a judged arm no longer needs.
static bool tidy(arena *a, const crossval *v, const char *run, err *e) {
  const char *checkpoints = path_join(a, run, "checkpoints");
  TRY(!file_exists(checkpoints) || dir_remove(checkpoints, e));
  if (v->options.keep_models || v->options.train.method != VKIFT_FULL) return true;
  const char *output = output_of(a, v, run);
  return !file_exists(output) || dir_remove(output, e);
}

// --- an arm ------------------------------------------------------------------------------------------------------------

bool arm_run(const crossval *v, uint32_t i, const fold *f, arm_kind kind, bool *stopped, err *e) {
  arena *a = arena_new("arm");
  const char *run = run_dir(a, v, i, kind);
  const bool is_base = kind == ARM_BASE;
  bool ok = true;
  if (!arm_is_done(v, i, kind)) {
    if (v->events->fold) v->events->fold(v->events->train.user, i + 1, v->n_folds, v->names[i], arm_names[kind]);
    ok = dir_make(crossval_fold_dir(a, v, i), e);
    if (ok && !is_base && !file_exists(output_of(a, v, run))) ok = train(a, v, i, run, f, kind, stopped, e);
    if (ok && !*stopped) ok = judge_arm(v, i, f, kind, is_base ? NULL : run, stopped, e);
  }
  if (ok && !*stopped && !is_base) ok = tidy(a, v, run, e);
  arena_free(a);
  return ok ? true : err_prefix(e, "%s, %s", v->names[i], arm_names[kind]);
}
