#include "eval/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "data/labels.h"
#include "data/tokenizer_file.h"
#include "eval/classes.h"
#include "eval/corpus.h"
#include "eval/loaded.h"
#include "eval/predictions.h"
#include "eval/score.h"
#include "eval/tasks.h"

enum { DEFAULT_CAPACITY = 1024 };

// One model's side of it.
typedef struct side {
  task_scores tasks;
  strings labels; // of a classifier
  double loss, seconds;
} side;

typedef struct evaluation {
  arena *memory;
  const vkift_eval_options *options;
  const vkift_eval_events *events;
  loaded loaded;
  dataset data;   // as the examples are
  dataset scored; // the same with a target on every token, where losses per token are wanted
  uint32_t longest;
  tasks_options tasks;
  tokenizer_file rouge_tokenizer; // that was asked for
  side tuned, base;
  side *now;               // the one that is scored
  const char *predictions; // where they are written; NULL: nowhere
  double loss_sum, weights_sum;
  uint64_t done;
  float *nll; // [longest]
  bool *target;
} evaluation;

static void note(const evaluation *v, const char *line) {
  if (v->events->note) v->events->note(v->events->user, line);
}

static bool usage(err *e, const char *what) {
  e->usage = true;
  return ERR(e, "%s", what);
}

// --- data --------------------------------------------------------------------------------------------------------------

// Without --data, what the run itself evaluated on.
static bool read_run_data(evaluation *v, err *e) {
  vkift_train_options *o = &v->loaded.run;
  o->class_weights = (vkift_strings){0}; // of training alone
  corpus c = {.choices = v->options->metric != VKIFT_METRIC_NONE};
  if (!v->loaded.is_run || (!o->eval_data && o->eval_split == 0)) {
    e->usage = true;
    return ERR(e, "which data? Give --data PATH%s",
               v->loaded.is_run ? ": the run was trained without --eval-data or --eval-split" : "");
  }
  TRY(corpus_read(v->memory, v->loaded.model, &v->loaded.prompt, o, NULL, &c, e));
  v->data = c.eval;
  corpus_keep_chosen(&v->data);
  return true;
}

// What is not scored is said.
static void note_lost(const evaluation *v, uint32_t max_length) {
  text lost = {0};
  corpus_describe_lost(&v->data, max_length, &lost);
  if (lost.length) note(v, arena_printf(v->memory, "%llu examples%s", (unsigned long long)v->data.n, lost.data));
  text_free(&lost);
}

static bool read_data(evaluation *v, err *e) {
  const vkift_eval_options *o = v->options;
  const model *m = v->loaded.model;
  TRY(prompt_fix_date(v->memory, &v->loaded.prompt, v->loaded.is_run ? v->loaded.run.chat_template_date : NULL, e));
  if (o->objective == VKIFT_DPO)
    return usage(e,
                 "objective dpo: expected sft or lm, since what is scored is answers, found dpo: `vkift train` scores pairs "
                 "(--eval-data)");
  if (!o->data) {
    TRY(read_run_data(v, e));
  } else {
    uint32_t most;
    TRY(corpus_max_length(m, o->max_length ? o->max_length : v->loaded.run.max_length, &most, e)); // 0 where there is no run
    dataset_options options = corpus_options(m, &v->loaded.prompt, &o->reading, o->objective, o->excess_length, most);
    if (m->labels.n) options.labels = &m->labels, options.all_tokens = false;
    options.join = o->reading.join_documents == VKIFT_ON; // each text is scored by itself
    options.seed = (uint64_t)o->seed;
    options.choices = o->metric != VKIFT_METRIC_NONE && !m->labels.n;
    TRY(dataset_read_split(v->memory, o->data, "test", &options, &v->data, e));
    note_lost(v, most);
  }
  tasks_limit(&v->data, (uint64_t)o->limit);
  for (uint64_t i = 0; i < v->data.n; i++)
    if (v->longest < v->data.items[i].n) v->longest = v->data.items[i].n;
  return v->data.n ? true : ERR(e, "expected examples to score, found none");
}

// Every token but the first is predicted.
static void score_every_token(evaluation *v) {
  v->scored = v->data;
  v->scored.items = ARENA_ARRAY(v->memory, example, v->data.n);
  uint8_t *all = ARENA_ARRAY(v->memory, uint8_t, v->longest);
  for (uint32_t i = 1; i < v->longest; i++) all[i] = 1;
  for (uint64_t i = 0; i < v->data.n; i++) {
    v->scored.items[i] = v->data.items[i];
    v->scored.items[i].target = all;
    v->scored.items[i].n_targets = v->data.items[i].n - 1;
  }
}

// --- scoring -----------------------------------------------------------------------------------------------------------

static void hand_over(evaluation *v, const example *x, const float *losses, double loss) {
  v->nll[0] = NAN;
  v->target[0] = false;
  for (uint32_t i = 1; i < x->n; i++) v->nll[i] = losses[i - 1], v->target[i] = x->target[i];
  const vkift_scored scored = {.index = (int64_t)v->done,
                               .file = x->origin->file,
                               .line = x->line,
                               .task = x->origin->task,
                               .cluster = x->origin->cluster,
                               .n = x->n,
                               .input_ids = x->ids,
                               .nll = v->nll,
                               .target = v->target,
                               .loss = loss};
  v->events->example(v->events->user, &scored);
}

// `of_score` is the example as it was scored; its losses cover that one's targets.
static bool one_example(void *user, const example *of_score, const float *losses, const float *logits, err *e) {
  evaluation *v = user;
  (void)logits;
  const example *x = &v->data.items[v->done];
  const bool every = of_score->target != x->target;
  double sum = 0;
  for (uint32_t i = 1, k = 0; i < x->n; i++) {
    const uint32_t at = every ? i - 1 : k;
    if (x->target[i]) sum += losses[at], k++;
  }
  v->loss_sum += (double)x->weight * sum;
  v->weights_sum += (double)x->weight * x->n_targets;
  if (v->events->example) hand_over(v, x, losses, x->n_targets ? sum / x->n_targets : NAN);
  v->done++;
  if (v->events->progress) v->events->progress(v->events->user, (int64_t)v->done, (int64_t)v->data.n);
  if (v->events->should_stop && v->events->should_stop(v->events->user))
    return ERR(e, "stopped after %llu examples", (unsigned long long)v->done);
  return true;
}

static bool run_scores(evaluation *v, uint64_t rows, err *e) {
  const dataset *set = v->events->example ? &v->scored : &v->data;
  v->loss_sum = v->weights_sum = 0;
  v->done = 0;
  TRY(score_examples(v->memory, v->loaded.model, v->loaded.device, rows, set, one_example, v, e));
  v->now->loss = v->weights_sum > 0 ? v->loss_sum / v->weights_sum : NAN;
  return true;
}

static void say_compiling(void *user, uint32_t n_kernels) {
  char line[64];
  snprintf(line, sizeof line, "compiling %u kernels", n_kernels);
  note(user, line);
}

// --- answers -----------------------------------------------------------------------------------------------------------

static bool read_rouge_tokenizer(evaluation *v, err *e) {
  const char *path = v->options->rouge_tokenizer;
  if (!path) return true;
  TRY(tokenizer_file_open(v->memory, path, &v->rouge_tokenizer, e));
  v->tasks.rouge_tokenizer = v->rouge_tokenizer.tokens;
  return true;
}

// Whether the answers can be kept where they are to be, before there are any.
static bool place_predictions(evaluation *v, err *e) {
  const vkift_eval_options *o = v->options;
  err fault = {0};
  v->predictions = o->predictions;
  if (o->metric == VKIFT_METRIC_NONE && !o->score && !v->loaded.model) return true;
  if (o->predictions) {
    const char *dir = path_directory(v->memory, o->predictions);
    return file_is_dir(dir) || ERR(e, "%s: expected a file in a directory that is there, found no %s", o->predictions, dir);
  }
  if (!o->source.run) return true;
  const char *dir = path_join(v->memory, o->source.run, "predictions");
  const char *name = o->data ? path_stem(v->memory, path_trim(v->memory, o->data)) : "eval";
  if (dir_make(dir, &fault)) {
    v->predictions = path_join(v->memory, dir, arena_printf(v->memory, "%s.jsonl", name));
    if (file_exists(v->predictions))
      note(v, arena_printf(v->memory, "%s has answers of an earlier evaluation, which are replaced (--predictions keeps both)",
                           v->predictions));
  } else note(v, arena_printf(v->memory, "the answers are not kept: %s", fault.message));
  return true;
}

// The tuned model's at once, and again with the base's beside them.
static bool write_predictions(const evaluation *v, err *e) {
  const task_scores *tuned = &v->tuned.tasks, *base = &v->base.tasks;
  return !v->predictions || !tuned->n || predictions_write_compared(v->predictions, tuned, base->n ? base : NULL, e);
}

static void report(const evaluation *v) {
  vkift_task_score *rows;
  uint64_t n;
  if (!v->events->score || !v->tuned.tasks.n) return;
  tasks_summarise(v->memory, &v->tuned.tasks, v->options->compare_base ? &v->base.tasks : NULL, (uint64_t)v->options->seed, &rows,
                  &n);
  for (uint64_t i = 0; i < n; i++) v->events->score(v->events->user, &rows[i]);
}

static void report_classes(const evaluation *v) {
  if (!v->events->classes || !v->tuned.labels.n) return;
  const vkift_classes classes = classes_summarise(v->memory, &v->tuned.labels, &v->tuned.tasks, (uint64_t)v->options->seed);
  v->events->classes(v->events->user, &classes);
}

// --- all of it ---------------------------------------------------------------------------------------------------------

static bool score_model(evaluation *v, err *e) {
  kernel_on_compiling(v->loaded.device, say_compiling, v);
  v->nll = ARENA_ARRAY(v->memory, float, v->longest);
  v->target = ARENA_ARRAY(v->memory, bool, v->longest);
  const uint64_t rows = v->options->micro_batch_tokens ? (uint64_t)v->options->micro_batch_tokens : DEFAULT_CAPACITY;
  if (v->loaded.model->labels.n)
    return classes_evaluate(v->memory, &v->loaded, &v->data, rows, v->events, &v->now->tasks, &v->now->loss, e);
  if (v->events->example) score_every_token(v);
  if (v->options->metric != VKIFT_METRIC_NONE)
    TRY(tasks_evaluate(v->memory, &v->loaded, &v->data, &v->tasks, v->events, &v->now->tasks, e));
  return run_scores(v, rows, e);
}

static vkift_source source_of(const evaluation *v, const side *of) {
  vkift_source source = v->options->source;
  source.base = source.base || of == &v->base;
  return source;
}

// What a classifier began with has a head only where that was one too.
static bool check_base_head(const evaluation *v, const loaded *probe, const char *model_path, const char *adapter_path, err *e) {
  model *m;
  if (!probe->is_run || probe->run.objective != VKIFT_CLASSIFY || adapter_path) return true;
  TRY(model_open(v->memory, model_path, true, &m, e));
  const bool is_one = m->labels.n > 0;
  model_close(m);
  return is_one || ERR(e, "%s: %s, which the run began with, has no head for labels: there is nothing to compare with",
                       v->options->source.run, model_path);
}

// Whether there is a base to compare with, before anything is computed.
static bool check_base(evaluation *v, err *e) {
  const vkift_source source = source_of(v, &v->base);
  const char *paths[2];
  loaded probe = {0};
  if (!v->options->compare_base && !(v->options->source.run && v->options->source.base)) return true;
  return loaded_resolve(v->memory, &source, &probe, &paths[0], &paths[1], e) && check_base_head(v, &probe, paths[0], paths[1], e);
}

// Names for the labels of a head that has numbers alone.
static bool name_labels(evaluation *v, err *e) {
  const vkift_strings *given = &v->options->labels;
  model *m = v->loaded.model;
  strings labels = {given->items, (uint32_t)given->n};
  if (!m->labels_are_numbers || !given->n) return corpus_check_labels(m, given, e);
  if (given->n != m->labels.n)
    return ERR(e, "labels: expected %u, as the head of %s has, found %zu", m->labels.n, m->path, given->n);
  TRY(labels_check("labels", &labels, e));
  model_make_classifier(v->memory, m, &labels);
  return true;
}

// What goes with the kind of model that was loaded.
static bool check_kind(evaluation *v, err *e) {
  const vkift_eval_options *o = v->options;
  const model *m = v->loaded.model;
  if (!m->labels.n) {
    if (o->objective == VKIFT_CLASSIFY)
      return ERR(e, "%s: expected a classifier, found a model without a head for labels", m->path);
    if (o->labels.n) return usage(e, "--labels names those of a classifier: this model has no head for labels");
    return o->metric != VKIFT_METRIC_NONE || !o->predictions ||
           usage(e, "--predictions keeps scored answers: give --metric with it");
  }
  if (o->metric != VKIFT_METRIC_NONE && o->metric != VKIFT_METRIC_AUTO && o->metric != VKIFT_METRIC_ACCURACY) {
    e->usage = true;
    return ERR(e, "metric: expected accuracy (or none), which a classifier is scored by, found %s", metric_name(o->metric));
  }
  if (v->events->example)
    return usage(e, "a classifier has a loss for its label, not for every token: --predictions keeps what it says");
  return name_labels(v, e) && place_predictions(v, e);
}

static bool evaluate(evaluation *v, side *of, err *e) {
  const double start = clock_seconds();
  const vkift_source source = source_of(v, of);
  v->now = of;
  v->data = (dataset){0};
  v->longest = 0;
  v->loaded.labels = (strings){v->options->labels.items, (uint32_t)v->options->labels.n};
  const bool ok = loaded_open(v->memory, &source, &v->loaded, e) && check_kind(v, e) && read_data(v, e) && score_model(v, e);
  if (ok) of->labels = v->loaded.model->labels; // in the memory of all of it
  loaded_close(&v->loaded);
  of->seconds = clock_seconds() - start;
  return ok && write_predictions(v, e);
}

static bool score_file(evaluation *v, err *e) {
  task_scores *s = &v->tuned.tasks;
  return predictions_load(v->memory, v->options->score, s, e) && tasks_plan(v->memory, &v->tasks, s, e) &&
         tasks_score(v->memory, &v->tasks, s, e) && write_predictions(v, e);
}

static void put_path(char out[4096], const char *path) {
  snprintf(out, 4096, "%s", path ? path : "");
}

static bool counts_tokens(const task_scores *s) {
  for (uint32_t t = 0; t < s->n_tasks; t++)
    if (s->tasks[t].metric == VKIFT_METRIC_ROUGE_L_TOKENS) return true;
  return false;
}

static void fill_result(const evaluation *v, vkift_eval_result *r) {
  const vkift_eval_options *o = v->options;
  *r = (vkift_eval_result){.loss = v->tuned.loss,
                           .perplexity = exp(v->tuned.loss),
                           .examples = (int64_t)(o->score ? v->tuned.tasks.n : v->data.n),
                           .seconds = v->tuned.seconds,
                           .base_loss = v->base.loss,
                           .base_perplexity = exp(v->base.loss),
                           .base_seconds = o->compare_base ? v->base.seconds : NAN};
  for (uint64_t i = 0; i < v->data.n; i++) r->tokens += v->data.items[i].n, r->target_tokens += v->data.items[i].n_targets;
  if (v->tuned.tasks.n) put_path(r->predictions, v->predictions);
  if (counts_tokens(&v->tuned.tasks))
    put_path(r->rouge_tokenizer, o->rouge_tokenizer ? o->rouge_tokenizer : o->source.run ? o->source.run : o->source.model);
}

static bool check_options(const vkift_eval_options *o, err *e) {
  if (o->score && (o->source.run || o->source.model || o->data || o->compare_base))
    return usage(e, "a file of answers is scored without a model and data");
  if (o->max_new_tokens >= 1 && o->max_new_tokens <= INT32_MAX && o->micro_batch_tokens >= 0 && o->max_length >= 0 &&
      o->limit >= 0)
    return true;
  e->usage = true;
  return ERR(
      e,
      "expected 1 ≤ max_new_tokens < 2^31, micro_batch_tokens ≥ 0, max_length ≥ 0 and limit ≥ 0, found %lld, %lld, %lld and "
      "%lld",
      (long long)o->max_new_tokens, (long long)o->micro_batch_tokens, (long long)o->max_length, (long long)o->limit);
}

bool evaluation_run(const vkift_eval_options *options, const vkift_eval_events *events, vkift_eval_result *result, err *e) {
  arena *a = arena_new("evaluation");
  evaluation *v = ARENA_NEW(a, evaluation);
  *v = (evaluation){.memory = a,
                    .options = options,
                    .events = events,
                    .tasks = {.metric = options->metric, .max_new_tokens = (uint32_t)options->max_new_tokens},
                    .tuned = {.loss = NAN},
                    .base = {.loss = NAN}};
  if (options->score && options->metric == VKIFT_METRIC_NONE) v->tasks.metric = VKIFT_METRIC_AUTO;
  bool ok = check_options(options, e) && read_rouge_tokenizer(v, e) && place_predictions(v, e) && check_base(v, e);
  if (ok) ok = options->score ? score_file(v, e) : evaluate(v, &v->tuned, e);
  if (ok && options->compare_base) ok = evaluate(v, &v->base, e);
  if (ok) report(v);
  if (ok) report_classes(v);
  if (ok && result) fill_result(v, result);
  tokenizer_file_close(&v->rouge_tokenizer);
  arena_free(a);
  return ok;
}
