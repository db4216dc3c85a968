// The training loop: batches, steps, checkpoints, and what is written at the end.
#define _POSIX_C_SOURCE 200809L // localtime_r
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "train/output.h"
#include "train/trainer_parts.h"

const char *trainer_new_dir(arena *a, const char *kind) {
  char date[32];
  const time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(date, sizeof date, "%Y-%m-%d-%H%M%S", &local);
  return arena_printf(a, "runs/%s%s", kind, date);
}

void trainer_note(const trainer *t, const char *line) {
  if (t->events && t->events->note) t->events->note(t->events->user, line);
  else log_note("%s", line);
}

bool trainer_is_over(const trainer *t) {
  return t->state.step >= t->total_steps || trainer_best_ended_early(t);
}

bool trainer_asked_to_stop(const trainer *t) {
  return t->events && t->events->should_stop && t->events->should_stop(t->events->user);
}

bool trainer_save_checkpoint(trainer *t, err *e) {
  TRY(checkpoint_write(t->checkpoints, &t->state, &t->setup.params, t->device, e));
  t->saved_step = t->state.step;
  return checkpoint_rotate(t->checkpoints, (uint64_t)t->options.save_total_limit,
                           t->options.load_best_model_at_end ? t->state.best_step : 0, e);
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
  if (!trainer_save_checkpoint(t, e)) return false; // the weights are good, and worth keeping
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

static bool loop(trainer *t, bool *stopped, err *e) {
  t->started = clock_seconds();
  t->first_step = t->state.step;
  *stopped = trainer_asked_to_stop(t);
  if (!trainer_is_over(t) && !*stopped)
    TRY(prefetch_new(t->loader, &t->setup.batch->limits, t->options.packing, t->total_steps - t->state.step, &t->prefetch, e));
  if (t->options.profile) t->profile = profile_new(t->memory, t->options.profile, t->device, t->total_steps - t->state.step);
  while (!trainer_is_over(t) && !*stopped) {
    TRY(run_step(t, t->state.step - t->first_step + 1, e));
    const bool last = t->state.step == t->total_steps;
    if (last || t->state.step % t->eval_every == 0) TRY(trainer_best_evaluate(t, e));
    const bool is_best = t->options.load_best_model_at_end && t->state.best_step == t->state.step;
    if (last || is_best || t->state.step % t->save_every == 0) TRY(trainer_save_checkpoint(t, e));
    *stopped = !trainer_is_over(t) && trainer_asked_to_stop(t);
  }
  if (trainer_best_ended_early(t))
    trainer_note(t, arena_printf(t->memory, "step %llu: the evaluation loss has not fallen in %u evaluations: training ends here",
                                 (unsigned long long)t->state.step, t->state.evals_without_gain));
  return t->saved_step == t->state.step || trainer_save_checkpoint(t, e);
}

// --- the end -------------------------------------------------------------------------------------------------------------

static bool write_output(trainer *t, const char **output, err *e) {
  TRY(trainer_best_take(t, e));
  const bool best = t->options.load_best_model_at_end && t->state.best_step;
  const card_run card = {.options = &t->options,
                         .model = t->model,
                         .prompt = &t->prompt,
                         .adapter = t->setup.adapter,
                         .corpus = &t->corpus,
                         .steps = t->state.step,
                         .best_step = best ? t->state.best_step : 0,
                         .train_loss = t->state.last_loss,
                         .eval_loss = best ? t->state.best_eval_loss : t->state.last_eval_loss};
  return output_write(t->memory, t->run_dir, t->model, &t->prompt, t->setup.adapter, &card, t->device, output, e);
}

static void fill_result(const trainer *t, const char *output, bool stopped, vkift_train_result *r) {
  if (!r) return;
  *r = (vkift_train_result){.steps = (int64_t)t->state.step,
                            .total_steps = (int64_t)t->total_steps,
                            .bad_steps = (int64_t)t->state.bad_steps,
                            .last_loss = t->state.last_loss,
                            .last_eval_loss = t->state.last_eval_loss,
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
  *t = (trainer){.memory = a, .options = *options, .events = events, .source = source};
  const char *output = "";
  bool stopped = false;
  bool ok = trainer_start(t, e) && loop(t, &stopped, e);
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
