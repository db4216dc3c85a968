// tasks_evaluate: a data set's examples as items, their answers by the generator, and the likelihoods of their choices.
#include <math.h>
#include <string.h>

#include "eval/answer.h"
#include "eval/score.h"
#include "eval/tasks.h"

enum { ROW_TOKENS = 1024 };

// Where a choice's log-likelihood goes.
typedef struct weighed {
  double *sum;
  bool is_last; // of its item
} weighed;

typedef struct evaluation {
  arena *memory;
  const loaded *loaded;
  const dataset *set;
  const tasks_options *options;
  const vkift_eval_events *events;
  task_scores *out;
  uint64_t done; // examples
  // generation
  uint64_t *asked; // [n_asked]: the items that are answered
  uint64_t n_asked;
  // choices
  dataset choices; // of each item in turn, one example a choice
  weighed *sums;   // [choices.n]
  uint64_t scored;
} evaluation;

// --- items -------------------------------------------------------------------------------------------------------------

static strings unpack(arena *a, const packed_strings *p, const char *first) {
  const uint32_t n = (p ? p->n : 0) + (first != NULL);
  const char **items = ARENA_ARRAY(a, const char *, n), *s = p ? p->data : NULL;
  if (first) items[0] = first;
  for (uint32_t i = first != NULL; i < n; i++, s = packed_next(s)) items[i] = s;
  return (strings){items, n};
}

// The right answers: what the row lists, and its own answer in front where that is not among them.
static strings references_of(arena *a, const example *x) {
  if (!x->prompt_n || !*x->answer) return (strings){NULL, 0};
  const strings listed = unpack(a, x->references, NULL);
  for (uint32_t i = 0; i < listed.n; i++)
    if (!strcmp(listed.items[i], x->answer)) return listed;
  return unpack(a, x->references, x->answer);
}

static bool decode(const evaluation *v, const int32_t *ids, uint32_t n, bool skip_special, const char **out, err *e) {
  text decoded = {0};
  text_puts(&decoded, "");
  const bool ok = tokenizer_decode(v->loaded->model->tokenizer, ids, n, skip_special, &decoded, e);
  *out = arena_strndup(v->memory, decoded.data, decoded.length);
  text_free(&decoded);
  return ok;
}

task_scores tasks_items(arena *a, const dataset *set) {
  task_scores s = {.items = ARENA_ARRAY(a, task_item, set->n), .n = set->n};
  for (uint64_t i = 0; i < s.n; i++) {
    const example *x = &set->items[i];
    const example_origin *from = x->origin;
    s.items[i] = (task_item){.task = from->task,
                             .cluster = from->cluster,
                             .category = from->category,
                             .metric = from->metric,
                             .file = from->file,
                             .line = x->line,
                             .references = references_of(a, x),
                             .choices = unpack(a, x->choices, NULL),
                             .prompt = "",
                             .prediction = ""};
  }
  return s;
}

static bool decode_prompts(const evaluation *v, err *e) {
  for (uint64_t i = 0; i < v->out->n; i++) {
    const example *x = &v->set->items[i];
    TRY(decode(v, x->ids, x->prompt_n, false, &v->out->items[i].prompt, e));
  }
  return true;
}

static bool one_done(evaluation *v, err *e) {
  const vkift_eval_events *events = v->events;
  v->done++;
  if (events->progress) events->progress(events->user, (int64_t)v->done, (int64_t)v->out->n);
  if (events->should_stop && events->should_stop(events->user))
    return ERR(e, "stopped after %llu of %llu answers", (unsigned long long)v->done, (unsigned long long)v->out->n);
  return true;
}

static vkift_metric metric_of(const evaluation *v, uint64_t item) {
  return v->out->tasks[v->out->items[item].of].metric;
}

// --- answers -----------------------------------------------------------------------------------------------------------

static bool answered(void *user, const answer_result *x, err *e) {
  evaluation *v = user;
  v->out->items[v->asked[x->index]].prediction = arena_strndup(v->memory, x->text, x->length);
  return one_done(v, e);
}

static answer_prompt *list_prompts(evaluation *v) {
  answer_prompt *prompts = ARENA_ARRAY(v->memory, answer_prompt, v->out->n);
  v->asked = ARENA_ARRAY(v->memory, uint64_t, v->out->n);
  for (uint64_t i = 0; i < v->out->n; i++) {
    const example *x = &v->set->items[i];
    if (metric_is_by_choices(metric_of(v, i))) continue;
    prompts[v->n_asked] = (answer_prompt){x->ids, x->prompt_n};
    v->asked[v->n_asked++] = i;
  }
  return prompts;
}

static bool answer_items(evaluation *v, err *e) {
  const answer_prompt *prompts = list_prompts(v);
  const answer_options options = {.writing = {.max_new_tokens = v->options->max_new_tokens}};
  return answer_all(v->loaded, prompts, v->n_asked, &options, answered, v, e);
}

// --- choices -----------------------------------------------------------------------------------------------------------

// One choice as an example that is scored: its tokens are the targets.
static example choice_example(const evaluation *v, const example *x, const choice_sequence *s) {
  int32_t *ids = ARENA_ARRAY(v->memory, int32_t, s->n);
  uint8_t *target = ARENA_ARRAY(v->memory, uint8_t, s->n);
  memcpy(ids, x->ids, s->shared * sizeof *ids);
  memcpy(ids + s->shared, s->ids, (s->n - s->shared) * sizeof *ids);
  for (uint32_t i = s->first; i < s->n; i++) target[i] = 1;
  return (example){.ids = ids,
                   .target = target,
                   .origin = x->origin,
                   .answer = "",
                   .n = s->n,
                   .n_targets = s->n - s->first,
                   .line = x->line,
                   .weight = 1};
}

static bool add_choices(evaluation *v, uint64_t i, uint64_t *capacity, uint64_t *sums_capacity, err *e) {
  const example *x = &v->set->items[i];
  task_item *item = &v->out->items[i];
  const uint32_t most = v->loaded->model->config.max_positions;
  dataset *all = &v->choices;
  if (!x->as_answers)
    return ERR(e,
               "%s:%u: expected a whole conversation, whose choices can take the answer's place, found one that was cut, or none",
               item->file, item->line);
  double *likelihoods = ARENA_ARRAY(v->memory, double, item->choices.n);
  item->loglikelihoods = likelihoods;
  for (uint32_t k = 0, at = 0; k < item->choices.n; k++) {
    const choice_sequence s = choice_tokens_next(x->as_answers, &at);
    if (s.n > most)
      return ERR(e, "%s:%u: choice %u: expected at most %u tokens with the prompt, the model's context, found %u", item->file,
                 item->line, k + 1, most, s.n);
    arena_grow(v->memory, (void **)&all->items, capacity, all->n + 1, sizeof *all->items);
    arena_grow(v->memory, (void **)&v->sums, sums_capacity, all->n + 1, sizeof *v->sums);
    v->sums[all->n] = (weighed){&likelihoods[k], k + 1 == item->choices.n};
    all->items[all->n++] = choice_example(v, x, &s);
  }
  return true;
}

static bool choice_scored(void *user, const example *x, const float *losses, const float *logits, err *e) {
  evaluation *v = user;
  (void)logits;
  double sum = 0;
  for (uint32_t i = 0; i < x->n_targets; i++) sum -= (double)losses[i];
  if (!isfinite(sum)) return ERR(e, "%s: the model's output is not finite: its weights are damaged", v->loaded->model->path);
  const weighed *w = &v->sums[v->scored++];
  *w->sum = sum;
  return !w->is_last || one_done(v, e);
}

static bool weigh_choices(evaluation *v, err *e) {
  uint64_t capacity = 0, sums_capacity = 0;
  for (uint64_t i = 0; i < v->out->n; i++)
    if (metric_is_by_choices(metric_of(v, i))) TRY(add_choices(v, i, &capacity, &sums_capacity, e));
  return !v->choices.n ||
         score_examples(v->memory, v->loaded->model, v->loaded->device, ROW_TOKENS, &v->choices, choice_scored, v, e);
}

// --- all of it ---------------------------------------------------------------------------------------------------------

bool tasks_check(const dataset *set, const tokenizer *own, const tasks_options *o, err *e) {
  arena *a = arena_new("plan of an evaluation");
  tasks_options with = *o;
  if (!with.rouge_tokenizer) with.rouge_tokenizer = own;
  task_scores s = tasks_items(a, set);
  const bool ok = tasks_plan(a, &with, &s, e);
  arena_free(a);
  return ok;
}

bool tasks_evaluate(arena *a, const loaded *l, const dataset *set, const tasks_options *o, const vkift_eval_events *events,
                    task_scores *out, err *e) {
  tasks_options own = *o;
  if (!own.rouge_tokenizer) own.rouge_tokenizer = l->model->tokenizer;
  *out = tasks_items(a, set);
  evaluation v = {.memory = a, .loaded = l, .set = set, .options = &own, .events = events, .out = out};
  return tasks_plan(a, &own, out, e) && decode_prompts(&v, e) && answer_items(&v, e) && weigh_choices(&v, e) &&
         tasks_score(a, &own, out, e);
}
