#include "eval/corpus.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "config/option.h"
#include "data/labels.h"
#include "data/task_notes.h"
#include "io/quote.h"
#include "models/adapter.h"
#include "models/classifier.h"

enum { DEFAULT_MAX_LENGTH = 2048, MOST_TIMES = 10000 };

static data_format format_of(vkift_data_format f) {
  switch (f) {
    case VKIFT_DATA_ALPACA: return DATA_ALPACA;
    case VKIFT_DATA_MESSAGES: return DATA_MESSAGES;
    case VKIFT_DATA_PROMPT_COMPLETION: return DATA_PROMPT_COMPLETION;
    case VKIFT_DATA_TEXT: return DATA_TEXT;
    case VKIFT_DATA_TOKENS: return DATA_TOKENS;
    case VKIFT_DATA_SHAREGPT: return DATA_SHAREGPT;
    case VKIFT_DATA_SEGMENTS: return DATA_SEGMENTS;
    case VKIFT_DATA_SELF_INSTRUCT: return DATA_SELF_INSTRUCT;
    case VKIFT_DATA_SUPERNI: return DATA_SUPERNI;
    case VKIFT_DATA_PREFERENCE: return DATA_PREFERENCE;
    case VKIFT_DATA_LABELLED: return DATA_LABELLED;
    default: return DATA_AUTO;
  }
}

static excess_length excess_of(vkift_excess x) {
  switch (x) {
    case VKIFT_EXCESS_DROP: return EXCESS_DROP;
    case VKIFT_EXCESS_TRUNCATE: return EXCESS_TRUNCATE;
    case VKIFT_EXCESS_SPLIT: return EXCESS_SPLIT;
    case VKIFT_EXCESS_ERROR: return EXCESS_ERROR;
    default: return EXCESS_DEFAULT;
  }
}

dataset_options corpus_reading(const vkift_reading *r) {
  const superni_encoding superni = {(uint32_t)r->num_pos_examples, (uint32_t)r->num_neg_examples, r->add_explanation};
  return (dataset_options){.format = format_of(r->data_format),
                           .train_on_last = r->train_on == VKIFT_TRAIN_ON_LAST,
                           .skip_bad_examples = r->skip_bad_examples,
                           .strip_suffix = r->strip_suffix,
                           .superni = superni};
}

dataset_options corpus_options(const model *m, const prompt_style *prompt, const vkift_reading *reading,
                               vkift_objective objective, vkift_excess excess, uint32_t max_length) {
  dataset_options options = corpus_reading(reading);
  options.tokenizer = m->tokenizer;
  options.prompt = prompt;
  options.eos_id = m->config.n_eos ? m->config.eos_ids[0] : -1;
  options.vocab_size = m->config.vocab_size;
  options.max_length = max_length;
  options.excess = excess_of(excess);
  options.all_tokens = objective == VKIFT_LM;
  const bool cuts = excess == VKIFT_EXCESS_DEFAULT || excess == VKIFT_EXCESS_SPLIT;
  options.join = reading->join_documents == VKIFT_ON || (reading->join_documents == VKIFT_AUTO && objective == VKIFT_LM && cuts);
  options.pairs = objective == VKIFT_DPO;
  if (options.pairs && options.format == DATA_AUTO) options.format = DATA_PREFERENCE; // what lacks an answer is named
  options.cache = true;
  return options;
}

void corpus_keep_chosen(dataset *set) {
  set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    example *x = &set->items[i];
    if (x->second) {
      x->n = x->second;
      x->second = x->n_targets = 0;
      for (uint32_t t = 0; t < x->n; t++) x->n_targets += x->target[t];
    }
    set->n_tokens += x->n;
    set->n_targets += x->n_targets;
  }
}

static const option augment_table[] = {
#define AUGMENT(field) .offset = offsetof(vkift_augment, field)
#include "config/augment.def"
    {0},
};

bool corpus_augment(arena *a, const vkift_augment *augment, int64_t seed, vkift_objective objective, dataset_options *options,
                    err *e) {
  bool ok = option_check(augment_table, augment, &(vkift_augment){0}, e);
  if (ok && augment->num_demonstrations && objective == VKIFT_LM)
    ok = ERR(e, "num_demonstrations needs objective sft: with lm every token carries loss, and demonstrations must not");
  if (!ok) return e->usage = true, false;
  options->augment = (augmentation){.n_demonstrations = (uint32_t)augment->num_demonstrations,
                                    .persona = augment->persona_ratio,
                                    .length_constraint = augment->length_constraint_ratio,
                                    .definition = augment->definition_ratio};
  options->seed = (uint64_t)seed;
  if (!augment->task_notes) return true;
  task_notes *notes = ARENA_NEW(a, task_notes);
  options->augment.notes = notes;
  return task_notes_read(a, augment->task_notes, notes, e);
}

// Of a part of the data, how many examples are still to come, and how many of them stand once more than the others.
typedef struct part_left {
  uint64_t n, extra;
  rng r;
} part_left;

// Selection sampling (Knuth, volume 2, algorithm S): exactly `extra` of n, each set of them as likely as any other.
static bool is_extra(part_left *p) {
  const bool taken = rng_uniform(&p->r) * (double)p->n < (double)p->extra;
  p->n--;
  p->extra -= taken;
  return taken;
}

// Counts examples by part, and what becomes of them.
static bool weigh(const dataset *set, const vkift_data_list *data, part_left *parts, uint64_t *most, err *e) {
  for (uint64_t i = 0; i < set->n; i++) parts[set->items[i].part].n++;
  *most = 0;
  for (size_t i = 0; i < data->n; i++) {
    const vkift_data *d = &data->items[i];
    if (d->weight > MOST_TIMES) return ERR(e, "%s: weight: expected at most %d, found %g times", d->path, MOST_TIMES, d->weight);
    parts[i].extra = (uint64_t)llround((d->weight - floor(d->weight)) * (double)parts[i].n);
    if (parts[i].n && d->weight < 1 && !parts[i].extra)
      return ERR(e, "%s: weight: expected one that leaves at least one of its %llu examples, found %g", d->path,
                 (unsigned long long)parts[i].n, d->weight);
    *most += (uint64_t)floor(d->weight) * parts[i].n + parts[i].extra;
  }
  return true;
}

bool corpus_check_weights(const dataset *set, const vkift_data_list *data, err *e) {
  arena *a = arena_new("weights of data");
  uint64_t most;
  const bool ok = weigh(set, data, ARENA_ARRAY(a, part_left, data->n), &most, e);
  arena_free(a);
  return ok;
}

// --data PATH:WEIGHT: each example stands floor(weight) times in an epoch, and of n the rest's share once more: the same in
// each epoch.
static bool repeat(arena *a, dataset *set, const vkift_data_list *data, uint64_t seed, err *e) {
  part_left *parts = ARENA_ARRAY(a, part_left, data->n);
  uint64_t most;
  TRY(weigh(set, data, parts, &most, e));
  for (size_t i = 0; i < data->n; i++) parts[i].r = rng_new(seed + i, RNG_SPLIT);
  if (most > UINT32_MAX)
    return ERR(e, "%s: weight: expected at most %u examples with it, found %llu", data->items[0].path, UINT32_MAX,
               (unsigned long long)most);
  example *items = ARENA_ARRAY(a, example, most);
  uint64_t n = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    const uint64_t times = (uint64_t)floor(data->items[x->part].weight) + is_extra(&parts[x->part]);
    for (uint64_t k = 0; k < times; k++) items[n++] = *x;
  }
  set->items = items;
  set->n = n;
  set->capacity = most;
  return true;
}

static bool is_weighted(const vkift_data_list *data) {
  for (size_t i = 0; i < data->n; i++)
    if (data->items[i].weight != 1) return true;
  return false;
}

// Each example's index keys its random numbers: its place in what is trained on.
static void count(corpus *c) {
  dataset *sets[] = {&c->train, &c->eval};
  for (int s = 0; s < 2; s++) {
    sets[s]->n_tokens = sets[s]->n_targets = 0;
    for (uint64_t i = 0; i < sets[s]->n; i++) {
      example *x = &sets[s]->items[i];
      x->index = (uint32_t)i;
      sets[s]->n_tokens += x->n;
      sets[s]->n_targets += x->n_targets;
      if (c->longest < x->n) c->longest = x->n;
    }
  }
}

bool corpus_max_length(const model *m, int64_t asked, uint32_t *out, err *e) {
  const uint32_t context = m->config.max_positions;
  *out = context < DEFAULT_MAX_LENGTH ? context : DEFAULT_MAX_LENGTH;
  if (asked > context)
    return ERR(e, "max_length: expected at most %u (the context that %s was trained for), found %lld", context, m->path,
               (long long)asked);
  if (asked) *out = (uint32_t)asked;
  return true;
}

// --- labels ------------------------------------------------------------------------------------------------------------

static bool same_labels(const strings *x, const vkift_strings *y) {
  bool same = x->n == y->n;
  for (uint32_t i = 0; same && i < x->n; i++) same = !strcmp(x->items[i], y->items[i]);
  return same;
}

// The head that the model brings has a row for each label, by number alone where they have no names.
static bool check_own_labels(const model *m, const strings *labels, err *e) {
  if (!m->labels.n || labels->n == m->labels.n) return true;
  text all = {0};
  labels_list(labels, &all);
  ERR(e, "%s: the head score.weight has %u labels, the data %u (%s)", m->path, m->labels.n, labels->n, all.data);
  text_free(&all);
  return false;
}

bool corpus_check_labels(const model *m, const vkift_strings *given, err *e) {
  if (!given->n || same_labels(&m->labels, given)) return true;
  text all = {0};
  labels_list(&m->labels, &all);
  ERR(e, "labels: expected those of the model %s in its order (%s), found others", m->path, all.data);
  text_free(&all);
  return false;
}

// The rows of an adapter's head are those of the labels that stand beside it. `named`: the model says whose they are.
static bool take_adapter_labels(arena *a, const vkift_train_options *o, bool named, vkift_strings *labels, err *e) {
  strings own = {0};
  adapter_config c = {0};
  TRY(!o->adapter || classifier_read_file(a, o->adapter, &own, e));
  if (!own.n && (!o->adapter || labels->n || named)) return true;
  if (!own.n) {
    TRY(adapter_read_config(a, o->adapter, &c, e));
    return !c.classifier ||
           ERR(e, "%s: no labels.json is beside this adapter of a classifier: give its labels in order (--labels)", o->adapter);
  }
  if (labels->n && !same_labels(&own, labels)) {
    text all = {0};
    labels_list(&own, &all);
    ERR(e, "labels: expected those of the adapter %s in its order (%s), found others", o->adapter, all.data);
    text_free(&all);
    return false;
  }
  *labels = (vkift_strings){own.items, own.n};
  return true;
}

bool corpus_labels(arena *a, const model *m, const vkift_strings *given, const vkift_data_list *data, dataset_options *options,
                   strings *labels, err *e) {
  const bool named = m->labels.n && !m->labels_are_numbers;
  const strings own = {given->items, (uint32_t)given->n};
  *labels = (strings){0};
  options->labels = labels;
  if (given->n > LABELS_MOST) return ERR(e, "labels: expected at most %d, found %zu", LABELS_MOST, given->n);
  if (named) {
    TRY(corpus_check_labels(m, given, e));
    *labels = m->labels;
  } else if (given->n) {
    *labels = own;
  } else {
    for (size_t i = 0; i < data->n; i++) TRY(labels_find(a, data->items[i].path, "train", options, labels, e));
  }
  return check_own_labels(m, labels, e) && labels_check(given->n || !data->n ? "labels" : data->items[0].path, labels, e);
}

// A label of which nothing is learned cannot be asked for.
static bool check_evaluated(const corpus *c, err *e) {
  for (uint64_t i = 0; i < c->eval.n; i++) {
    const example *x = &c->eval.items[i];
    char name[QUOTE_BYTES];
    if (!c->label_counts[x->ids[x->n - 1]])
      return ERR(e, "%s:%u: label: expected one that a training example has, found %s", x->origin->file, x->line,
                 quote_string(c->labels.items[x->ids[x->n - 1]], name));
  }
  return true;
}

// Class weights are weights of the examples' losses, in training and where it is evaluated.
static bool weigh_labels(arena *a, const vkift_train_options *o, corpus *c, err *e) {
  uint32_t n_present = 0;
  double *by_label = ARENA_ARRAY(a, double, c->labels.n);
  c->label_counts = ARENA_ARRAY(a, uint64_t, c->labels.n);
  labels_count(&c->labels, &c->train, c->label_counts);
  for (uint32_t i = 0; i < c->labels.n; i++) n_present += c->label_counts[i] > 0;
  if (n_present < 2)
    return ERR(e, "%s: expected training examples of at least two labels, found those of one", o->data.items[0].path);
  TRY(check_evaluated(c, e));
  TRY(labels_weigh(&c->labels, o->class_weights.items, o->class_weights.n, c->label_counts, by_label, e));
  dataset *const sets[] = {&c->train, &c->eval};
  for (int s = 0; s < 2; s++)
    for (uint64_t i = 0; i < sets[s]->n; i++) {
      example *x = &sets[s]->items[i];
      x->weight *= (float)by_label[x->ids[x->n - 1]];
    }
  return true;
}

// Names of tasks that may be misspelt.
static uint64_t count_unknown_notes(const task_notes *notes, const dataset *set) {
  arena *a = arena_new("notes of tasks");
  bool *known = ARENA_ARRAY(a, bool, notes->n);
  uint64_t n = notes->n;
  for (uint64_t i = 0; i < set->n; i++) {
    const task_note *note = task_notes_find(notes, set->items[i].origin->task);
    if (!note || known[note - notes->items]) continue;
    known[note - notes->items] = true;
    n--;
  }
  arena_free(a);
  return n;
}

// All of --data, each example once, within the limit of its task. c->eval has what is evaluated on.
static bool read_training(arena *a, const vkift_train_options *o, dataset_options options, bool is_part, corpus *c, err *e) {
  options.max_instances = (uint32_t)o->max_examples_per_task;
  options.sketches = true;
  TRY(corpus_augment(a, &o->augment, o->seed, o->objective, &options, e));
  if (!o->allow_leakage && (o->augment.num_demonstrations || options.join))
    options.asked = mixture_hash_asked(a, &c->eval, options.eos_id, &options.n_asked);
  options.drop_texts = options.join && o->drop_duplicates;
  for (size_t i = 0; i < o->data.n; i++) {
    const uint64_t first = c->train.n;
    TRY(dataset_read_split(a, o->data.items[i].path, "train", &options, &c->train, e));
    for (uint64_t k = first; k < c->train.n; k++) c->train.items[k].part = (uint32_t)i;
  }
  if (options.augment.notes) c->unknown_notes = count_unknown_notes(options.augment.notes, &c->train);
  if (o->drop_duplicates) c->duplicates = c->train.repeated_texts + mixture_drop_duplicates(&c->train);
  if (o->max_examples_per_task && !is_part)
    c->beyond_limit = mixture_limit_tasks(&c->train, (uint64_t)o->max_examples_per_task, (uint64_t)o->seed);
  return true;
}

static void look_for_valid(arena *a, const vkift_train_options *o, corpus *c) {
  for (size_t i = 0; !o->eval_data && !(o->eval_split > 0) && i < o->data.n; i++) {
    const char *dir = o->data.items[i].path;
    if (file_is_dir(dir) && file_exists(path_join(a, dir, "valid.jsonl"))) c->unused_valid = dir;
  }
}

static bool say_progress(void *user, uint64_t done_bytes, uint64_t total_bytes) {
  const vkift_train_events *events = user;
  if (events->reading) events->reading(events->user, (int64_t)done_bytes, (int64_t)total_bytes);
  return !events->should_stop || !events->should_stop(events->user);
}

static void keep_part(dataset *set, const corpus_part *part) {
  uint64_t n = 0, passed = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example x = set->items[i];
    if (part->keep(part->user, &x)) set->items[n++] = x;
    dataset_passed(set, &x, &passed);
  }
  set->n = n;
}

bool corpus_read(arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                 const vkift_train_events *events, corpus *c, err *e) {
  return corpus_read_part(a, m, prompt, o, events, NULL, c, e);
}

bool corpus_read_part(arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                      const vkift_train_events *events, const corpus_part *part, corpus *c, err *e) {
  vkift_train_events own = events ? *events : (vkift_train_events){0};
  *c = (corpus){.choices = c->choices};
  TRY(corpus_max_length(m, o->max_length, &c->max_length, e));
  dataset_options options = corpus_options(m, prompt, &o->reading, o->objective, o->excess_length, c->max_length);
  options.progress = say_progress;
  options.seed = (uint64_t)o->seed;
  options.progress_user = &own;
  options.choices = c->choices;
  vkift_strings labels = o->labels;
  if (o->objective == VKIFT_CLASSIFY)
    TRY(take_adapter_labels(a, o, m->labels.n && !m->labels_are_numbers, &labels, e) &&
        corpus_labels(a, m, &labels, &o->data, &options, &c->labels, e));
  if (o->eval_data && !part) TRY(dataset_read_split(a, o->eval_data, "valid", &options, &c->eval, e));
  TRY(read_training(a, o, options, part, c, e));
  if (part) {
    keep_part(&c->train, part);
    c->eval = *part->eval;
    c->eval.items = ARENA_ARRAY(a, example, c->eval.n); // their indexes are counted anew
    if (c->eval.n) memcpy(c->eval.items, part->eval->items, c->eval.n * sizeof(example));
  } else {
    look_for_valid(a, o, c);
  }
  if (o->eval_split > 0 && !part) dataset_split(a, &c->train, o->eval_split, (uint64_t)o->seed, &c->eval);
  if (!o->allow_leakage) c->leaked = c->train.asked_texts + mixture_drop_leaked(&c->train, &c->eval);
  if (part && part->change) part->change(part->user, a, c);
  c->near = mixture_near_duplicates(&c->train);
  const uint64_t n = c->train.n;
  if (is_weighted(&o->data)) TRY(repeat(a, &c->train, &o->data, (uint64_t)o->seed, e));
  count(c);
  if (!n && c->leaked)
    return ERR(e, "%s: the prompts of all %llu examples are in the evaluation data too (--allow-leakage keeps them)",
               o->data.items[0].path, (unsigned long long)c->leaked);
  if (!c->train.n) return ERR(e, "%s: expected examples to train on, found none that is left", o->data.items[0].path);
  if (!c->train.n_targets) return ERR(e, "%s: expected tokens that carry loss, found none", o->data.items[0].path);
  return !c->labels.n || weigh_labels(a, o, c, e);
}

void corpus_describe_lost(const dataset *set, uint32_t max_length, text *out) {
  if (set->dropped_long)
    text_printf(out, "; %llu dropped: longer than %u tokens (--max-length)", (unsigned long long)set->dropped_long, max_length);
  if (set->truncated) text_printf(out, "; %llu cut to %u tokens", (unsigned long long)set->truncated, max_length);
  if (set->skipped_bad) text_printf(out, "; %llu bad ones skipped", (unsigned long long)set->skipped_bad);
  if (set->without_demonstrations)
    text_printf(out, "; demonstrations left out of %llu to fit %u tokens", (unsigned long long)set->without_demonstrations,
                max_length);
  const augment_counts *with = &set->augmented;
  const struct {
    uint64_t n;
    const char *what;
  } added[] = {{with->demonstrations, "demonstrations"},
               {with->persona, "a persona"},
               {with->definition, "their definition"},
               {with->length_constraint, "a length constraint"}};
  for (size_t i = 0; i < sizeof added / sizeof *added; i++)
    if (added[i].n) text_printf(out, "; %llu with %s", (unsigned long long)added[i].n, added[i].what);
  if (set->missing_tasks) text_printf(out, "; %llu listed tasks have no file", (unsigned long long)set->missing_tasks);
}

// Of each label its examples, in place of the targets, of which an example of a classifier has one.
static void describe_labels(const corpus *c, text *out) {
  enum { SHOWN = 8 };
  char name[QUOTE_BYTES];
  for (uint32_t i = 0; i < c->labels.n && i < SHOWN; i++)
    text_printf(out, "%s%s %llu", i ? ", " : "; labels ", quote_string(c->labels.items[i], name),
                (unsigned long long)c->label_counts[i]);
  if (c->labels.n > SHOWN) text_printf(out, ", … (%u)", c->labels.n);
}

void corpus_describe(const corpus *c, text *out) {
  const dataset *t = &c->train;
  text_printf(out, "%llu examples, %llu tokens", (unsigned long long)t->n, (unsigned long long)t->n_tokens);
  if (c->labels.n) describe_labels(c, out);
  else text_printf(out, ", %llu of them targets", (unsigned long long)t->n_targets);
  corpus_describe_lost(t, c->max_length, out);
  if (c->duplicates) text_printf(out, "; %llu exact duplicates left out", (unsigned long long)c->duplicates);
  if (c->beyond_limit) text_printf(out, "; %llu left out by --max-examples-per-task", (unsigned long long)c->beyond_limit);
  if (c->unknown_notes)
    text_printf(out, "; of %llu tasks in --task-notes there is no example", (unsigned long long)c->unknown_notes);
  if (c->leaked)
    text_printf(out, "; %llu left out whose prompt is in the evaluation data (--allow-leakage)", (unsigned long long)c->leaked);
  if (c->near.n)
    text_printf(out, "; %llu are much like an earlier one (the first: %s:%u, like %s:%u)", (unsigned long long)c->near.n,
                c->near.first->origin->file, c->near.first->line, c->near.is_like->origin->file, c->near.is_like->line);
  if (c->unused_valid) text_printf(out, "; its valid.jsonl is not used: --eval-data %s scores it", c->unused_valid);
  if (!c->eval.n) return;
  text_printf(out, "; %llu examples to evaluate on", (unsigned long long)c->eval.n);
  corpus_describe_lost(&c->eval, c->max_length, out);
}
