// The training loop: batches, steps, evaluation, checkpoints, and the run directory around them.
#define _POSIX_C_SOURCE 200809L // localtime_r
#include "train/trainer.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "config/train_options.h"
#include "data/prefetch.h"
#include "eval/classes.h"
#include "eval/loaded.h"
#include "models/dora.h"
#include "models/prompt_choice.h"
#include "models/prompt_untrained.h"
#include "models/trainable.h"
#include "train/checkpoint.h"
#include "train/facts.h"
#include "train/metrics.h"
#include "train/output.h"
#include "train/preference.h"
#include "train/profile.h"
#include "train/schedule.h"
#include "train/setup.h"
#include "train/tensorboard.h"

typedef struct trainer {
  arena *memory;
  vkift_train_options options; // the run's own copy: what was left open is filled in
  const vkift_train_events *events;
  const corpus_source *source;
  const char *run_dir, *checkpoints;
  model *model;
  prompt_style prompt;
  corpus corpus;
  gpu_device *device;
  setup setup;
  preference pairs;   // of objective dpo
  loader *loader;     // the prefetch's, once that is there
  prefetch *prefetch; // from the first step on
  schedule schedule;
  uint64_t total_steps, eval_every, save_every;
  checkpoint_state state;
  metrics metrics;
  tensorboard *board; // TensorBoard's; NULL: not asked for
  profile *profile;   // NULL: none is asked for
  double started;     // clock when the first step of this process began
  uint64_t first_step;
  double last_eval_loss;
  uint64_t saved_step;
} trainer;

static void note(const trainer *t, const char *line) {
  if (t->events && t->events->note) t->events->note(t->events->user, line);
  else log_note("%s", line);
}

static void note_for_checkpoint(void *user, const char *line) {
  note(user, line);
}

// --- start -------------------------------------------------------------------------------------------------------------

// Killed between config.yaml, which comes first, and the first checkpoint, which metrics.jsonl follows.
static bool never_began(const trainer *t) {
  return file_exists(path_join(t->memory, t->run_dir, "config.yaml")) &&
         !file_exists(path_join(t->memory, t->run_dir, "metrics.jsonl")) && !checkpoint_any(t->checkpoints);
}

const char *trainer_new_dir(arena *a, const char *kind) {
  char date[32];
  const time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(date, sizeof date, "%Y-%m-%d-%H%M%S", &local);
  return arena_printf(a, "runs/%s%s", kind, date);
}

static bool open_run_dir(trainer *t, err *e) {
  vkift_train_options *o = &t->options;
  if (!o->output_dir) o->output_dir = trainer_new_dir(t->memory, "");
  t->run_dir = o->output_dir;
  t->checkpoints = path_join(t->memory, t->run_dir, "checkpoints");
  if (o->resume && never_began(t)) {
    note(t, "the run was stopped before its first checkpoint: it begins anew");
    o->resume = false;
    return true;
  }
  if (o->resume && !file_is_dir(t->checkpoints))
    return ERR(e, "%s: expected a run directory with checkpoints/ to resume, found none", t->run_dir);
  if (!o->resume && file_exists(t->run_dir) && !file_is_dir(t->run_dir))
    return ERR(e, "%s: expected a new or empty directory for the run, found a file", t->run_dir);
  TRY(dir_may_be_made(t->run_dir, e));
  if (!o->resume && !dir_is_empty(t->run_dir))
    return ERR(
        e, "%s: expected a new or empty directory for the run, found something in it (go on with it: vkift train --resume %s)",
        t->run_dir, t->run_dir);
  return true;
}

// Said before the run begins, not after its third step.
static bool check_profile(const trainer *t, err *e) {
  return !t->options.profile || file_may_be_written(t->memory, t->options.profile, e);
}

static void say_device(const trainer *t) {
  char reason[256];
  const gpu_snapshot *s = device_snapshot(t->device);
  if (s->kind == GPU_KIND_CPU)
    note(t, arena_printf(t->memory, "%s. Training on the CPU, through %s", device_cpu_reason(reason), s->name));
  else note(t, arena_printf(t->memory, "device: %s", s->name));
}

static void say_compiling(void *user, uint32_t n_kernels) {
  const trainer *t = user;
  note(t, arena_printf(t->memory, "compiling %u kernels", n_kernels));
}

static void say_measuring(void *user, uint32_t n_products) {
  const trainer *t = user;
  note(t,
       arena_printf(t->memory, "measuring which kernels are the fastest for %u matrix products (once for this device and driver)",
                    n_products));
}

// What was left open, and what an adapter brought: config.yaml says what the run was made with.
static void fill_defaults(trainer *t) {
  vkift_train_options *o = &t->options;
  if (o->adapter) {
    const adapter_config *c = &t->setup.adapter->config;
    o->lora_r = c->r;
    o->lora_alpha = c->alpha;
    o->lora_dropout = c->dropout;
    o->use_rslora = c->rslora;
    o->use_dora = c->dora;
    o->target_modules = (vkift_strings){c->targets, c->n_targets};
    o->modules_to_save = (vkift_strings){c->whole, c->n_whole};
  }
  static const double rates[] = {[VKIFT_LORA] = 2e-4, [VKIFT_FULL] = 2e-5, [VKIFT_FREEZE] = 2e-5, [VKIFT_HEAD] = 1e-3};
  const bool all = o->method == VKIFT_FULL || o->method == VKIFT_FREEZE;
  if (o->learning_rate == 0) o->learning_rate = rates[o->method];
  // A new head is far from where it belongs, the rest is near.
  if (o->objective == VKIFT_CLASSIFY && o->method != VKIFT_HEAD && o->head_learning_rate == 0)
    o->head_learning_rate = o->learning_rate * (all ? 10 : 1);
  if (t->corpus.labels.n) o->labels = (vkift_strings){t->corpus.labels.items, t->corpus.labels.n};
  o->max_length = t->corpus.max_length;
  o->micro_batch_tokens = t->setup.choice.capacity;
  const graph_recompute *again = &t->setup.choice.recompute;
  o->gradient_checkpointing = again->segments ? VKIFT_ON : VKIFT_OFF;
  o->checkpointing_layers = again->segments;
  o->tune = VKIFT_OFF; // the same kernels again, measured or not
  o->kernels = t->setup.kernels;
  o->checkpointing_group = again->segments ? (again->group ? again->group : 1) : 0;
}

static void plan_steps(trainer *t) {
  const vkift_train_options *o = &t->options;
  const loader_options options = {.batch_size = (uint32_t)o->batch_size,
                                  .no_shuffle = !o->shuffle,
                                  .seed = (uint64_t)o->seed,
                                  .task_cap = (uint32_t)o->mixing_cap};
  t->loader = loader_new(t->memory, &t->corpus.train, &options);
  t->total_steps = loader_total_steps(t->loader, o->num_train_epochs, (uint64_t)o->max_steps);
  const uint64_t epoch_steps = loader_epoch_steps(t->loader);
  t->eval_every = o->eval_steps ? (uint64_t)o->eval_steps : epoch_steps;
  t->save_every = o->save_steps ? (uint64_t)o->save_steps : epoch_steps;
  const schedule_kind kinds[] = {
      [VKIFT_COSINE] = SCHEDULE_COSINE, [VKIFT_LINEAR] = SCHEDULE_LINEAR, [VKIFT_CONSTANT] = SCHEDULE_CONSTANT};
  t->schedule = (schedule){.kind = kinds[o->lr_scheduler_type], .learning_rate = o->learning_rate, .total_steps = t->total_steps};
  t->schedule.warmup_steps =
      o->warmup_steps >= 0 ? (uint64_t)o->warmup_steps : schedule_warmup_steps(o->warmup_ratio, t->total_steps);
}

// What decides the bits beside the run's own options: the device, its driver, the paths that are taken.
static const char *device_text(const trainer *t) {
  const gpu_snapshot *s = device_snapshot(t->device);
  const gpu_plan *p = device_plan(t->device);
  text out = {0};
  text_printf(&out, "%s, %s %s, subgroups of %u, bindings of %llu, %s kernels", s->name, s->driver_name, s->driver_info,
              p->subgroup_size, (unsigned long long)p->max_binding_bytes, p->is_cpu ? "CPU" : "GPU");
  for (int f = 0; f < GPU_FEATURE_COUNT; f++)
    if (p->on[f] && f != GPU_FEATURE_MEMORY_BUDGET) text_printf(&out, ", %s", gpu_feature_name((gpu_feature)f));
  const char *copy = arena_strdup(t->memory, out.data);
  text_free(&out);
  return copy;
}

static uint64_t eval_hash_of(const trainer *t) {
  return t->corpus.eval.n ? dataset_hash(&t->corpus.eval) : 0;
}

static void forget_best(trainer *t) {
  t->state.best_step = 0;
  t->state.evals_without_gain = 0;
}

// Losses on other data cannot be compared: what was the best of those, and for how long, begins anew.
static void forget_other_evaluations(trainer *t) {
  const uint64_t now = eval_hash_of(t), before = t->state.eval_hash;
  if (!now) return; // nothing will be evaluated
  t->state.eval_hash = now;
  if (!before || before == now || (!t->state.best_step && !t->state.evals_without_gain)) return;
  note(t, "the evaluation data are not those of before: the least evaluation loss is looked for anew");
  forget_best(t);
}

// The option may have been given only now, so that nothing has kept the checkpoint; or it was deleted or damaged since.
static void forget_lost_best(trainer *t) {
  const checkpoint_state *s = &t->state;
  if (!t->options.load_best_model_at_end || !s->best_step || s->best_step == s->step) return;
  err why = {0};
  if (checkpoint_verify(checkpoint_path(t->memory, t->checkpoints, s->best_step), &why)) return;
  note(t, arena_printf(t->memory,
                       "the weights of step %llu, whose evaluation loss was the least, cannot be used (%.1300s): the least "
                       "evaluation loss is looked for anew from step %llu on",
                       (unsigned long long)s->best_step, why.message, (unsigned long long)s->step));
  forget_best(t);
}

// Finds the newest good checkpoint before anything is built: its choice of rows decides the graphs.
static bool find_checkpoint(trainer *t, char **path, setup_choice *choice, err *e) {
  TRY(checkpoint_find(t->memory, t->checkpoints, note_for_checkpoint, t, path, &t->state, e));
  const uint64_t hash = dataset_hash(&t->corpus.train);
  if (t->state.data_hash != hash)
    return ERR(e,
               "%s: the training data is not what the run began with (its hash was %016llx and is %016llx): a resumed run would "
               "not be the same run%s",
               *path, (unsigned long long)t->state.data_hash, (unsigned long long)hash,
               prompt_asks_date(&t->prompt) ? " (the template writes the day: --chat-template-date)" : "");
  if (t->state.seed != (uint64_t)t->options.seed)
    return ERR(e, "%s: seed: expected %llu as the run began with, found %lld", *path, (unsigned long long)t->state.seed,
               (long long)t->options.seed);
  if (t->state.base_hash != model_fingerprint(t->model))
    return ERR(e, "%s: the base model %s is not the one that the run began with", *path, t->model->path);
  const char *device = device_text(t);
  if (strcmp(t->state.device, device))
    note(t, arena_printf(t->memory, "the run began on another device or with other paths (%s); now %s: its bits may differ",
                         t->state.device, device));
  t->state.device = device;
  if (t->corpus.longest > t->state.capacity)
    return ERR(e, "%s: rows of %u tokens, but an example has %u", *path, t->state.capacity, t->corpus.longest);
  if (t->state.capacity > batch_most_tokens(t->model, device_plan(t->device)))
    return ERR(e, "%s: rows of %u tokens: expected at most %u on this device", *path, t->state.capacity,
               batch_most_tokens(t->model, device_plan(t->device)));
  forget_other_evaluations(t);
  *choice = (setup_choice){t->state.capacity, {t->state.recomputed_layers, t->state.recomputed_group}};
  return true;
}

static bool write_config(trainer *t, err *e) {
  return train_options_write(path_join(t->memory, t->run_dir, "config.yaml"), &t->options, e);
}

// The evaluation loss has not fallen for as long as the user wants to wait.
static bool has_ended_early(const trainer *t) {
  const int64_t patience = t->options.early_stopping_patience;
  return patience && t->state.evals_without_gain >= (uint64_t)patience;
}

static bool is_over(const trainer *t) {
  return t->state.step >= t->total_steps || has_ended_early(t);
}

// Before anything is trained, while the weights on the device are the reference's.
static bool prepare_pairs(trainer *t, bool resumed, err *e) {
  if (t->options.objective != VKIFT_DPO) return true;
  t->pairs = (preference){.memory = t->memory,
                          .score = t->setup.score,
                          .batch = t->setup.batch,
                          .corpus = &t->corpus,
                          .base_hash = model_fingerprint(t->model),
                          .path = path_join(t->memory, t->run_dir, "reference.safetensors")};
  bool taken = true;
  TRY(resumed ? preference_restore(&t->pairs, &taken, e) : preference_take(&t->pairs, e));
  if (taken)
    note(t, resumed ? "the reference's log-likelihoods of the evaluation pairs are taken"
                    : "the reference's log-likelihoods are taken");
  return resumed || setup_take_adapter(&t->setup, &t->options, e);
}

static bool restore(trainer *t, const char *checkpoint, err *e) {
  TRY(prepare_pairs(t, true, e));
  TRY(checkpoint_load(checkpoint, &t->setup.params, t->device, e) && dora_compute_norms(t->model, t->device, e));
  TRY(step_set_applied(t->setup.step, t->state.applied, e));
  TRY(loader_seek(t->loader, t->state.loader, e));
  TRY(checkpoint_remove_after(t->checkpoints, t->state.step, e));
  forget_lost_best(t);
  // Flags may have changed it, --max-steps to go on for longer. A run that has ended stays as it is.
  if (!is_over(t)) TRY(write_config(t, e));
  t->saved_step = t->state.step;
  note(t, arena_printf(t->memory, "resumed from %s", checkpoint));
  return true;
}

static bool save_checkpoint(trainer *t, err *e) {
  TRY(checkpoint_write(t->checkpoints, &t->state, &t->setup.params, t->device, e));
  t->saved_step = t->state.step;
  return checkpoint_rotate(t->checkpoints, (uint64_t)t->options.save_total_limit,
                           t->options.load_best_model_at_end ? t->state.best_step : 0, e);
}

static bool write_facts(trainer *t, err *e) {
  TRY(facts_write_run(path_join(t->memory, t->run_dir, "run.json"), &t->setup, &t->options, e));
  return facts_write_data(path_join(t->memory, t->run_dir, "data.json"), &t->corpus, t->model, &t->setup.batch->limits,
                          &t->options, e);
}

static bool begin(trainer *t, err *e) {
  t->state = (checkpoint_state){.data_hash = dataset_hash(&t->corpus.train),
                                .seed = (uint64_t)t->options.seed,
                                .capacity = t->setup.choice.capacity,
                                .recomputed_layers = t->setup.choice.recompute.segments,
                                .recomputed_group = t->setup.choice.recompute.group,
                                .last_loss = NAN,
                                .eval_hash = eval_hash_of(t),
                                .base_hash = model_fingerprint(t->model),
                                .device = device_text(t)};
  TRY(step_set_applied(t->setup.step, 0, e));
  TRY(dir_make(t->run_dir, e));
  TRY(write_config(t, e) && prepare_pairs(t, false, e) && write_facts(t, e));
  return save_checkpoint(t, e);
}

// The device computes in f32: a rate beyond it would be infinite there, a tiny epsilon would be a division by zero, and a
// beta so near to 1 that it is 1 there would never let a moment move.
static bool check_f32(const vkift_train_options *o, err *e) {
  const struct {
    const char *name;
    double value;
  } rows[] = {{"learning_rate", o->learning_rate},
              {"head_learning_rate", o->head_learning_rate},
              {"weight_decay", o->weight_decay},
              {"adam_epsilon", o->adam_epsilon},
              {"max_grad_norm", o->max_grad_norm},
              {"lora_alpha", o->lora_alpha},
              {"beta", o->beta},
              {"neftune_noise_alpha", o->neftune_noise_alpha}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].value != 0 && !isnormal((float)rows[i].value)) {
      e->usage = true;
      return ERR(e, "%s: expected a number that a 32-bit float holds, found %g", rows[i].name, rows[i].value);
    }
  if ((float)o->adam_beta1 >= 1 || (float)o->adam_beta2 >= 1) {
    e->usage = true;
    return ERR(e, "adam_beta1 and adam_beta2: expected numbers that are below 1 as 32-bit floats, found %.17g and %.17g",
               o->adam_beta1, o->adam_beta2);
  }
  return true;
}

// LoRA by itself, and freeze where it is not named, train no rows of the embedding: a token that the model does not know would stay unknown. (What an adapter to
// go on from has trained is not known yet.)
static bool warn_of_untrained(const trainer *t, err *e) {
  text warning = {0};
  const vkift_train_options *o = &t->options;
  const bool frozen = o->method == VKIFT_FREEZE, lora = o->method == VKIFT_LORA;
  const bool trains = o->objective == VKIFT_CLASSIFY || (!frozen && !lora) || (lora && o->adapter) ||
                      trainable_has_embedding(t->model, o->trainable.items, o->trainable.n) ||
                      trainable_saves_embedding(t->model, o->modules_to_save.items, o->modules_to_save.n);
  const bool ok = trains || prompt_untrained_describe(t->model, &t->prompt, frozen, &warning, e);
  if (ok && warning.length) note(t, arena_printf(t->memory, "warning: %s", warning.data));
  text_free(&warning);
  return ok;
}

static bool start(trainer *t, err *e) {
  vkift_train_options *o = &t->options;
  TRY(train_options_check(o, e));
  TRY(check_f32(o, e));
  TRY(open_run_dir(t, e));
  TRY(check_profile(t, e));
  TRY(model_open(t->memory, o->model, o->init == VKIFT_INIT_RANDOM, &t->model, e));
  TRY(loaded_check_kind(o->model, t->model, o->objective == VKIFT_CLASSIFY, e));
  TRY(prompt_choose(t->memory, t->model, loaded_template(o->objective == VKIFT_CLASSIFY, o->chat_template), &t->prompt, e));
  if (prompt_asks_date(&t->prompt) && !o->chat_template_date) o->chat_template_date = prompt_today(t->memory);
  TRY(prompt_fix_date(t->memory, &t->prompt, o->chat_template_date, e));
  TRY(warn_of_untrained(t, e));
  TRY(t->source->read(t->source->user, t->memory, t->model, &t->prompt, o, t->events, &t->corpus, e));
  if (t->corpus.labels.n) model_make_classifier(t->memory, t->model, &t->corpus.labels);
  TRY(device_open(t->memory, o->device, &t->device, e));
  kernel_on_compiling(t->device, say_compiling, t);
  choices_on_measuring(t->device, say_measuring, t);
  say_device(t);
  const char *cache = t->corpus.train.cache_written;
  if (cache)
    note(t, arena_printf(t->memory, "the tokens are kept in %s for other runs on these data (VKIFT_DATA_CACHE=off: not)", cache));
  const char *fault = t->corpus.train.cache_fault;
  if (fault) note(t, arena_printf(t->memory, "warning: the tokens could not be kept, and are held in memory: %s", fault));
  text line = {0};
  corpus_describe(&t->corpus, &line);
  note(t, line.data);
  text_clear(&line);

  char *checkpoint = NULL;
  setup_choice choice;
  bool ok = !o->resume || find_checkpoint(t, &checkpoint, &choice, e);
  ok = ok && setup_open(t->memory, t->model, t->device, &t->corpus, o, checkpoint ? &choice : NULL, &t->setup, &line, e);
  if (ok) note(t, line.data);
  text_free(&line);
  if (!ok) return false;
  fill_defaults(t);
  plan_steps(t);
  TRY(checkpoint ? restore(t, checkpoint, e) : begin(t, e));
  if (o->tensorboard)
    TRY(tensorboard_open(t->memory, path_join(t->memory, t->run_dir, "tensorboard"), t->state.step, &t->board, e));
  return metrics_open(t->memory, path_join(t->memory, t->run_dir, "metrics.jsonl"), checkpoint, t->state.step, &t->metrics, e);
}

// --- a step --------------------------------------------------------------------------------------------------------------

static struct step_hyper hyper_of(const trainer *t, double targets) {
  const vkift_train_options *o = &t->options;
  const double rate = schedule_rate(&t->schedule, t->state.step), head = o->head_learning_rate;
  return (struct step_hyper){.learning_rate = (float)rate,
                             .head_learning_rate = (float)(head > 0 ? rate * (head / o->learning_rate) : rate),
                             .beta1 = (float)o->adam_beta1,
                             .beta2 = (float)o->adam_beta2,
                             .ln_beta1 = (float)log(o->adam_beta1),
                             .ln_beta2 = (float)log(o->adam_beta2),
                             .epsilon = (float)o->adam_epsilon,
                             .weight_decay = (float)o->weight_decay,
                             .max_grad_norm = (float)o->max_grad_norm,
                             .inverse_targets = (float)(1 / targets)};
}

static vkift_rewards rewards_of(const trainer *t, const struct step_state *s) {
  if (t->options.objective != VKIFT_DPO) return (vkift_rewards){0};
  return (vkift_rewards){true, s->chosen, s->rejected, s->accuracy};
}

static vkift_step row_of(const trainer *t, const struct step_state *s, const struct step_hyper *h, double seconds) {
  const double elapsed = clock_seconds() - t->started, done = (double)(t->state.step - t->first_step);
  const loader_state at = t->state.loader;
  return (vkift_step){.step = (int64_t)t->state.step,
                      .total_steps = (int64_t)t->total_steps,
                      .epoch = (double)at.epoch + (double)at.next / (double)t->loader->epoch_n,
                      .loss = s->loss,
                      .grad_norm = s->grad_norm,
                      .learning_rate = h->learning_rate,
                      .seconds = seconds,
                      .seconds_left = elapsed / done * (double)(t->total_steps - t->state.step),
                      .device_bytes = device_bytes(t->device),
                      .bad = !s->finite,
                      .rewards = rewards_of(t, s)};
}

static bool report(trainer *t, vkift_step *row, const struct step_hyper *h, err *e) {
  row->target_tokens_per_second = (double)row->target_tokens / row->seconds;
  const bool log = t->state.step % (uint64_t)t->options.logging_steps == 0 || t->state.step == t->total_steps;
  if (!log && !row->bad) return true;
  if (t->events && t->events->step) t->events->step(t->events->user, row);
  TRY(metrics_step(&t->metrics, row, t->options.log_tensor_norms ? t->setup.step : NULL, h, e));
  return tensorboard_step(t->board, row, e);
}

static bool check_finite(trainer *t, const struct step_state *s, err *e) {
  t->state.applied = s->applied;
  t->state.last_loss = s->loss;
  t->state.bad_in_a_row = s->finite ? 0 : t->state.bad_in_a_row + 1;
  t->state.bad_steps += !s->finite;
  if (t->state.bad_in_a_row < (uint64_t)t->options.max_bad_steps) return true;
  if (!save_checkpoint(t, e)) return false; // the weights are good, and worth keeping
  return ERR(e,
             "step %llu: loss or gradient was not finite in %u steps in a row (--max-bad-steps): the weights are those of step "
             "%llu. A smaller "
             "--learning-rate often helps",
             (unsigned long long)t->state.step, t->state.bad_in_a_row,
             (unsigned long long)(t->state.step - t->state.bad_in_a_row));
}

static bool run_step(trainer *t, uint64_t number, err *e) {
  const double began = clock_seconds(), busy = gpu_busy_seconds(t->device);
  const ready_batch *b = prefetch_next(t->prefetch);
  const double ready = clock_seconds();
  double weighted = 0;
  int64_t tokens = 0, targets = 0;
  for (uint32_t i = 0; i < b->n; i++) {
    weighted += (double)b->examples[i]->weight * (b->examples[i]->second ? 1 : b->examples[i]->n_targets);
    tokens += b->examples[i]->n;
    targets += b->examples[i]->n_targets;
  }
  const struct step_hyper h = hyper_of(t, weighted > 0 ? weighted : 1);
  profile_begin_step(t->profile, number);
  if (!step_run(t->setup.step, b->rows, b->n_rows, b->epoch, &h, e))
    return err_prefix(e, "step %llu", (unsigned long long)t->state.step + 1);
  t->state.step++;
  t->state.loader = b->next;
  const struct step_state s = step_result(t->setup.step);
  vkift_step row = row_of(t, &s, &h, clock_seconds() - began);
  row.host_seconds = row.seconds - (gpu_busy_seconds(t->device) - busy);
  row.tokens = tokens;
  row.target_tokens = targets;
  const double ran = clock_seconds();
  TRY(report(t, &row, &h, e) && check_finite(t, &s, e));
  const double ended = clock_seconds();
  char name[48];
  snprintf(name, sizeof name, "step %llu", (unsigned long long)t->state.step);
  profile_add(t->profile, number, name, began, ended);
  profile_add(t->profile, number, "prepare", began, ready);
  profile_add(t->profile, number, "run", ready, ran);
  profile_add(t->profile, number, "report", ran, ended);
  return profile_end_step(t->profile, number, e);
}

// --- the loop ------------------------------------------------------------------------------------------------------------

// A loss that is not finite is no gain.
static void remember_best(trainer *t, double loss) {
  checkpoint_state *s = &t->state;
  const bool better = isfinite(loss) && (!s->best_step || loss < s->best_eval_loss);
  s->evals_without_gain = better ? 0 : s->evals_without_gain + 1;
  if (!better) return;
  s->best_step = s->step;
  s->best_eval_loss = loss;
}

// Of a classifier's examples, those whose own label has the largest logit, the first of equal ones.
typedef struct right_ones {
  uint32_t n_labels;
  uint64_t n;
} right_ones;

static bool count_right(void *user, const example *x, const float *losses, const float *logits, err *e) {
  right_ones *right = user;
  (void)losses, (void)e;
  right->n += classes_likeliest(logits, right->n_labels) == (uint32_t)x->ids[x->n - 1];
  return true;
}

static bool evaluate(trainer *t, err *e) {
  if (!t->corpus.eval.n) return true;
  score_total total;
  vkift_rewards rewards = {0};
  right_ones right = {.n_labels = t->model->labels.n};
  double loss = NAN;
  const dpo_options dpo = preference_options(&t->options);
  if (t->options.objective == VKIFT_DPO) TRY(preference_score(&t->pairs, &dpo, &t->corpus.eval, &loss, &rewards, &total, e));
  else
    TRY(score_dataset(t->setup.score, t->setup.batch, &t->corpus.eval, right.n_labels ? count_right : NULL, &right, &total, e));
  if (!rewards.given) loss = total.loss;
  const vkift_eval_point point = {.step = (int64_t)t->state.step,
                                  .loss = loss,
                                  .perplexity = rewards.given ? 0 : exp(loss),
                                  .examples = (int64_t)total.n_examples,
                                  .target_tokens = (int64_t)total.n_targets,
                                  .rewards = rewards,
                                  .accuracy = right.n_labels ? (double)right.n / (double)total.n_examples : NAN};
  t->last_eval_loss = loss;
  remember_best(t, loss);
  if (t->events && t->events->evaluation) t->events->evaluation(t->events->user, &point);
  return metrics_eval(&t->metrics, &point, e) && tensorboard_evaluation(t->board, &point, e);
}

static bool asked_to_stop(const trainer *t) {
  return t->events && t->events->should_stop && t->events->should_stop(t->events->user);
}

static bool loop(trainer *t, bool *stopped, err *e) {
  t->started = clock_seconds();
  t->first_step = t->state.step;
  *stopped = asked_to_stop(t);
  if (!is_over(t) && !*stopped)
    TRY(prefetch_new(t->loader, &t->setup.batch->limits, t->options.packing, t->total_steps - t->state.step, &t->prefetch, e));
  if (t->options.profile) t->profile = profile_new(t->memory, t->options.profile, t->device, t->total_steps - t->state.step);
  while (!is_over(t) && !*stopped) {
    TRY(run_step(t, t->state.step - t->first_step + 1, e));
    const bool last = t->state.step == t->total_steps;
    if (last || t->state.step % t->eval_every == 0) TRY(evaluate(t, e));
    const bool is_best = t->options.load_best_model_at_end && t->state.best_step == t->state.step;
    if (last || is_best || t->state.step % t->save_every == 0) TRY(save_checkpoint(t, e));
    *stopped = !is_over(t) && asked_to_stop(t);
  }
  if (has_ended_early(t))
    note(t, arena_printf(t->memory, "step %llu: the evaluation loss has not fallen in %u evaluations: training ends here",
                         (unsigned long long)t->state.step, t->state.evals_without_gain));
  return t->saved_step == t->state.step || save_checkpoint(t, e);
}

// --- the end -------------------------------------------------------------------------------------------------------------

// With load_best_model_at_end, what is kept is the checkpoint whose evaluation loss was least. Where it was damaged or deleted
// meanwhile, the weights of the last step are better than a run without a result.
static bool take_best(trainer *t, err *e) {
  const checkpoint_state *s = &t->state;
  if (!t->options.load_best_model_at_end || !s->best_step || s->best_step == s->step) return true;
  const char *best = checkpoint_path(t->memory, t->checkpoints, s->best_step);
  err why = {0};
  if (!checkpoint_verify(best, &why)) {
    note(t,
         arena_printf(t->memory,
                      "warning: the weights of step %llu, whose evaluation loss was the least, cannot be used (%.1300s): those "
                      "of the last step %llu are kept",
                      (unsigned long long)s->best_step, why.message, (unsigned long long)s->step));
    return true;
  }
  note(t, arena_printf(t->memory, "the weights of step %llu are kept: its evaluation loss was the least, %.4f",
                       (unsigned long long)s->best_step, s->best_eval_loss));
  return checkpoint_load(best, &t->setup.params, t->device, e);
}

static bool write_output(trainer *t, const char **output, err *e) {
  TRY(take_best(t, e));
  const bool best = t->options.load_best_model_at_end && t->state.best_step;
  const card_run card = {.options = &t->options,
                         .model = t->model,
                         .prompt = &t->prompt,
                         .adapter = t->setup.adapter,
                         .corpus = &t->corpus,
                         .steps = t->state.step,
                         .best_step = best ? t->state.best_step : 0,
                         .train_loss = t->state.last_loss,
                         .eval_loss = best ? t->state.best_eval_loss : t->last_eval_loss};
  return output_write(t->memory, t->run_dir, t->model, &t->prompt, t->setup.adapter, &card, t->device, output, e);
}

static void fill_result(const trainer *t, const char *output, bool stopped, vkift_train_result *r) {
  if (!r) return;
  *r = (vkift_train_result){.steps = (int64_t)t->state.step,
                            .total_steps = (int64_t)t->total_steps,
                            .bad_steps = (int64_t)t->state.bad_steps,
                            .last_loss = t->state.last_loss,
                            .last_eval_loss = t->last_eval_loss,
                            .best_step = (int64_t)t->state.best_step,
                            .best_eval_loss = t->state.best_step ? t->state.best_eval_loss : NAN,
                            .stopped = stopped};
  snprintf(r->run_dir, sizeof r->run_dir, "%s", t->run_dir);
  snprintf(r->output, sizeof r->output, "%s", output);
}

static bool read_own(void *user, arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                     const vkift_train_events *events, corpus *c, err *e) {
  (void)user;
  return corpus_read(a, m, prompt, o, events, c, e);
}

bool trainer_run(const vkift_train_options *options, const vkift_train_events *events, vkift_train_result *result, err *e) {
  return trainer_run_on(&(corpus_source){.read = read_own}, options, events, result, e);
}

bool trainer_run_on(const corpus_source *source, const vkift_train_options *options, const vkift_train_events *events,
                    vkift_train_result *result, err *e) {
  arena *a = arena_new("training run");
  trainer *t = ARENA_NEW(a, trainer);
  *t = (trainer){.memory = a, .options = *options, .events = events, .source = source, .last_eval_loss = NAN};
  const char *output = "";
  bool stopped = false;
  bool ok = start(t, e) && loop(t, &stopped, e);
  if (ok && !stopped) ok = write_output(t, &output, e);
  if (ok) fill_result(t, output, stopped, result);
  metrics_close(&t->metrics);
  tensorboard_close(t->board);
  prefetch_free(t->prefetch);
  if (t->device) setup_close(&t->setup);
  device_close(t->device);
  model_close(t->model);
  arena_free(a);
  return ok;
}
