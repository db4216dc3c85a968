// vkift_data_render of the public API: conversations as text, with where each message and the loss stand.
#include "api/status.h"
#include "base/log.h"
#include "data/conversations.h"
#include "data/prompt_template.h"
#include "eval/corpus.h"
#include "eval/loaded.h"
#include "models/prompt_choice.h"

typedef struct rendering {
  const vkift_render_options *options;
  prompt_style prompt;
  void (*on)(void *user, const vkift_rendering *r);
  void *user;
  int64_t n;
} rendering;

// --- the prompt --------------------------------------------------------------------------------------------------------

static bool wrong_usage(err *e, const char *fault) {
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool prompt_of_model(arena *a, const vkift_render_options *o, loaded *l, err *e) {
  const char *model_path, *adapter_path;
  if (o->bos_token || o->eos_token) return wrong_usage(e, "--bos-token and --eos-token are for --chat-template without a model");
  TRY(loaded_resolve(a, &o->source, l, &model_path, &adapter_path, e));
  TRY(model_open(a, model_path, true, &l->model, e));
  return loaded_prompt(a, &o->source, l, e);
}

static bool open_prompt(arena *a, const vkift_render_options *o, loaded *l, prompt_style *prompt, err *e) {
  if (!o->data) return wrong_usage(e, "--data is missing: which data?");
  const vkift_source *s = &o->source;
  if (s->run || s->model || s->adapter) {
    TRY(prompt_of_model(a, o, l, e));
    return *prompt = l->prompt, true;
  }
  if (!s->chat_template) return wrong_usage(e, "which prompt? Name a run directory, or give --model or --chat-template");
  return prompt_from_file(a, s->chat_template, o->bos_token, o->eos_token, prompt, e);
}

// --- one conversation --------------------------------------------------------------------------------------------------

typedef struct spans {
  vkift_span *items;
  size_t n;
} spans;

// The longest runs of bytes with origin `origin`; those that carry loss where `origin` is 0. Two passes: to count, and to
// store.
static spans find_spans(arena *a, const rendered *r, uint32_t origin) {
  spans all = {0};
  for (int pass = 0; pass < 2; pass++) {
    if (pass) all.items = ARENA_ARRAY(a, vkift_span, all.n);
    all.n = 0;
    bool before = false;
    for (size_t i = 0; i <= r->text.length; i++) {
      const bool in = i < r->text.length && (origin ? rendered_origin(r, i) == origin : r->target.data[i]);
      if (pass && in && !before) all.items[all.n].begin = i;
      if (pass && !in && before) all.items[all.n].end = i;
      all.n += !in && before;
      before = in;
    }
  }
  return all;
}

static void hand_over(const rendering *to, const conversation *c, const rendered *r, const char *error) {
  arena *a = arena_new("spans of a conversation");
  vkift_rendering shown = {.index = to->n, .file = c->file, .line = c->place, .error = error, .text = ""};
  if (!error) {
    vkift_rendered_message *messages = ARENA_ARRAY(a, vkift_rendered_message, c->raw->n_messages);
    for (uint32_t i = 0; i < c->raw->n_messages; i++) {
      const spans content = find_spans(a, r, i + 1);
      messages[i] = (vkift_rendered_message){prompt_role_name(c->raw->messages[i].role), content.items, content.n};
    }
    const spans loss = find_spans(a, r, 0);
    if (r->text.length) shown.text = r->text.data;
    shown.length = r->text.length;
    shown.messages = messages;
    shown.n_messages = c->raw->n_messages;
    shown.assistant = loss.items;
    shown.n_assistant = loss.n;
  }
  to->on(to->user, &shown);
  arena_free(a);
}

// What the prompt refuses is a result, not a failure: a template decides which conversations it takes.
static bool render_one(void *user, const conversation *c, err *e) {
  (void)e;
  rendering *to = user;
  rendered r = {0};
  err refused = {0};
  const bool ok =
      prompt_render(&to->prompt, c->raw->messages, c->raw->n_messages, to->options->add_generation_prompt, &r, &refused);
  hand_over(to, c, &r, ok ? NULL : refused.message);
  to->n++;
  rendered_free(&r);
  return true;
}

static bool render_all(const vkift_render_options *o, rendering *to, err *e) {
  dataset_options options = corpus_reading(&o->reading);
  uint64_t skipped;
  options.prompt = &to->prompt;
  options.any_conversation = true;
  options.seed = (uint64_t)o->seed;
  TRY(conversations_read(o->data, &options, render_one, to, &skipped, e));
  if (skipped) log_note("%llu bad examples are skipped", (unsigned long long)skipped);
  return true;
}

vkift_status vkift_data_render(const vkift_render_options *options, void (*on)(void *user, const vkift_rendering *rendering),
                               void *user, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("prompt");
  loaded l = {0};
  rendering to = {.options = options, .on = on, .user = user};
  const bool ok = open_prompt(a, options, &l, &to.prompt, &e) && render_all(options, &to, &e);
  loaded_close(&l);
  arena_free(a);
  return status_from(ok, &e, error);
}
