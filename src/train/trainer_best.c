// Evaluations while training, and the checkpoint whose evaluation loss was the least: when it is forgotten, and that it is kept.
#include <math.h>
#include <xxhash.h>

#include "eval/classes.h"
#include "train/trainer_parts.h"

// Of pairs of answers, what makes a loss of them belongs to it.
uint64_t trainer_best_eval_hash(const trainer *t) {
  if (!t->corpus.eval.n) return 0;
  const uint64_t hash = dataset_hash(&t->corpus.eval);
  if (t->options.objective != VKIFT_DPO) return hash;
  const dpo_options o = preference_options(&t->options);
  const float of_loss[] = {o.beta, o.label_smoothing, o.normalised ? 1 : 0};
  return XXH3_64bits_withSeed(of_loss, sizeof of_loss, hash);
}

static void forget_best(trainer *t) {
  t->state.best_step = 0;
  t->state.evals_without_gain = 0;
}

// Losses on other data cannot be compared: what was the best of those, and for how long, begins anew.
void trainer_best_forget_other(trainer *t) {
  const uint64_t now = trainer_best_eval_hash(t), before = t->state.eval_hash;
  if (!now) return; // nothing will be evaluated
  t->state.eval_hash = now;
  if (!before || before == now || (!t->state.best_step && !t->state.evals_without_gain)) return;
  trainer_note(t, "the evaluation data or their loss are not those of before: the least evaluation loss is looked for anew");
  forget_best(t);
}

// The option may have been given only now, so that nothing has kept the checkpoint; or it was deleted or damaged since.
void trainer_best_forget_lost(trainer *t) {
  const checkpoint_state *s = &t->state;
  if (!t->options.load_best_model_at_end || !s->best_step || s->best_step == s->step) return;
  err why = {0};
  if (checkpoint_verify(checkpoint_path(t->memory, t->checkpoints, s->best_step), &why)) return;
  trainer_note(t,
               arena_printf(t->memory,
                            "the weights of step %llu, whose evaluation loss was the least, cannot be used (%.1300s): the least "
                            "evaluation loss is looked for anew from step %llu on",
                            (unsigned long long)s->best_step, why.message, (unsigned long long)s->step));
  forget_best(t);
}

// The evaluation loss has not fallen for as long as the user wants to wait.
bool trainer_best_ended_early(const trainer *t) {
  const int64_t patience = t->options.early_stopping_patience;
  return patience && t->state.evals_without_gain >= (uint64_t)patience;
}

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

bool trainer_best_evaluate(trainer *t, err *e) {
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
  t->state.last_eval_loss = loss;
  remember_best(t, loss);
  if (t->events && t->events->evaluation) t->events->evaluation(t->events->user, &point);
  return metrics_eval(&t->metrics, &point, e) && tensorboard_evaluation(t->board, &point, e);
}

// With load_best_model_at_end, what is kept is the checkpoint whose evaluation loss was least. Where it was damaged or deleted
// meanwhile, the weights of the last step are better than a run without a result.
bool trainer_best_take(trainer *t, err *e) {
  const checkpoint_state *s = &t->state;
  if (!t->options.load_best_model_at_end || !s->best_step || s->best_step == s->step) return true;
  const char *best = checkpoint_path(t->memory, t->checkpoints, s->best_step);
  err why = {0};
  if (!checkpoint_verify(best, &why)) {
    trainer_note(
        t, arena_printf(t->memory,
                        "warning: the weights of step %llu, whose evaluation loss was the least, cannot be used (%.1300s): those "
                        "of the last step %llu are kept",
                        (unsigned long long)s->best_step, why.message, (unsigned long long)s->step));
    return true;
  }
  trainer_note(t, arena_printf(t->memory, "the weights of step %llu are kept: its evaluation loss was the least, %.4f",
                               (unsigned long long)s->best_step, s->best_eval_loss));
  return checkpoint_load(best, &t->setup.params, t->device, e);
}
