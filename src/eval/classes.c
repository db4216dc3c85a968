#include "eval/classes.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "eval/bootstrap.h"
#include "eval/score.h"

uint32_t classes_likeliest(const float *logits, uint32_t n) {
  uint32_t best = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (isnan(logits[i])) return n;
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

// --- what the model says -----------------------------------------------------------------------------------------------

typedef struct classifying {
  arena *memory;
  const loaded *loaded;
  const vkift_eval_events *events;
  task_scores *out;
  uint64_t done;
  double loss_sum, weights_sum;
} classifying;

// log softmax; NaN where a logit is that.
static const double *log_likelihoods(arena *a, const float *logits, uint32_t n) {
  double *out = ARENA_ARRAY(a, double, n), sum = 0;
  const uint32_t best = classes_likeliest(logits, n);
  const double most = best < n ? (double)logits[best] : NAN;
  for (uint32_t i = 0; i < n; i++) sum += exp((double)logits[i] - most);
  for (uint32_t i = 0; i < n; i++) out[i] = (double)logits[i] - most - log(sum);
  return out;
}

static bool take_one(void *user, const example *x, const float *losses, const float *logits, err *e) {
  classifying *c = user;
  const vkift_eval_events *events = c->events;
  task_item *item = &c->out->items[c->done++];
  item->loglikelihoods = log_likelihoods(c->memory, logits, item->choices.n);
  c->loss_sum += (double)x->weight * losses[0];
  c->weights_sum += x->weight;
  if (events->progress) events->progress(events->user, (int64_t)c->done, (int64_t)c->out->n);
  return !events->should_stop || !events->should_stop(events->user) ||
         ERR(e, "stopped after %llu of %llu examples", (unsigned long long)c->done, (unsigned long long)c->out->n);
}

// The text as the model got it; the right label is the only reference, whatever else the row lists.
static bool fill_item(const classifying *c, const example *x, task_item *item, err *e) {
  const strings *labels = &c->loaded->model->labels;
  const int32_t right = x->ids[x->n - 1];
  text decoded = {0};
  text_puts(&decoded, "");
  const bool ok = tokenizer_decode(c->loaded->model->tokenizer, x->ids, x->prompt_n, false, &decoded, e);
  item->prompt = arena_strndup(c->memory, decoded.data, decoded.length);
  item->references = (strings){&labels->items[right], 1};
  item->choices = *labels;
  item->metric = "";
  text_free(&decoded);
  return ok;
}

bool classes_evaluate(arena *a, const loaded *l, const dataset *set, uint64_t rows, const vkift_eval_events *events,
                      task_scores *out, double *loss, err *e) {
  classifying c = {.memory = a, .loaded = l, .events = events, .out = out};
  const tasks_options options = {.metric = VKIFT_METRIC_ACCURACY};
  *out = tasks_items(a, set);
  for (uint64_t i = 0; i < out->n; i++) TRY(fill_item(&c, &set->items[i], &out->items[i], e));
  TRY(tasks_plan(a, &options, out, e) && score_examples(a, l->model, l->device, rows, set, take_one, &c, e));
  *loss = c.weights_sum > 0 ? c.loss_sum / c.weights_sum : NAN;
  return tasks_score(a, &options, out, e);
}

// --- figures -----------------------------------------------------------------------------------------------------------

typedef struct verdicts {
  uint32_t *right, *given; // [n], numbers of labels
  uint64_t n;
  uint32_t n_labels;
} verdicts;

typedef struct tally {
  int64_t *right, *given, *both; // [n_labels]: examples of the label, given it, and both
} tally;

static uint32_t number_of(const strings *labels, const char *name) {
  uint32_t i = 0;
  while (i < labels->n && strcmp(labels->items[i], name)) i++;
  REQUIRE(i < labels->n, "%s is none of the labels", name);
  return i;
}

static double ratio(int64_t part, int64_t whole) {
  return whole ? 100.0 * (double)part / (double)whole : 0;
}

static double f1_of(const tally *t, uint32_t label) {
  return ratio(2 * t->both[label], t->right[label] + t->given[label]);
}

// From all of them, or where r is given from as many that are drawn.
static void count(const verdicts *v, rng *r, const tally *t, double *accuracy, double *macro_f1) {
  const size_t bytes = v->n_labels * sizeof(int64_t);
  int64_t n_both = 0, present = 0;
  double sum = 0;
  memset(t->right, 0, bytes), memset(t->given, 0, bytes), memset(t->both, 0, bytes);
  for (uint64_t i = 0; i < v->n; i++) {
    const uint64_t at = r ? rng_below(r, (uint32_t)v->n) : i;
    t->right[v->right[at]]++;
    t->given[v->given[at]]++;
    if (v->right[at] == v->given[at]) t->both[v->right[at]]++, n_both++;
  }
  for (uint32_t k = 0; k < v->n_labels; k++) {
    present += t->right[k] || t->given[k];
    sum += f1_of(t, k);
  }
  *accuracy = ratio(n_both, (int64_t)v->n);
  *macro_f1 = present ? sum / (double)present : 0;
}

static void draw_intervals(arena *a, const verdicts *v, const tally *t, uint64_t seed, vkift_classes *out) {
  double *accuracies = ARENA_ARRAY(a, double, BOOTSTRAP_SAMPLES), *f1s = ARENA_ARRAY(a, double, BOOTSTRAP_SAMPLES);
  rng r = rng_new(seed, RNG_BOOTSTRAP);
  for (uint32_t s = 0; s < BOOTSTRAP_SAMPLES; s++) {
    r.drawn = (uint64_t)s << 40;
    count(v, &r, t, &accuracies[s], &f1s[s]);
  }
  bootstrap_interval(accuracies, &out->accuracy_low, &out->accuracy_high);
  bootstrap_interval(f1s, &out->macro_f1_low, &out->macro_f1_high);
}

vkift_classes classes_summarise(arena *a, const strings *labels, const task_scores *s, uint64_t seed) {
  const uint32_t k = labels->n;
  verdicts v = {ARENA_ARRAY(a, uint32_t, s->n), ARENA_ARRAY(a, uint32_t, s->n), s->n, k};
  const tally t = {ARENA_ARRAY(a, int64_t, k), ARENA_ARRAY(a, int64_t, k), ARENA_ARRAY(a, int64_t, k)};
  int64_t *confusion = ARENA_ARRAY(a, int64_t, (uint64_t)k * k);
  vkift_class_score *scores = ARENA_ARRAY(a, vkift_class_score, k);
  vkift_classes out = {.n_labels = k, .labels = scores, .confusion = confusion};
  REQUIRE(s->n && s->n <= UINT32_MAX, "%llu examples", (unsigned long long)s->n);
  for (uint64_t i = 0; i < s->n; i++) {
    v.right[i] = number_of(labels, s->items[i].references.items[0]);
    v.given[i] = number_of(labels, s->items[i].prediction);
    confusion[(uint64_t)v.right[i] * k + v.given[i]]++;
  }
  draw_intervals(a, &v, &t, seed, &out);
  count(&v, NULL, &t, &out.accuracy, &out.macro_f1);
  for (uint32_t i = 0; i < k; i++)
    scores[i] = (vkift_class_score){.label = labels->items[i],
                                    .examples = t.right[i],
                                    .predicted = t.given[i],
                                    .precision = ratio(t.both[i], t.given[i]),
                                    .recall = ratio(t.both[i], t.right[i]),
                                    .f1 = f1_of(&t, i)};
  return out;
}
