#include "eval/tasks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/symbols.h"

void tasks_limit(dataset *set, uint64_t most) {
  if (!most) return;
  arena *a = arena_new("examples of each task");
  symbols *tasks = symbols_new(a);
  uint64_t *counts = ARENA_ARRAY(a, uint64_t, set->n + 1), n = 0; // by the task's symbol
  set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    const char *name = arena_printf(a, "%s\n%s", x->origin->cluster, x->origin->task);
    if (counts[symbols_id(tasks, name, strlen(name))]++ >= most) continue;
    set->n_tokens += x->n, set->n_targets += x->n_targets;
    set->items[n++] = *x;
  }
  set->n = n;
  arena_free(a);
}

// --- which metric ------------------------------------------------------------------------------------------------------

// An item by what its task is told by.
typedef struct entry {
  const task_item *item;
  uint64_t index;
} entry;

static int by_task(const void *a, const void *b) {
  const entry *x = a, *y = b;
  int order = strcmp(x->item->cluster, y->item->cluster);
  if (!order) order = strcmp(x->item->task, y->item->task);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool same_task(const task_item *x, const task_item *y) {
  return !strcmp(x->task, y->task) && !strcmp(x->cluster, y->cluster);
}

static bool metric_of_row(const task_item *x, vkift_metric *m, err *e) {
  if (metric_from_name(x->metric, m)) return true;
  text all = {0};
  for (int i = VKIFT_METRIC_ROUGE_L; i <= VKIFT_METRIC_CHRF; i++)
    text_printf(&all, "%s%s", i > VKIFT_METRIC_ROUGE_L ? ", " : "", metric_name((vkift_metric)i));
  ERR(e, "%s:%u: metric: expected one of %s, found \"%s\"", x->file, x->line, all.data, x->metric);
  text_free(&all);
  return false;
}

// ROUGE-L by words sees nothing of references in other scripts.
static vkift_metric rouge_of(const task_group *t, const task_item *items) {
  uint64_t latin = 0, other = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    const task_item *x = &items[t->items[i]];
    for (uint32_t r = 0; r < x->references.n; r++) metric_count_letters(x->references.items[r], &latin, &other);
  }
  return other > latin ? VKIFT_METRIC_ROUGE_L_TOKENS : VKIFT_METRIC_ROUGE_L;
}

static bool choose_metric(const tasks_options *o, const task_item *items, task_group *t, err *e) {
  const task_item *first = &items[t->items[0]];
  vkift_metric m = o->metric;
  if (m == VKIFT_METRIC_AUTO) {
    if (*first->metric) TRY(metric_of_row(first, &m, e));
    else m = metric_of_category(t->category);
    if (m == VKIFT_METRIC_AUTO) m = first->choices.n ? VKIFT_METRIC_ACCURACY : VKIFT_METRIC_ROUGE_L;
    if (m == VKIFT_METRIC_ROUGE_L && !*first->metric) m = rouge_of(t, items);
  }
  t->metric = m;
  return true;
}

// --- what would stop the scoring ---------------------------------------------------------------------------------------

static bool has(strings all, const char *s) {
  for (uint32_t i = 0; i < all.n; i++)
    if (!strcmp(all.items[i], s)) return true;
  return false;
}

static bool check_references(const task_item *x, const char *name, err *e) {
  if (!x->references.n)
    return ERR(e, "%s:%u: expected an example with a prompt and an answer, to be scored by %s, found none", x->file, x->line,
               name);
  for (uint32_t i = 0; i < x->references.n; i++) {
    const size_t n = strlen(x->references.items[i]);
    if (n > METRIC_TEXT_BYTES)
      return ERR(e, "%s:%u: expected answers of at most %d bytes, to be scored by %s, found one of %zu", x->file, x->line,
                 METRIC_TEXT_BYTES, name, n);
  }
  return true;
}

static bool check_choices(const task_group *t, const task_item *x, const char *name, err *e) {
  if (!x->choices.n)
    return ERR(e, "%s:%u: expected choices, since the task %s is scored by %s, found none", x->file, x->line, t->task, name);
  if (t->metric == VKIFT_METRIC_ACCURACY_NORM && has(x->choices, ""))
    return ERR(e, "%s:%u: expected choices of at least one character, whose number %s divides by, found an empty one", x->file,
               x->line, name);
  for (uint32_t i = 0; i < x->references.n; i++)
    if (has(x->choices, x->references.items[i])) return true;
  return ERR(e, "%s:%u: expected the right answer among the choices, found \"%s\"", x->file, x->line, x->references.items[0]);
}

static bool check_item(const tasks_options *o, const task_group *t, const task_item *first, const task_item *x, err *e) {
  const char *name = metric_name(t->metric);
  if (o->metric == VKIFT_METRIC_AUTO && strcmp(x->metric, first->metric))
    return ERR(e, "%s:%u: metric: expected \"%s\", as the first example of the task %s has it, found \"%s\"", x->file, x->line,
               first->metric, t->task, x->metric);
  TRY(check_references(x, name, e));
  if (metric_is_by_choices(t->metric)) return check_choices(t, x, name, e);
  return !x->is_unanswered ||
         ERR(e, "%s:%u: expected a prediction, since the task %s is scored by %s, found none", x->file, x->line, t->task, name);
}

// --- grouping ----------------------------------------------------------------------------------------------------------

static int by_metric(const void *a, const void *b) {
  const task_group *x = a, *y = b;
  if (x->metric != y->metric) return x->metric < y->metric ? -1 : 1;
  const int order = strcmp(x->cluster, y->cluster);
  return order ? order : strcmp(x->task, y->task);
}

static void group(arena *a, task_scores *s) {
  entry *all = ARENA_ARRAY(a, entry, s->n);
  uint64_t *indices = ARENA_ARRAY(a, uint64_t, s->n);
  for (uint64_t i = 0; i < s->n; i++) all[i] = (entry){&s->items[i], i};
  qsort(all, (size_t)s->n, sizeof *all, by_task);
  s->tasks = ARENA_ARRAY(a, task_group, s->n);
  s->n_tasks = 0;
  for (uint64_t i = 0; i < s->n; i++) {
    indices[i] = all[i].index;
    const task_item *x = all[i].item;
    if (!i || !same_task(x, all[i - 1].item))
      s->tasks[s->n_tasks++] =
          (task_group){.task = x->task, .cluster = x->cluster, .category = x->category, .items = indices + i, .frequent = ""};
    s->tasks[s->n_tasks - 1].n++;
  }
}

bool tasks_plan(arena *a, const tasks_options *o, task_scores *s, err *e) {
  group(a, s);
  for (uint32_t t = 0; t < s->n_tasks; t++) {
    task_group *of = &s->tasks[t];
    TRY(choose_metric(o, s->items, of, e));
    for (uint64_t i = 0; i < of->n; i++) TRY(check_item(o, of, &s->items[of->items[0]], &s->items[of->items[i]], e));
  }
  qsort(s->tasks, s->n_tasks, sizeof *s->tasks, by_metric);
  for (uint32_t t = 0; t < s->n_tasks; t++) {
    for (uint64_t i = 0; i < s->tasks[t].n; i++) s->items[s->tasks[t].items[i]].of = t;
    if (s->tasks[t].metric != VKIFT_METRIC_ROUGE_L_TOKENS || o->rouge_tokenizer) continue;
    return ERR(e,
               "the references of the task %s are not in Latin script, which ROUGE-L counts by the tokens of a tokenizer: give "
               "--rouge-tokenizer, or another --metric",
               s->tasks[t].task);
  }
  return true;
}

// --- scoring -----------------------------------------------------------------------------------------------------------

// A comparison with what is no number would take the first choice, which may even be right.
static bool check_likelihoods(const task_item *x, err *e) {
  for (uint32_t i = 0; i < x->choices.n; i++)
    if (isnan(x->loglikelihoods[i]))
      return ERR(e,
                 "%s:%u: expected a likelihood for each choice, found none that is a number: the model's weights are not finite",
                 x->file, x->line);
  return true;
}

// lm-evaluation-harness: the first of the likeliest, by itself or for each character.
static const char *likeliest(const task_item *x, bool by_character) {
  uint32_t best = 0;
  double most = 0;
  for (uint32_t i = 0; i < x->choices.n; i++) {
    uint64_t n = 0;
    for (const char *c = x->choices.items[i]; *c; c++) n += (*c & 0xC0) != 0x80;
    const double value = by_character ? x->loglikelihoods[i] / (double)n : x->loglikelihoods[i];
    if (i && !(value > most)) continue;
    best = i;
    most = value;
  }
  return x->choices.items[best];
}

static void measure_length(task_item *x) {
  x->has_limit = augment_length_find(x->prompt, &x->limit);
  if (x->has_limit) x->length = augment_length_measure(x->prediction, x->limit.unit);
}

static bool score_item(const tasks_options *o, vkift_metric m, task_item *x, err *e) {
  if (metric_is_by_choices(m) && x->loglikelihoods) {
    TRY(check_likelihoods(x, e));
    x->prediction = likeliest(x, m == VKIFT_METRIC_ACCURACY_NORM);
  }
  if (!metric_score(m, o->rouge_tokenizer, x->prediction, x->references, &x->result, e))
    return err_prefix(e, "%s:%u", x->file, x->line);
  measure_length(x);
  return true;
}

static int by_string(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The most frequent first reference, the first by name among equals.
static const char *frequent_of(arena *a, const task_scores *s, const task_group *t) {
  const char **all = ARENA_ARRAY(a, const char *, t->n), *best = "";
  uint64_t most = 0, run = 0;
  for (uint64_t i = 0; i < t->n; i++) all[i] = s->items[t->items[i]].references.items[0];
  qsort(all, (size_t)t->n, sizeof *all, by_string);
  for (uint64_t i = 0; i < t->n; i++) {
    run = i && !strcmp(all[i], all[i - 1]) ? run + 1 : 1;
    if (run > most) most = run, best = all[i];
  }
  return best;
}

static bool score_constant(const tasks_options *o, const task_scores *s, task_group *t, err *e) {
  double sums[METRIC_STATS] = {0};
  for (uint64_t i = 0; i < t->n; i++) {
    metric_result r;
    TRY(metric_score(t->metric, o->rouge_tokenizer, t->frequent, s->items[t->items[i]].references, &r, e));
    for (uint32_t k = 0; k < metric_width(t->metric); k++) sums[k] += r.stats[k];
  }
  t->constant = metric_total(t->metric, sums, t->n);
  return true;
}

bool tasks_score(arena *a, const tasks_options *o, task_scores *s, err *e) {
  for (uint32_t t = 0; t < s->n_tasks; t++) {
    task_group *of = &s->tasks[t];
    of->n_limits = of->n_met = 0;
    for (uint64_t i = 0; i < of->n; i++) {
      task_item *x = &s->items[of->items[i]];
      TRY(score_item(o, of->metric, x, e));
      of->n_limits += x->has_limit;
      of->n_met += x->has_limit && x->length >= x->limit.least && x->length <= x->limit.most;
    }
    of->frequent = frequent_of(a, s, of);
    TRY(score_constant(o, s, of, e));
  }
  return true;
}
