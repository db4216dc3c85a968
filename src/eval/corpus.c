#include "eval/corpus.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { DEFAULT_MAX_LENGTH = 2048, MOST_TIMES = 10000 };

static data_format format_of(vkift_data_format f) {
  switch (f) {
    case VKIFT_DATA_ALPACA: return DATA_ALPACA;
    case VKIFT_DATA_MESSAGES: return DATA_MESSAGES;
    case VKIFT_DATA_PROMPT_COMPLETION: return DATA_PROMPT_COMPLETION;
    case VKIFT_DATA_TEXT: return DATA_TEXT;
    case VKIFT_DATA_TOKENS: return DATA_TOKENS;
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

dataset_options corpus_options(const model *m, const prompt_style *prompt, vkift_objective objective, vkift_data_format format,
                               vkift_train_on train_on, vkift_excess excess, uint32_t max_length, bool skip_bad) {
  return (dataset_options){.tokenizer = m->tokenizer,
                           .prompt = prompt,
                           .eos_id = m->config.n_eos ? m->config.eos_ids[0] : -1,
                           .vocab_size = m->config.vocab_size,
                           .max_length = max_length,
                           .excess = excess_of(excess),
                           .format = format_of(format),
                           .train_on_last = train_on == VKIFT_TRAIN_ON_LAST,
                           .skip_bad_examples = skip_bad,
                           .all_tokens = objective == VKIFT_LM};
}

// --data PATH:WEIGHT: each example stands floor(weight) times in an epoch, and once more with the probability of the rest.
static bool repeat(arena *a, dataset *set, uint64_t first, const vkift_data *data, uint64_t seed, err *e) {
  const double times_seen = data->weight;
  const uint64_t n = set->n - first;
  if (times_seen == 1) return true;
  if (times_seen > MOST_TIMES || (double)first + (double)n * (times_seen + 1) > UINT32_MAX)
    return ERR(e, "%s: weight: expected at most %d, and at most %u examples with it, found %g times %llu examples", data->path, MOST_TIMES, UINT32_MAX,
               times_seen, (unsigned long long)n);
  const uint64_t whole = (uint64_t)floor(times_seen);
  example *old = set->items, *items = ARENA_ARRAY(a, example, first + n * (whole + 1));
  memcpy(items, old, (size_t)first * sizeof *items);
  rng r = rng_new(seed, RNG_SPLIT);
  set->n = first;
  for (uint64_t i = 0; i < n; i++) {
    const uint64_t times = whole + (rng_uniform(&r) < times_seen - (double)whole);
    for (uint64_t k = 0; k < times; k++) items[set->n++] = old[first + i];
  }
  set->items = items;
  return true;
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
    return ERR(e, "max_length: expected at most %u (the context that %s was trained for), found %lld", context, m->path, (long long)asked);
  if (asked) *out = (uint32_t)asked;
  return true;
}

bool corpus_read(arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o, corpus *c, err *e) {
  *c = (corpus){0};
  TRY(corpus_max_length(m, o->max_length, &c->max_length, e));
  const dataset_options options =
      corpus_options(m, prompt, o->objective, o->data_format, o->train_on, o->excess_length, c->max_length, o->skip_bad_examples);
  for (size_t i = 0; i < o->data.n; i++) {
    char *file;
    const uint64_t first = c->train.n;
    TRY(dataset_path(a, o->data.items[i].path, "train", &file, e));
    TRY(dataset_read(a, file, &options, &c->train, e));
    TRY(repeat(a, &c->train, first, &o->data.items[i], (uint64_t)o->seed + i, e));
  }
  if (o->eval_data) {
    char *file;
    TRY(dataset_path(a, o->eval_data, "valid", &file, e));
    TRY(dataset_read(a, file, &options, &c->eval, e));
  }
  if (o->eval_split > 0) dataset_split(a, &c->train, o->eval_split, (uint64_t)o->seed, &c->eval);
  count(c);
  if (!c->train.n) return ERR(e, "%s: expected examples to train on, found none that is left", o->data.items[0].path);
  if (!c->train.n_targets) return ERR(e, "%s: expected tokens that carry loss, found none", o->data.items[0].path);
  return true;
}

void corpus_describe_lost(const dataset *set, uint32_t max_length, text *out) {
  if (set->dropped_long)
    text_printf(out, "; %llu dropped: longer than %u tokens (--max-length)", (unsigned long long)set->dropped_long, max_length);
  if (set->truncated) text_printf(out, "; %llu cut to %u tokens", (unsigned long long)set->truncated, max_length);
  if (set->skipped_bad) text_printf(out, "; %llu bad ones skipped", (unsigned long long)set->skipped_bad);
}

void corpus_describe(const corpus *c, text *out) {
  const dataset *t = &c->train;
  text_printf(out, "%llu examples, %llu tokens, %llu of them targets", (unsigned long long)t->n, (unsigned long long)t->n_tokens,
              (unsigned long long)t->n_targets);
  corpus_describe_lost(t, c->max_length, out);
  if (!c->eval.n) return;
  text_printf(out, "; %llu examples to evaluate on", (unsigned long long)c->eval.n);
  corpus_describe_lost(&c->eval, c->max_length, out);
}
