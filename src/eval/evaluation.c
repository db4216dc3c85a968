#include "eval/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "eval/accuracy.h"
#include "eval/corpus.h"
#include "eval/loaded.h"
#include "eval/score.h"

enum { DEFAULT_CAPACITY = 1024 };

typedef struct evaluation {
  arena *memory;
  const vkift_eval_options *options;
  const vkift_eval_events *events;
  loaded loaded;
  dataset data;   // as the examples are
  dataset scored; // the same with a target on every token, where losses per token are wanted
  uint32_t longest;
  accuracy accuracy;
  double loss_sum, weights_sum;
  uint64_t done;
  float *nll; // [longest]
  bool *target;
} evaluation;

// --- data --------------------------------------------------------------------------------------------------------------

// Without --data, what the run itself evaluated on.
static bool read_run_data(evaluation *v, err *e) {
  vkift_train_options *o = &v->loaded.run;
  corpus c;
  if (!v->loaded.is_run || (!o->eval_data && o->eval_split == 0)) {
    e->usage = true;
    return ERR(e, "which data? Give --data PATH%s",
               v->loaded.is_run ? ": the run was trained without --eval-data or --eval-split" : "");
  }
  TRY(corpus_read(v->memory, v->loaded.model, &v->loaded.prompt, o, NULL, &c, e));
  v->data = c.eval;
  return true;
}

// What is not scored is said.
static void note_lost(const evaluation *v, uint32_t max_length) {
  text lost = {0};
  corpus_describe_lost(&v->data, max_length, &lost);
  if (lost.length && v->events->note)
    v->events->note(v->events->user, arena_printf(v->memory, "%llu examples%s", (unsigned long long)v->data.n, lost.data));
  text_free(&lost);
}

static bool read_data(evaluation *v, err *e) {
  const vkift_eval_options *o = v->options;
  const model *m = v->loaded.model;
  TRY(prompt_fix_date(v->memory, &v->loaded.prompt, v->loaded.is_run ? v->loaded.run.chat_template_date : NULL, e));
  if (!o->data) {
    TRY(read_run_data(v, e));
  } else {
    uint32_t most;
    TRY(corpus_max_length(m, o->max_length ? o->max_length : v->loaded.run.max_length, &most, e)); // 0 where there is no run
    dataset_options options = corpus_options(m, &v->loaded.prompt, &o->reading, o->objective, o->excess_length, most);
    options.seed = (uint64_t)o->seed;
    TRY(dataset_read_split(v->memory, o->data, "test", &options, &v->data, e));
    note_lost(v, most);
  }
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
  const accuracy_row *answer = v->options->accuracy ? &v->accuracy.rows[v->done] : NULL;
  const vkift_scored scored = {.index = (int64_t)v->done,
                               .file = x->origin->file,
                               .line = x->line,
                               .task = x->origin->task,
                               .cluster = x->origin->cluster,
                               .n = x->n,
                               .input_ids = x->ids,
                               .nll = v->nll,
                               .target = v->target,
                               .loss = loss,
                               .answer = answer ? answer->answer : NULL,
                               .expected = answer ? x->answer : NULL,
                               .correct = answer && answer->correct};
  v->events->example(v->events->user, &scored);
}

// `of_score` is the example as it was scored; its losses cover that one's targets.
static bool one_example(void *user, const example *of_score, const float *losses, err *e) {
  evaluation *v = user;
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

static bool run_scores(evaluation *v, err *e) {
  const model *m = v->loaded.model;
  gpu_device *d = v->loaded.device;
  pack_limits limits = {0};
  TRY(batch_capacity(m, device_plan(d),
                     v->options->micro_batch_tokens ? (uint64_t)v->options->micro_batch_tokens : DEFAULT_CAPACITY, v->longest,
                     &limits.tokens, e));
  batch *b = batch_new(v->memory, m, &limits, v->longest);
  score *s = score_new(v->memory, m, b, device_plan(d));
  gpu_heap *heap = heap_new(d, "evaluation", GPU_MEMORY_DEVICE),
           *staging = heap_new(d, "host side of evaluation", GPU_MEMORY_STAGING);
  graph_memory activations = {0};
  graph_memory_add(&activations, s->graph);
  score_total total;
  const dataset *set = v->events->example ? &v->scored : &v->data;
  const bool ok = batch_allocate(b, heap, e) && batch_open(b, m, d, staging, e) && graph_memory_allocate(&activations, heap, e) &&
                  score_record(s, d, &activations, staging, e) && score_dataset(s, b, set, one_example, v, &total, e);
  score_free(s);
  batch_free(b);
  heap_free(heap);
  heap_free(staging);
  return ok;
}

static void say_compiling(void *user, uint32_t n_kernels) {
  const evaluation *v = user;
  char line[64];
  snprintf(line, sizeof line, "compiling %u kernels", n_kernels);
  if (v->events->note) v->events->note(v->events->user, line);
}

static void fill_result(const evaluation *v, double seconds, vkift_eval_result *r) {
  const double loss = v->weights_sum > 0 ? v->loss_sum / v->weights_sum : NAN;
  *r = (vkift_eval_result){.loss = loss,
                           .perplexity = exp(loss),
                           .examples = (int64_t)v->data.n,
                           .correct = (int64_t)v->accuracy.n_correct,
                           .seconds = seconds};
  for (uint64_t i = 0; i < v->data.n; i++) r->tokens += v->data.items[i].n, r->target_tokens += v->data.items[i].n_targets;
}

static bool check_options(const vkift_eval_options *o, err *e) {
  if (o->max_new_tokens >= 1 && o->max_new_tokens <= INT32_MAX && o->micro_batch_tokens >= 0 && o->max_length >= 0) return true;
  e->usage = true;
  return ERR(e, "expected 1 ≤ max_new_tokens < 2^31, micro_batch_tokens ≥ 0 and max_length ≥ 0, found %lld, %lld and %lld",
             (long long)o->max_new_tokens, (long long)o->micro_batch_tokens, (long long)o->max_length);
}

bool evaluation_run(const vkift_eval_options *options, const vkift_eval_events *events, vkift_eval_result *result, err *e) {
  arena *a = arena_new("evaluation");
  evaluation *v = ARENA_NEW(a, evaluation);
  *v = (evaluation){.memory = a, .options = options, .events = events};
  const double start = clock_seconds();
  bool ok = check_options(options, e) && loaded_open(a, &options->source, &v->loaded, e) && read_data(v, e);
  if (ok) {
    kernel_on_compiling(v->loaded.device, say_compiling, v);
    v->nll = ARENA_ARRAY(a, float, v->longest);
    v->target = ARENA_ARRAY(a, bool, v->longest);
    if (events->example) score_every_token(v);
    if (options->accuracy)
      ok = accuracy_measure(a, &v->loaded, &v->data, (uint32_t)options->max_new_tokens, events, &v->accuracy, e);
  }
  ok = ok && run_scores(v, e);
  if (ok && options->accuracy && events->cluster) accuracy_report(a, &v->data, &v->accuracy, events);
  if (ok && result) fill_result(v, clock_seconds() - start, result);
  loaded_close(&v->loaded);
  arena_free(a);
  return ok;
}
