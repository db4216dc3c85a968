// The start of a training run: options, run directory, model, data, device and memory, then a first checkpoint or one to go on from.
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "config/train_options.h"
#include "eval/loaded.h"
#include "models/dora.h"
#include "models/prompt_choice.h"
#include "models/prompt_untrained.h"
#include "models/trainable.h"
#include "train/facts.h"
#include "train/trainer_parts.h"

static void note(void *user, const char *line) {
  trainer_note(user, line);
}

static bool stop(void *user) {
  return trainer_asked_to_stop(user);
}

// Killed between config.yaml, which comes first, and the first checkpoint, which metrics.jsonl follows.
static bool never_began(const trainer *t) {
  return file_exists(path_join(t->memory, t->run_dir, "config.yaml")) &&
         !file_exists(path_join(t->memory, t->run_dir, "metrics.jsonl")) && !checkpoint_any(t->checkpoints);
}

static bool open_run_dir(trainer *t, err *e) {
  vkift_train_options *o = &t->options;
  if (!o->output_dir) o->output_dir = trainer_new_dir(t->memory, "");
  t->run_dir = o->output_dir;
  t->checkpoints = path_join(t->memory, t->run_dir, "checkpoints");
  if (o->resume && never_began(t)) {
    trainer_note(t, "the run was stopped before its first checkpoint: it begins anew");
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
    trainer_note(t, arena_printf(t->memory, "%s. Training on the CPU, through %s", device_cpu_reason(reason), s->name));
  else trainer_note(t, arena_printf(t->memory, "device: %s", s->name));
}

static void say_compiling(void *user, uint32_t n_kernels) {
  const trainer *t = user;
  trainer_note(t, arena_printf(t->memory, "compiling %u kernels", n_kernels));
}

static void say_measuring(void *user, uint32_t n_products) {
  const trainer *t = user;
  trainer_note(t, arena_printf(t->memory,
                               "measuring which kernels are the fastest for %u matrix products (once for this device and driver)",
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

// Finds the newest good checkpoint before anything is built: its choice of rows decides the graphs.
static bool find_checkpoint(trainer *t, char **path, setup_choice *choice, err *e) {
  TRY(checkpoint_find(t->memory, t->checkpoints, note, t, path, &t->state, e));
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
    trainer_note(t,
                 arena_printf(t->memory, "the run began on another device or with other paths (%s); now %s: its bits may differ",
                              t->state.device, device));
  t->state.device = device;
  if (t->corpus.longest > t->state.capacity)
    return ERR(e, "%s: rows of %u tokens, but an example has %u", *path, t->state.capacity, t->corpus.longest);
  if (t->state.capacity > batch_most_tokens(t->model, device_plan(t->device)))
    return ERR(e, "%s: rows of %u tokens: expected at most %u on this device", *path, t->state.capacity,
               batch_most_tokens(t->model, device_plan(t->device)));
  trainer_best_forget_other(t);
  *choice = (setup_choice){t->state.capacity, {t->state.recomputed_layers, t->state.recomputed_group}};
  return true;
}

static bool write_config(trainer *t, err *e) {
  return train_options_write(path_join(t->memory, t->run_dir, "config.yaml"), &t->options, e);
}

// Before anything is trained, while the weights on the device are the reference's.
static bool prepare_pairs(trainer *t, bool resumed, err *e) {
  if (t->options.objective != VKIFT_DPO) return true;
  t->pairs = (preference){.memory = t->memory,
                          .score = t->setup.score,
                          .batch = t->setup.batch,
                          .corpus = &t->corpus,
                          .base_hash = model_fingerprint(t->model),
                          .path = path_join(t->memory, t->run_dir, "reference.safetensors"),
                          .note = note,
                          .stop = stop,
                          .user = t};
  TRY(resumed ? preference_restore(&t->pairs, e) : preference_take(&t->pairs, e));
  return resumed || setup_take_adapter(&t->setup, &t->options, e);
}

static bool restore(trainer *t, const char *checkpoint, err *e) {
  TRY(prepare_pairs(t, true, e));
  TRY(checkpoint_load(checkpoint, &t->setup.params, t->device, e) && dora_compute_norms(t->model, t->device, e));
  TRY(step_set_applied(t->setup.step, t->state.applied, e));
  TRY(loader_seek(t->loader, t->state.loader, e));
  TRY(checkpoint_remove_after(t->checkpoints, t->state.step, e));
  trainer_best_forget_lost(t);
  // Flags may have changed it, --max-steps to go on for longer. A run that has ended stays as it is.
  if (!trainer_is_over(t)) TRY(write_config(t, e));
  t->saved_step = t->state.step;
  trainer_note(t, arena_printf(t->memory, "resumed from %s", checkpoint));
  return true;
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
                                .last_eval_loss = NAN,
                                .eval_hash = trainer_best_eval_hash(t),
                                .base_hash = model_fingerprint(t->model),
                                .device = device_text(t)};
  TRY(step_set_applied(t->setup.step, 0, e));
  TRY(dir_make(t->run_dir, e));
  TRY(write_config(t, e) && prepare_pairs(t, false, e) && write_facts(t, e));
  return trainer_save_checkpoint(t, e);
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

// LoRA by itself, and freeze where it is not named, train no rows of the embedding: a token that the model does not know would
// stay unknown. (What an adapter to go on from has trained is not known yet.)
static bool warn_of_untrained(const trainer *t, err *e) {
  text warning = {0};
  const vkift_train_options *o = &t->options;
  const bool frozen = o->method == VKIFT_FREEZE, lora = o->method == VKIFT_LORA;
  const bool trains = o->objective == VKIFT_CLASSIFY || (!frozen && !lora) || (lora && o->adapter) ||
                      trainable_has_embedding(t->model, o->trainable.items, o->trainable.n) ||
                      trainable_saves_embedding(t->model, o->modules_to_save.items, o->modules_to_save.n);
  const bool ok = trains || prompt_untrained_describe(t->model, &t->prompt, frozen, &warning, e);
  if (ok && warning.length) trainer_note(t, arena_printf(t->memory, "warning: %s", warning.data));
  text_free(&warning);
  return ok;
}

static void say_data(const trainer *t) {
  const char *cache = t->corpus.train.cache_written, *fault = t->corpus.train.cache_fault;
  if (cache)
    trainer_note(
        t, arena_printf(t->memory, "the tokens are kept in %s for other runs on these data (VKIFT_DATA_CACHE=off: not)", cache));
  if (fault) trainer_note(t, arena_printf(t->memory, "warning: the tokens could not be kept, and are held in memory: %s", fault));
  text line = {0};
  corpus_describe(&t->corpus, &line);
  trainer_note(t, line.data);
  text_free(&line);
}

bool trainer_start(trainer *t, err *e) {
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
  say_data(t);

  char *checkpoint = NULL;
  setup_choice choice;
  text line = {0};
  bool ok = !o->resume || find_checkpoint(t, &checkpoint, &choice, e);
  ok = ok && setup_open(t->memory, t->model, t->device, &t->corpus, o, checkpoint ? &choice : NULL, &t->setup, &line, e);
  if (ok) trainer_note(t, line.data);
  text_free(&line);
  if (!ok) return false;
  fill_defaults(t);
  plan_steps(t);
  TRY(checkpoint ? restore(t, checkpoint, e) : begin(t, e));
  if (o->tensorboard)
    TRY(tensorboard_open(t->memory, path_join(t->memory, t->run_dir, "tensorboard"), t->state.step, &t->board, e));
  return metrics_open(t->memory, path_join(t->memory, t->run_dir, "metrics.jsonl"), checkpoint, t->state.step, &t->metrics, e);
}
