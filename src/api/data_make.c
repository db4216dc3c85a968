// vkift_data_make of the public API: checks the options, opens the model, and lets it write what eval/make.c asks for.
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "api/status.h"
#include "base/file.h"
#include "config/make_options.h"
#include "config/train_options.h"
#include "data/mask.h"
#include "eval/answer.h"
#include "eval/corpus.h"
#include "eval/make.h"
#include "eval/make_judge.h"
#include "io/json.h"

static const char day[] = "2025-01-01"; // that a template which asks for it is told: what is made today goes on tomorrow

typedef struct writing_model {
  const vkift_make_options *options;
  loaded loaded;
  uint32_t max_length; // of prompt and answer
} writing_model;

const char *vkift_made_name(vkift_made kind) {
  return make_judge_name(kind);
}

// --- options -----------------------------------------------------------------------------------------------------------

static bool check_stops(const vkift_make_options *o, err *e) {
  for (size_t i = 0; i < o->stop.n; i++)
    if (!*o->stop.items[i] || !utf8_valid(o->stop.items[i], strlen(o->stop.items[i]), NULL))
      return ERR(e, "stop: expected text in UTF-8, found %s", *o->stop.items[i] ? "other bytes" : "an empty string");
  return true;
}

static bool check(arena *a, const vkift_make_options *o, err *e) {
  const vkift_make_options defaults = vkift_make_defaults();
  const char *fault = NULL;
  e->usage = true;
  if (!o->guidelines.n) fault = "--guideline is missing: which task is to be written for?";
  else if (!o->seeds.n) fault = "--seeds is missing: which examples may the model look at?";
  else if (!o->source.run == !o->source.model) fault = "give a run directory, or --model and perhaps --adapter";
  else if (!o->output) fault = "--output is missing: which file is to be written?";
  if (fault) return ERR(e, "%s", fault);
  TRY(option_check(make_option_table, o, &defaults, e) && check_stops(o, e));
  e->usage = false;
  if (file_exists(o->output) && !file_is_dir(o->output) && !file_exists(make_journal_path(a, o->output)))
    return ERR(e, "%s: expected a new file's name, or what vkift data make is writing (with %s beside it), found another file",
               o->output, make_journal_path(a, o->output));
  return file_may_be_written(a, o->output, e);
}

// --- the model -----------------------------------------------------------------------------------------------------------

// The conversation, and behind it how the answer begins.
static bool encode(arena *a, const loaded *l, const make_prompt *p, answer_prompt *out, err *e) {
  rendered r = {0};
  masked prompt;
  token_list begin = {0};
  const tokenizer *t = l->model->tokenizer;
  const bool ok = prompt_render(&l->prompt, p->messages, p->n, true, &r, e) && mask_encode(a, t, &l->prompt, &r, &prompt, e) &&
                  tokenizer_encode(t, p->begin, strlen(p->begin), NULL, false, &begin, e);
  rendered_free(&r);
  if (ok) {
    int32_t *ids = ARENA_ARRAY(a, int32_t, prompt.n + begin.n);
    memcpy(ids, prompt.ids, prompt.n * sizeof *ids);
    for (uint64_t i = 0; i < begin.n; i++) ids[prompt.n + i] = begin.items[i].id;
    *out = (answer_prompt){ids, prompt.n + (uint32_t)begin.n};
  }
  token_list_free(&begin);
  return ok;
}

static bool fits(void *user, const make_prompt *p, bool *fits_in, err *e) {
  const writing_model *w = user;
  arena *a = arena_new("a prompt");
  answer_prompt prompt;
  const bool ok = encode(a, &w->loaded, p, &prompt, e);
  if (ok) *fits_in = (uint64_t)prompt.n + (uint64_t)w->options->max_new_tokens <= w->max_length;
  arena_free(a);
  return ok;
}

static bool on_answer(void *user, const answer_result *x, err *e) {
  const make_sink *sink = user;
  return sink->answered(sink->making, (uint32_t)x->index, x->text, x->length, x->finish, e);
}

static bool asked_to_stop(void *user) {
  const make_sink *sink = user;
  return sink->should_stop(sink->making);
}

// What begins another example ends this one.
static vkift_strings stops(arena *a, const vkift_make_options *o, vkift_make_what what) {
  const char **items = ARENA_ARRAY(a, const char *, o->stop.n + 2);
  size_t n = 0;
  items[n++] = "\nInstruction:";
  if (what == VKIFT_MAKE_INPUTS) items[n++] = "\nInput:";
  for (size_t i = 0; i < o->stop.n; i++) items[n++] = o->stop.items[i];
  return (vkift_strings){items, n};
}

static bool answer(void *user, const make_prompt *prompts, uint32_t n, uint64_t first, vkift_make_what what,
                   const make_sink *sink, err *e) {
  const writing_model *w = user;
  const vkift_make_options *o = w->options;
  arena *a = arena_new("prompts");
  answer_prompt *list = ARENA_ARRAY(a, answer_prompt, n);
  bool ok = true;
  for (uint32_t i = 0; ok && i < n; i++) ok = encode(a, &w->loaded, &prompts[i], &list[i], e);
  const answer_options options = {.writing = {.max_new_tokens = (uint32_t)o->max_new_tokens,
                                              .sample = {.temperature = o->temperature,
                                                         .top_k = (uint32_t)o->top_k,
                                                         .top_p = o->top_p,
                                                         .min_p = o->min_p,
                                                         .repetition_penalty = o->repetition_penalty},
                                              .seed = (uint64_t)o->seed,
                                              .stop = stops(a, o, what)},
                                  .slots = (uint32_t)o->batch_size,
                                  .first_index = first,
                                  .should_stop = asked_to_stop};
  make_sink handed = *sink;
  ok = ok && answer_all(&w->loaded, list, n, &options, on_answer, &handed, e);
  arena_free(a);
  return ok;
}

static bool open_model(arena *a, const vkift_make_options *o, writing_model *w, err *e) {
  TRY(loaded_open(a, &o->source, &w->loaded, e));
  loaded *l = &w->loaded;
  if (!loaded_has_end(l) && !o->stop.n)
    return ERR(e, "%s: expected a model with a token that ends an answer, found none: give a text that ends one (--stop TEXT)",
               l->model->path);
  TRY(corpus_max_length(l->model, o->max_length, &w->max_length, e));
  if ((uint64_t)o->max_new_tokens >= w->max_length)
    return ERR(e, "max_new_tokens: expected fewer than the %u tokens that prompt and answer may have (max_length), found %lld",
               w->max_length, (long long)o->max_new_tokens);
  return !prompt_asks_date(&l->prompt) || prompt_fix_date(a, &l->prompt, day, e);
}

// --- what the rows depend on -----------------------------------------------------------------------------------------------

static const char *name_of(arena *a, const vkift_source *source) {
  if (source->run) return path_name(path_trim(a, source->run));
  const char *base = path_name(path_trim(a, source->model));
  return source->adapter ? arena_printf(a, "%s with %s", base, path_name(path_trim(a, source->adapter))) : base;
}

static bool hash_model(arena *a, const loaded *l, uint64_t *hash, err *e) {
  const char *prompt = prompt_to_jinja(a, &l->prompt);
  const char *tensors = l->adapter ? path_join(a, l->trained, "adapter_model.safetensors") : NULL;
  *hash = XXH3_64bits_withSeed(prompt, strlen(prompt), model_fingerprint(l->model));
  if (!tensors || !file_exists(tensors)) return true;
  file_map map;
  TRY(file_map_open(tensors, &map, e));
  *hash = XXH3_64bits_withSeed(map.data, (size_t)map.size, *hash);
  file_unmap(&map);
  return true;
}

static void put_value(text *out, const char *key, const char *value) {
  text_printf(out, "%s\"%s\": ", out->length ? ", " : "{\"vkift_data_make\": 1, ", key);
  json_put_string(out, value);
}

static void put_hash(text *out, const char *key, uint64_t hash) {
  char digits[24];
  snprintf(digits, sizeof digits, "%016llx", (unsigned long long)hash);
  put_value(out, key, digits);
}

// Stop texts with all their commas.
static void put_stops(text *out, const vkift_strings *stop) {
  text_puts(out, ", \"stop\": [");
  for (size_t i = 0; i < stop->n; i++) {
    if (i) text_puts(out, ", ");
    json_put_string(out, stop->items[i]);
  }
  text_putc(out, ']');
}

static void put_options(text *out, const vkift_make_options *o) {
  text value = {0};
  for (const option *x = make_option_table; x->name; x++) {
    if (x->rules & OPTION_NOT_RECORDED || x->type == OPTION_LIST) continue;
    text_clear(&value);
    text_puts(&value, "");
    option_format(x, o, &value);
    put_value(out, x->name, value.data);
  }
  text_free(&value);
}

static const char *header_of(arena *a, const make_job *job, uint64_t model_hash, uint32_t max_length) {
  vkift_make_options o = *job->options;
  text h = {0};
  o.max_length = max_length;
  put_value(&h, "model", job->model.name);
  put_hash(&h, "model_hash", model_hash);
  put_value(&h, "weight_dtype", weight_type_names[o.source.weight_dtype]);
  put_hash(&h, "guidelines_hash", job->guidelines->hash);
  put_hash(&h, "seeds_hash", job->seeds->hash);
  put_options(&h, &o);
  put_stops(&h, &o.stop);
  text_putc(&h, '}');
  const char *header = arena_strdup(a, h.data);
  text_free(&h);
  return header;
}

// --- all of it -----------------------------------------------------------------------------------------------------------

static bool read_files(arena *a, const vkift_make_options *o, guidelines *all, seeds *from, err *e) {
  dataset_options reading = corpus_reading(&o->reading);
  reading.seed = (uint64_t)o->seed;
  return guidelines_read(a, o->guidelines.items, o->guidelines.n, all, e) &&
         seeds_read(a, o->seeds.items, o->seeds.n, &reading, from, e);
}

static bool run(arena *a, writing_model *w, const vkift_make_events *events, vkift_make_result *result, err *e) {
  const vkift_make_options *o = w->options;
  guidelines all;
  seeds from;
  uint64_t hash;
  TRY(check(a, o, e) && read_files(a, o, &all, &from, e));
  TRY(open_model(a, o, w, e) && hash_model(a, &w->loaded, &hash, e));
  make_job job = {.options = o,
                  .guidelines = &all,
                  .seeds = &from,
                  .model = {.user = w, .name = name_of(a, &o->source), .fits = fits, .answer = answer},
                  .events = events};
  job.header = header_of(a, &job, hash, w->max_length);
  return make_run(a, &job, result, e);
}

vkift_status vkift_data_make(const vkift_make_options *options, const vkift_make_events *events, vkift_make_result *result,
                             vkift_error *error) {
  err e = {0};
  arena *a = arena_new("data that a model makes");
  writing_model w = {.options = options};
  const bool ok = run(a, &w, events, result, &e);
  loaded_close(&w.loaded);
  arena_free(a);
  return status_from(ok, &e, error);
}
