// vkift_data_pack of the public API: the rows that a run would compute, by the trainer's own loader and packing.
#include "api/data_reading.h"
#include "api/status.h"
#include "config/train_options.h"
#include "data/loader.h"
#include "eval/corpus.h"
#include "models/prompt_choice.h"
#include "train/setup.h"

typedef struct packing {
  const vkift_train_options *options;
  model *model;
  prompt_style prompt;
  corpus corpus;
  loader *loader;
  pack_limits limits;
  void (*row)(void *user, const vkift_packed_row *row);
  void *user;
} packing;

static bool open_corpus(arena *a, packing *p, err *e) {
  const vkift_train_options *o = p->options;
  TRY(train_options_check(o, e));
  TRY(model_open(a, o->model, true, &p->model, e));
  TRY(loaded_check_kind(o->model, p->model, o->objective == VKIFT_CLASSIFY, e));
  TRY(prompt_choose(a, p->model, loaded_template(o->objective == VKIFT_CLASSIFY, o->chat_template), &p->prompt, e));
  TRY(prompt_fix_date(a, &p->prompt, o->chat_template_date, e));
  TRY(corpus_read(a, p->model, &p->prompt, o, NULL, &p->corpus, e));
  const uint32_t longest = p->corpus.longest;
  if (o->micro_batch_tokens && o->micro_batch_tokens < longest)
    return ERR(e, "--micro-batch-tokens: expected at least %u (the longest example), found %lld", longest,
               (long long)o->micro_batch_tokens);
  const uint64_t wanted = setup_wanted_tokens(&p->corpus, o), chosen = batch_round(wanted > longest ? wanted : longest);
  p->limits.tokens = o->micro_batch_tokens ? (uint32_t)o->micro_batch_tokens : (uint32_t)chosen;
  p->loader = loader_new(a, &p->corpus.train,
                         &(loader_options){.batch_size = (uint32_t)o->batch_size,
                                           .no_shuffle = !o->shuffle,
                                           .seed = (uint64_t)o->seed,
                                           .task_cap = (uint32_t)o->mixing_cap});
  return true;
}

// From what goes to the device: a target row is the place in front of the token that it predicts.
static bool show_row(const packing *p, const pack_row *row, uint64_t epoch, vkift_packed_row *shown, err *e) {
  arena *a = arena_new("a packed row");
  packed_row x = pack_new_row(a, &p->limits);
  const model_config *c = &p->model->config; // where layers differ, those that see most are shown
  pack_fill(row, &p->limits, model_mixes_windows(c) ? 0 : c->sliding_window, (uint32_t)epoch, &x);
  const uint32_t n = (uint32_t)x.counts[0], n_targets = (uint32_t)x.counts[1];
  int32_t *labels = ARENA_ARRAY(a, int32_t, n), *begin = ARENA_ARRAY(a, int32_t, n), *end = ARENA_ARRAY(a, int32_t, n);
  for (uint32_t i = 0; i < n; i++) labels[i] = -100, begin[i] = x.key_ranges[4 * i], end[i] = x.key_ranges[4 * i + 1];
  for (uint32_t t = 0; t < n_targets; t++) labels[x.target_rows[t] + 1] = x.target_ids[t];
  vkift_packed_example *examples = ARENA_ARRAY(a, vkift_packed_example, row->n);
  bool ok = true;
  size_t at = 0;
  for (uint32_t i = 0; ok && i < row->n; i++) {
    const example *one = row->examples[i];
    examples[i].begin = at;
    ok = data_reading_describe(a, p->model->tokenizer, p->corpus.labels.n, one, one->index, &examples[i].example, e);
    at += one->n;
  }
  shown->capacity = p->limits.tokens;
  shown->n_examples = row->n;
  shown->examples = examples;
  shown->n = n;
  shown->n_targets = n_targets;
  shown->input_ids = x.tokens;
  shown->labels = labels;
  shown->positions = x.positions;
  shown->seen_begin = begin;
  shown->seen_end = end;
  if (ok) p->row(p->user, shown);
  arena_free(a);
  return ok;
}

static bool show_step(const packing *p, int64_t number, bool wanted, err *e) {
  uint32_t n, n_rows = 0;
  uint64_t epoch;
  const example *const *examples = loader_next(p->loader, &n, &epoch);
  if (!wanted) return true;
  arena *a = arena_new("a step");
  pack_row *rows;
  pack_examples(a, examples, n, &p->limits, p->options->packing, &rows, &n_rows);
  bool ok = true;
  for (uint32_t i = 0; ok && i < n_rows; i++) {
    vkift_packed_row shown = {.step = number, .epoch = (int64_t)epoch + 1, .row = i + 1, .rows = n_rows};
    ok = show_row(p, &rows[i], epoch, &shown, e);
  }
  arena_free(a);
  return ok;
}

static bool show_steps(const packing *p, int64_t first, int64_t steps, err *e) {
  const vkift_train_options *o = p->options;
  const uint64_t total = loader_total_steps(p->loader, o->num_train_epochs, (uint64_t)o->max_steps);
  if (first < 1 || (uint64_t)first > total)
    return ERR(e, "step %lld: expected one of the %llu of this run", (long long)first, (unsigned long long)total);
  const int64_t left = (int64_t)total - first + 1, end = first + (steps < left ? steps : left);
  for (int64_t number = 1; number < end; number++) TRY(show_step(p, number, number >= first, e));
  return true;
}

vkift_status vkift_data_pack(const vkift_train_options *options, int64_t first, int64_t steps,
                             void (*row)(void *user, const vkift_packed_row *row), void *user, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("packed data");
  packing p = {.options = options, .row = row, .user = user};
  const bool ok = open_corpus(a, &p, &e) && show_steps(&p, first, steps, &e);
  model_close(p.model);
  arena_free(a);
  return status_from(ok, &e, error);
}
