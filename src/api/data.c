// vkift_data_read of the public API: a data set as the model would get it.
#include <stdio.h>
#include <string.h>

#include "api/data_reading.h"
#include "api/status.h"
#include "data/survey.h"
#include "eval/corpus.h"

static bool open_model(arena *a, data_reading *r, err *e) {
  const char *model_path, *adapter_path;
  TRY(loaded_resolve(a, &r->options->source, &r->loaded, &model_path, &adapter_path, e));
  TRY(model_open(a, model_path, true, &r->loaded.model, e));
  return loaded_prompt(a, &r->options->source, &r->loaded, e);
}

static bool read_data(arena *a, data_reading *r, err *e) {
  const vkift_data_options *o = r->options;
  if (!o->data) {
    e->usage = true;
    return ERR(e, "--data is missing: which data?");
  }
  const int64_t given = o->max_length ? o->max_length : r->loaded.is_run ? r->loaded.run.max_length : 0;
  TRY(corpus_max_length(r->loaded.model, given, &r->max_length, e));
  dataset_options options =
      corpus_options(r->loaded.model, &r->loaded.prompt, &o->reading, o->objective, o->excess_length, r->max_length);
  options.seed = (uint64_t)o->seed;
  return dataset_read_split(a, o->data, "train", &options, &r->data, e);
}

bool data_reading_open(arena *a, data_reading *r, err *e) {
  return open_model(a, r, e) && read_data(a, r, e);
}

// --- examples ----------------------------------------------------------------------------------------------------------

// Each token's text is what decoding one token more adds: a token alone may be a part of a character, or lose its space.
static bool split_text(arena *a, const tokenizer *t, const example *x, vkift_data_token *tokens, err *e) {
  static const char unfinished[] = "\xEF\xBF\xBD"; // what a part of a character is decoded to
  text decoded = {0};
  size_t shown = 0;
  bool ok = true;
  for (uint32_t i = 0; ok && i < x->n; i++) {
    text_clear(&decoded);
    ok = tokenizer_decode(t, x->ids, i + 1, false, &decoded, e);
    size_t end = ok ? decoded.length : 0;
    while (i + 1 < x->n && end >= shown + 3 && !memcmp(decoded.data + end - 3, unfinished, 3)) end -= 3;
    if (end < shown) end = shown;
    tokens[i] = (vkift_data_token){.id = x->ids[i], .target = x->target[i], .control = tokenizer_is_special(t, x->ids[i])};
    tokens[i].length = end - shown;
    tokens[i].text = end > shown ? arena_strndup(a, decoded.data + shown, end - shown) : "";
    shown = end;
  }
  text_free(&decoded);
  return ok;
}

static bool show_example(const data_reading *r, const vkift_data_events *events, uint64_t index, err *e) {
  const example *x = &r->data.items[index];
  arena *a = arena_new("example");
  vkift_data_token *tokens = ARENA_ARRAY(a, vkift_data_token, x->n);
  const bool ok = split_text(a, r->loaded.model->tokenizer, x, tokens, e);
  const vkift_data_example shown = {.index = (int64_t)index,
                                    .file = x->origin->file,
                                    .line = x->line,
                                    .task = x->origin->task,
                                    .cluster = x->origin->cluster,
                                    .source = x->origin->source,
                                    .weight = x->weight,
                                    .n = x->n,
                                    .tokens = tokens,
                                    .n_targets = x->n_targets,
                                    .prompt_tokens = x->prompt_n};
  if (ok) events->example(events->user, &shown);
  arena_free(a);
  return ok;
}

static bool show_examples(const data_reading *r, const vkift_data_events *events, err *e) {
  if (!events || !events->example) return true;
  if (events->first < 0 || (uint64_t)events->first >= r->data.n)
    return ERR(e, "%s: there is no example %lld: it has %llu", r->options->data, (long long)events->first,
               (unsigned long long)r->data.n);
  const uint64_t first = (uint64_t)events->first, count = events->count < 0 ? 0 : (uint64_t)events->count;
  for (uint64_t i = first; i < r->data.n && i - first < count; i++) TRY(show_example(r, events, i, e));
  return true;
}

// --- report --------------------------------------------------------------------------------------------------------------

static void fill_report(const data_reading *r, const survey *s, vkift_data_report *out) {
  *out = (vkift_data_report){.examples = (int64_t)s->n,
                             .tokens = (int64_t)s->n_tokens,
                             .target_tokens = (int64_t)s->n_targets,
                             .skipped_bad = (int64_t)r->data.skipped_bad,
                             .dropped_long = (int64_t)r->data.dropped_long,
                             .truncated = (int64_t)r->data.truncated,
                             .max_length = r->max_length,
                             .longest = s->longest,
                             .median_length = s->median_length,
                             .fewest_targets = s->fewest_targets,
                             .median_targets = s->median_targets,
                             .most_targets = s->most_targets,
                             .duplicates = (int64_t)s->duplicates,
                             .control_text = (int64_t)s->control_text,
                             .end_markers = (int64_t)s->end_markers};
  for (int i = 0; i < SURVEY_LENGTHS; i++) out->lengths[i] = (int64_t)s->lengths[i];
  snprintf(out->control_name, sizeof out->control_name, "%s", s->control_name ? s->control_name : "");
  snprintf(out->end_marker, sizeof out->end_marker, "%s", s->end_marker ? s->end_marker : "");
}

static bool report_on(arena *a, const data_reading *r, const vkift_data_events *events, vkift_data_report *report, err *e) {
  survey s;
  if (!report) return true;
  TRY(survey_make(a, &r->data, r->loaded.model->tokenizer, &s, e));
  fill_report(r, &s, report);
  for (uint32_t i = 0; events && events->task && i < s.n_tasks; i++) {
    const survey_task *t = &s.tasks[i];
    const vkift_data_task shown = {t->name, (int64_t)t->n, (int64_t)t->n_tokens, (int64_t)t->n_targets};
    events->task(events->user, &shown);
  }
  return true;
}

vkift_status vkift_data_read(const vkift_data_options *options, const vkift_data_events *events, vkift_data_report *report,
                             vkift_error *error) {
  err e = {0};
  arena *a = arena_new("data");
  data_reading r = {.options = options};
  const bool ok = data_reading_open(a, &r, &e) && show_examples(&r, events, &e) && report_on(a, &r, events, report, &e);
  loaded_close(&r.loaded);
  arena_free(a);
  return status_from(ok, &e, error);
}
