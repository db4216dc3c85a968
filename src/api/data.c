// vkift_data_read of the public API: a data set as the model would get it.
#include <stdio.h>
#include <string.h>

#include "api/data_reading.h"
#include "api/status.h"
#include "base/file.h"
#include "data/formats.h"
#include "data/mixture.h"
#include "data/token_text.h"
#include "eval/corpus.h"
#include "models/prompt_untrained.h"
#include "models/trainable.h"

static bool open_model(arena *a, data_reading *r, err *e) {
  const char *model_path, *adapter_path;
  TRY(loaded_resolve(a, &r->options.source, &r->loaded, &model_path, &adapter_path, e));
  // A check looks at a few rows of the weights, where they are there.
  if (!r->survey || !model_open(a, model_path, false, &r->loaded.model, NULL))
    TRY(model_open(a, model_path, true, &r->loaded.model, e));
  return loaded_prompt(a, &r->options.source, &r->loaded, e);
}

// A check goes on with the next data when what there is of one cannot be used; the first such fault is its result. A path that
// leads nowhere ends it.
static bool read_split(arena *a, data_reading *r, const char *path, const char *split, const dataset_options *options,
                       dataset *set, err *e) {
  const uint64_t lost = r->survey ? r->survey->n_bad + r->survey->n_excess : 0;
  err fault = {0};
  if (dataset_read_split(a, path, split, options, set, &fault)) return true;
  const bool is_partly = r->survey && r->survey->n_bad + r->survey->n_excess > lost;
  if (!is_partly && !(r->survey && r->options.data.n > 1 && file_exists(path))) return ERR(e, "%s", fault.message);
  if (!r->fault.failed) r->fault = fault;
  return true;
}

static bool read_data(arena *a, data_reading *r, err *e) {
  const vkift_data_options *o = &r->options;
  const vkift_data_list *data = &o->data;
  if (!data->n) {
    e->usage = true;
    return ERR(e, "--data is missing: which data?");
  }
  const int64_t given = o->max_length ? o->max_length : r->loaded.is_run ? r->loaded.run.max_length : 0;
  TRY(corpus_max_length(r->loaded.model, given, &r->max_length, e));
  dataset_options options =
      corpus_options(r->loaded.model, &r->loaded.prompt, &o->reading, o->objective, o->excess_length, r->max_length);
  const vkift_strings labels = r->loaded.is_run ? r->loaded.run.labels : (vkift_strings){0};
  options.skip_bad_examples |= r->survey != NULL;
  if (o->objective == VKIFT_CLASSIFY) TRY(corpus_labels(a, r->loaded.model, &labels, data, &options, &r->labels, e));
  options.sketches = r->survey;
  options.seed = (uint64_t)o->seed;
  if (r->survey) options.watch = &r->survey->eval_watch;
  if (o->eval_data) TRY(dataset_read_split(a, o->eval_data, "valid", &options, &r->eval, e));
  if (r->survey) options.watch = &r->survey->watch;
  TRY(corpus_augment(a, &o->augment, o->seed, o->objective, &options, e));
  options.drop_texts = options.join && r->survey; // as a run does
  if (options.augment.n_demonstrations || options.drop_texts)
    options.asked = mixture_hash_asked(a, &r->eval, options.eos_id, &options.n_asked);
  for (size_t i = 0; i < data->n; i++) TRY(read_split(a, r, data->items[i].path, "train", &options, &r->data, e));
  return true;
}

void data_reading_take_run(vkift_data_options *o, const vkift_train_options *run) {
  const bool skip = o->reading.skip_bad_examples;
  o->data = run->data;
  o->reading = run->reading;
  o->reading.skip_bad_examples |= skip;
  o->objective = run->objective;
  o->augment = run->augment;
  o->seed = run->seed;
  o->excess_length = run->excess_length;
  if (!o->eval_data) o->eval_data = run->eval_data;
}

// A run's own data is read as the run read it, and all data on its day.
static bool take_from_run(arena *a, data_reading *r, err *e) {
  const vkift_train_options *run = r->loaded.is_run ? &r->loaded.run : NULL;
  if (run && !r->options.data.n) data_reading_take_run(&r->options, run);
  return prompt_fix_date(a, &r->loaded.prompt, run ? run->chat_template_date : NULL, e);
}

bool data_reading_open(arena *a, data_reading *r, err *e) {
  TRY(open_model(a, r, e));
  return take_from_run(a, r, e) && read_data(a, r, e);
}

// --- examples ----------------------------------------------------------------------------------------------------------

static bool split_text(arena *a, const tokenizer *t, bool classify, const example *x, vkift_data_token *tokens, err *e) {
  token_text *texts = ARENA_ARRAY(a, token_text, x->n);
  TRY(token_texts(a, t, x->ids, x->n - classify, texts, e)); // a label's number need not be a token's
  for (uint32_t i = 0; i < x->n; i++)
    tokens[i] = (vkift_data_token){.id = x->ids[i],
                                   .target = x->target[i],
                                   .control = tokenizer_is_special(t, x->ids[i]),
                                   .text = texts[i].data,
                                   .length = texts[i].length};
  if (classify) tokens[x->n - 1].control = true, tokens[x->n - 1].text = x->answer, tokens[x->n - 1].length = strlen(x->answer);
  return true;
}

bool data_reading_describe(arena *a, const tokenizer *t, bool classify, const example *x, uint64_t index, vkift_data_example *out,
                           err *e) {
  vkift_data_token *tokens = ARENA_ARRAY(a, vkift_data_token, x->n);
  *out = (vkift_data_example){.index = (int64_t)index,
                              .file = x->origin->file,
                              .line = x->line,
                              .task = x->origin->task,
                              .cluster = x->origin->cluster,
                              .source = x->origin->source,
                              .weight = x->weight,
                              .n = x->n,
                              .tokens = tokens,
                              .n_targets = x->n_targets,
                              .prompt_tokens = x->prompt_n,
                              .second = x->second};
  return split_text(a, t, classify, x, tokens, e);
}

static bool show_example(const data_reading *r, const vkift_data_events *events, uint64_t index, err *e) {
  arena *a = arena_new("example");
  vkift_data_example shown;
  const bool ok = data_reading_describe(a, r->loaded.model->tokenizer, r->labels.n, &r->data.items[index], index, &shown, e);
  if (ok) events->example(events->user, &shown);
  arena_free(a);
  return ok;
}

static bool show_examples(const data_reading *r, const vkift_data_events *events, err *e) {
  if (!events || !events->example) return true;
  if (events->first < 0 || (uint64_t)events->first >= r->data.n)
    return ERR(e, "%s: there is no example %lld: it has %llu", r->options.data.items[0].path, (long long)events->first,
               (unsigned long long)r->data.n);
  const uint64_t first = (uint64_t)events->first, count = events->count < 0 ? 0 : (uint64_t)events->count;
  for (uint64_t i = first; i < r->data.n && i - first < count; i++) TRY(show_example(r, events, i, e));
  return true;
}

// --- report --------------------------------------------------------------------------------------------------------------

// What would end a run before its first step.
static void say_what_stops(const data_reading *r, char *out, size_t size) {
  const survey *s = r->survey;
  const char *first = r->options.data.items[0].path;
  if (r->fault.failed) snprintf(out, size, "%s", r->fault.message);
  else if (s->n_bad && !r->options.reading.skip_bad_examples)
    snprintf(out, size, "a run stops at the first of the bad examples (%llu), unless --skip-bad-examples leaves them out",
             (unsigned long long)s->n_bad);
  else if (r->eval.skipped_bad && !r->options.reading.skip_bad_examples)
    snprintf(out, size, "%s: %llu bad examples: a run stops at them too, unless --skip-bad-examples leaves them out",
             r->options.eval_data, (unsigned long long)r->eval.skipped_bad);
  else if (!s->n) snprintf(out, size, "%s: expected examples to train on, found none", first);
  else if (!s->left)
    snprintf(out, size, "%s: the prompts of all %llu examples are in the evaluation data too", first, (unsigned long long)s->n);
}

static void fill_report(const data_reading *r, vkift_data_report *out) {
  const survey *s = r->survey;
  *out = (vkift_data_report){.examples = (int64_t)s->n,
                             .tokens = (int64_t)s->n_tokens,
                             .target_tokens = (int64_t)s->n_targets,
                             .bad = (int64_t)s->n_bad,
                             .empty_masks = (int64_t)s->empty_masks,
                             .dropped_long = (int64_t)r->data.dropped_long,
                             .truncated = (int64_t)r->data.truncated,
                             .left = (int64_t)s->left,
                             .with_demonstrations = (int64_t)r->data.augmented.demonstrations,
                             .with_persona = (int64_t)r->data.augmented.persona,
                             .with_definition = (int64_t)r->data.augmented.definition,
                             .with_length_constraint = (int64_t)r->data.augmented.length_constraint,
                             .max_length = r->max_length,
                             .longest = s->longest,
                             .median_length = s->median_length,
                             .fewest_targets = s->fewest_targets,
                             .median_targets = s->median_targets,
                             .most_targets = s->most_targets};
  for (int i = 0; i < SURVEY_LENGTHS; i++) out->lengths[i] = (int64_t)s->lengths[i];
  say_what_stops(r, out->stops, sizeof out->stops);
}

static void tell_groups(const survey_group *groups, uint32_t n, bool files, void (*tell)(void *, const vkift_data_group *),
                        void *user) {
  for (uint32_t i = 0; tell && i < n; i++) {
    const survey_group *g = &groups[i];
    const vkift_data_group shown = {.name = g->name,
                                    .format = files && g->format ? formats_name(g->format) : "",
                                    .examples = (int64_t)g->n,
                                    .tokens = (int64_t)g->n_tokens,
                                    .target_tokens = (int64_t)g->n_targets,
                                    .dropped_long = (int64_t)g->dropped,
                                    .bad = (int64_t)g->bad};
    tell(user, &shown);
  }
}

static void tell_findings(const survey *s, const vkift_data_events *events) {
  for (uint32_t i = 0; events->finding && i < s->n_findings; i++) {
    const survey_finding *f = &s->findings[i];
    const vkift_data_finding shown = {.kind = f->kind,
                                      .examples = (int64_t)f->n,
                                      .file = f->first.file,
                                      .line = f->first.line,
                                      .place = f->first.text,
                                      .like_file = f->like.file,
                                      .like_line = f->like.line,
                                      .like_place = f->like.text,
                                      .detail = f->detail};
    events->finding(events->user, &shown);
  }
}

// Tokens of the template that the model does not know yet are a finding of their own: it is no matter of the data.
static bool tell_untrained(const data_reading *r, const vkift_data_events *events, err *e) {
  const vkift_train_options *run = &r->loaded.run;
  const bool frozen = run->method == VKIFT_FREEZE;
  if (r->labels.n) return true; // nothing puts a template around a text
  if (r->loaded.is_run && ((!frozen && run->method != VKIFT_LORA) ||
                           trainable_has_embedding(r->loaded.model, run->trainable.items, run->trainable.n) ||
                           trainable_saves_embedding(r->loaded.model, run->modules_to_save.items, run->modules_to_save.n)))
    return true; // it has trained them
  adapter_config config = {0};
  if (r->options.source.adapter) TRY(adapter_read_config(r->survey->memory, r->options.source.adapter, &config, e));
  if (trainable_saves_embedding(r->loaded.model, config.whole, config.n_whole)) return true;
  text warning = {0};
  const bool ok = prompt_untrained_describe(r->loaded.model, &r->loaded.prompt, frozen, &warning, e);
  if (ok && warning.length && events->finding)
    events->finding(events->user,
                    &(vkift_data_finding){.kind = "untrained_tokens", .examples = (int64_t)r->survey->n, .detail = warning.data});
  text_free(&warning);
  return ok;
}

static bool report_on(data_reading *r, const vkift_data_events *events, vkift_data_report *report, err *e) {
  survey *s = r->survey;
  if (!s) return true;
  TRY(survey_make(s, &r->data, &r->eval, r->loaded.model->tokenizer, r->options.objective != VKIFT_SFT, e));
  fill_report(r, report);
  if (!events) return true;
  tell_groups(s->tasks, s->n_tasks, false, events->task, events->user);
  tell_groups(s->files, s->n_files, true, events->file, events->user);
  tell_findings(s, events);
  return tell_untrained(r, events, e);
}

vkift_status vkift_data_read(const vkift_data_options *options, const vkift_data_events *events, vkift_data_report *report,
                             vkift_error *error) {
  err e = {0};
  arena *a = arena_new("data");
  data_reading r = {.options = *options};
  survey s;
  if (report) {
    survey_begin(&s, a);
    r.survey = &s;
  }
  const bool ok = data_reading_open(a, &r, &e) && show_examples(&r, events, &e) && report_on(&r, events, report, &e);
  loaded_close(&r.loaded);
  arena_free(a);
  return status_from(ok, &e, error);
}
