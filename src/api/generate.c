// vkift_generator of the public API: one conversation in one slot, whose cache is kept from call to call; and many prompts at
// once (eval/answer.c).
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/log.h"
#include "data/mask.h"
#include "eval/answer.h"
#include "eval/generator.h"

enum { FIRST_CONTEXT = 1024, PIECE_TOKENS = 256, MOST_SLOTS = 64 };

struct vkift_generator {
  arena *memory;
  loaded loaded;
  arena *pass_memory; // of `generator`, which is made anew when a longer context is needed
  gpu_heap *heap, *staging;
  generator *generator;
  uint32_t context;
  int32_t *cached; // tokens whose keys and values the slot holds
  uint32_t n_cached;
};

static void drop_generator(vkift_generator *g) {
  generator_free(g->generator);
  if (g->heap) heap_free(g->heap);
  if (g->staging) heap_free(g->staging);
  arena_free(g->pass_memory);
  g->generator = NULL;
  g->heap = g->staging = NULL;
  g->pass_memory = NULL;
  g->n_cached = 0;
}

static bool ensure_context(vkift_generator *g, uint32_t tokens, err *e) {
  const model *m = g->loaded.model;
  if (tokens > m->config.max_positions) tokens = m->config.max_positions;
  if (g->generator && tokens <= g->context) return true;
  drop_generator(g);
  uint32_t context = FIRST_CONTEXT;
  while (context < tokens) context *= 2;
  if (context > m->config.max_positions) context = m->config.max_positions;
  const generator_options options = generator_fit(m, g->loaded.device, 1, context);
  if (options.context < tokens)
    return ERR(e, "a conversation of %u tokens does not fit: this device's storage buffers hold %u of this model's", tokens,
               options.context);
  g->context = options.context;
  g->pass_memory = arena_new("generator");
  g->heap = heap_new(g->loaded.device, "generator", GPU_MEMORY_DEVICE);
  g->staging = heap_new(g->loaded.device, "host side of the generator", GPU_MEMORY_STAGING);
  g->cached = ARENA_ARRAY(g->pass_memory, int32_t, g->context);
  if (generator_new(g->pass_memory, m, g->loaded.device, g->heap, g->staging, &options, &g->generator, e)) return true;
  drop_generator(g); // half of one must not answer the next call
  return false;
}

vkift_status vkift_generator_open(const vkift_source *source, vkift_generator **out, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("generator source");
  vkift_generator *g = ARENA_NEW(a, vkift_generator);
  g->memory = a;
  const bool ok = loaded_open(a, source, &g->loaded, &e) &&
                  loaded_check_kind(source->run ? source->run : source->model, g->loaded.model, false, &e);
  if (ok) *out = g;
  else vkift_generator_close(g);
  return status_from(ok, &e, error);
}

void vkift_generator_close(vkift_generator *g) {
  if (!g) return;
  drop_generator(g);
  loaded_close(&g->loaded);
  arena_free(g->memory);
}

bool vkift_generator_has_end(const vkift_generator *g) {
  return loaded_has_end(&g->loaded);
}

// --- prompts ---------------------------------------------------------------------------------------------------------

static bool encode_raw(arena *a, const tokenizer *t, const char *content, masked *out, err *e) {
  token_list list = {0};
  const bool ok = tokenizer_encode(t, content, strlen(content), NULL, true, &list, e);
  *out = (masked){.n = (uint32_t)list.n, .ids = ARENA_ARRAY(a, int32_t, list.n)};
  for (uint64_t i = 0; i < list.n; i++) out->ids[i] = list.items[i].id;
  token_list_free(&list);
  return ok;
}

static bool encode_chat(arena *a, const loaded *l, const vkift_message *messages, size_t n, masked *out, err *e) {
  static const message_role roles[] = {
      [VKIFT_SYSTEM] = ROLE_SYSTEM, [VKIFT_USER] = ROLE_USER, [VKIFT_ASSISTANT] = ROLE_ASSISTANT};
  message *list = ARENA_ARRAY(a, message, n);
  for (size_t i = 0; i < n; i++) list[i] = (message){.role = roles[messages[i].role], .content = messages[i].content};
  rendered r = {0};
  const bool ok =
      prompt_render(&l->prompt, list, (uint32_t)n, true, &r, e) && mask_encode(a, l->model->tokenizer, &l->prompt, &r, out, e);
  rendered_free(&r);
  return ok;
}

static bool encode_prompt(arena *a, const vkift_generator *g, const vkift_message *messages, size_t n, bool raw, masked *out,
                          err *e) {
  if (!n || (raw && n != 1)) {
    e->usage = true;
    return ERR(e, raw ? "raw: expected one message, found %zu" : "expected at least one message, found %zu", n);
  }
  TRY(raw ? encode_raw(a, g->loaded.model->tokenizer, messages[0].content, out, e)
          : encode_chat(a, &g->loaded, messages, n, out, e));
  if (!out->n) return ERR(e, "the prompt has no token: give some text");
  if (out->n >= g->loaded.model->config.max_positions)
    return ERR(e, "the prompt has %u tokens, the model's context only %u", out->n, g->loaded.model->config.max_positions);
  return true;
}

// --- options -----------------------------------------------------------------------------------------------------------

static bool is_within(double value, double least, double most) {
  return value >= least && value <= most; // not NaN
}

static bool check_options(const vkift_generate_options *o, err *e) {
  const struct {
    const char *name;
    double value;
    bool ok;
    const char *expected;
  } rows[] = {
      {"max_new_tokens", (double)o->max_new_tokens, o->max_new_tokens >= 1, "at least 1"},
      {"temperature", o->temperature, o->temperature >= 0, "at least 0"},
      {"top_k", (double)o->top_k, o->top_k >= 0, "at least 0"},
      {"top_p", o->top_p, o->top_p > 0 && o->top_p <= 1, "above 0 and at most 1"},
      {"min_p", o->min_p, is_within(o->min_p, 0, 1), "0 to 1"},
      {"repetition_penalty", o->repetition_penalty, o->repetition_penalty > 0 && is_within(o->repetition_penalty, 0, 1e6),
       "above 0 and at most 1e6"},
      {"batch_size", (double)o->batch_size, is_within((double)o->batch_size, 1, MOST_SLOTS), "1 to 64"},
      {"number", (double)o->number, o->number >= 0, "at least 0"},
  };
  e->usage = true;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!rows[i].ok) return ERR(e, "%s: expected %s, found %g", rows[i].name, rows[i].expected, rows[i].value);
  for (size_t i = 0; i < o->stop.n; i++)
    if (!*o->stop.items[i] || !utf8_valid(o->stop.items[i], strlen(o->stop.items[i]), NULL))
      return ERR(e, "stop: expected text in UTF-8, found %s", *o->stop.items[i] ? "other bytes" : "an empty string");
  e->usage = false;
  return true;
}

static writer_options writing_of(const vkift_generate_options *o) {
  const uint32_t most = UINT32_MAX / 2;
  return (writer_options){.max_new_tokens = o->max_new_tokens < most ? (uint32_t)o->max_new_tokens : most,
                          .sample = {.temperature = o->temperature,
                                     .top_k = o->top_k < most ? (uint32_t)o->top_k : most,
                                     .top_p = o->top_p,
                                     .min_p = o->min_p,
                                     .repetition_penalty = o->repetition_penalty},
                          .seed = (uint64_t)o->seed,
                          .stop = o->stop};
}

// --- one answer ----------------------------------------------------------------------------------------------------------

typedef struct growing {
  vkift_generator *g;
  const vkift_generate_options *options;
  writer writer;
  size_t shown; // bytes of its text that were handed over
} growing;

static bool asked_to_stop(const vkift_generate_options *o) {
  return o->should_stop && o->should_stop(o->user);
}

static void show(growing *w) {
  const size_t end = w->options->text ? writer_settled(&w->writer) : 0;
  if (end <= w->shown) return;
  w->options->text(w->options->user, w->writer.text.data + w->shown, end - w->shown);
  w->shown = end;
}

// Feeds what of `ids` the cache does not hold; the last token always, for its logits. *logits stays NULL where it was stopped.
// In pieces of which none is a single token, unless the prompt is one: that would be a decode, whose kernels round otherwise.
static bool feed_prompt(vkift_generator *g, const masked *prompt, const vkift_generate_options *o, const float **logits, err *e) {
  uint32_t at = 0;
  while (at < g->n_cached && at + 1 < prompt->n && g->cached[at] == prompt->ids[at]) at++;
  if (at && at + 1 == prompt->n) at--;
  memcpy(g->cached + at, prompt->ids + at, (prompt->n - at) * sizeof *g->cached);
  g->n_cached = 0; // nothing, should the feed fail
  while (at < prompt->n) {
    uint32_t n = prompt->n - at;
    if (n > PIECE_TOKENS) n = n == PIECE_TOKENS + 1 ? n - 2 : PIECE_TOKENS;
    const feed piece = {.position = at, .n = n, .ids = prompt->ids + at};
    TRY(generator_feed(g->generator, &piece, 1, logits, e));
    at += n;
    g->n_cached = at;
    if (at < prompt->n && asked_to_stop(o)) {
      *logits = NULL;
      return true;
    }
  }
  return true;
}

static bool grow(growing *w, const float *logits, err *e) {
  vkift_generator *g = w->g;
  writer *a = &w->writer;
  for (;;) {
    TRY(writer_take(a, logits, g->n_cached == g->context, e));
    show(w);
    if (a->ended) return true;
    if (asked_to_stop(w->options)) return writer_stop(a, e) && (show(w), true);
    const feed piece = {.position = g->n_cached, .n = 1, .ids = &a->ids[a->n - 1]};
    TRY(generator_feed(g->generator, &piece, 1, &logits, e));
    g->cached[g->n_cached++] = a->ids[a->n - 1];
  }
}

static bool run(vkift_generator *g, const vkift_message *messages, size_t n, const vkift_generate_options *o,
                vkift_generate_result *result, arena *a, err *e) {
  masked prompt;
  const float *logits = NULL;
  TRY(check_options(o, e) && encode_prompt(a, g, messages, n, o->raw, &prompt, e));
  const uint64_t want = prompt.n + (uint64_t)o->max_new_tokens;
  TRY(ensure_context(g, want > UINT32_MAX ? UINT32_MAX : (uint32_t)want, e));
  const double start = clock_seconds();
  TRY(feed_prompt(g, &prompt, o, &logits, e));
  const double fed = clock_seconds();
  const writer_options writing = writing_of(o);
  growing w = {.g = g, .options = o};
  writer_open(a, &g->loaded, &writing, g->context - prompt.n + 1, o->text != NULL, &w.writer);
  writer_begin(&w.writer, (uint64_t)o->number, prompt.ids, prompt.n);
  const bool ok = logits ? grow(&w, logits, e) : writer_stop(&w.writer, e);
  writer_close(&w.writer);
  if (ok && result)
    *result = (vkift_generate_result){.prompt_tokens = prompt.n,
                                      .new_tokens = w.writer.n,
                                      .prompt_seconds = fed - start,
                                      .new_seconds = clock_seconds() - fed,
                                      .finish = w.writer.finish};
  return ok;
}

vkift_status vkift_generate(vkift_generator *g, const vkift_message *messages, size_t n, const vkift_generate_options *options,
                            vkift_generate_result *result, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("answer");
  const bool ok = run(g, messages, n, options, result, a, &e);
  arena_free(a);
  return status_from(ok, &e, error);
}

// --- many ----------------------------------------------------------------------------------------------------------------

typedef struct many {
  const answer_prompt *prompts;
  const vkift_generate_options *options;
  void (*answer)(void *user, const vkift_answer *answer);
} many;

static bool answered(void *user, const answer_result *x, err *e) {
  (void)e;
  const many *w = user;
  const vkift_answer a = {.index = (int64_t)x->index,
                          .text = x->text,
                          .length = x->length,
                          .prompt_tokens = w->prompts[x->index].n,
                          .new_tokens = x->n,
                          .finish = x->finish};
  w->answer(w->options->user, &a);
  return true;
}

static bool stop_many(void *user) {
  return asked_to_stop(((const many *)user)->options);
}

static bool run_all(vkift_generator *g, const vkift_prompt *prompts, size_t n, const vkift_generate_options *o,
                    void (*answer)(void *user, const vkift_answer *answer), arena *a, err *e) {
  TRY(check_options(o, e));
  answer_prompt *list = ARENA_ARRAY(a, answer_prompt, n);
  for (size_t i = 0; i < n; i++) {
    masked prompt;
    if (!encode_prompt(a, g, prompts[i].messages, prompts[i].n, o->raw, &prompt, e)) return err_prefix(e, "prompt %zu", i + 1);
    list[i] = (answer_prompt){prompt.ids, prompt.n};
  }
  drop_generator(g); // its cache makes room
  many w = {.prompts = list, .options = o, .answer = answer};
  const answer_options options = {
      .writing = writing_of(o), .slots = (uint32_t)o->batch_size, .first_index = (uint64_t)o->number, .should_stop = stop_many};
  return answer_all(&g->loaded, list, n, &options, answered, &w, e);
}

vkift_status vkift_generate_all(vkift_generator *g, const vkift_prompt *prompts, size_t n, const vkift_generate_options *options,
                                void (*answer)(void *user, const vkift_answer *answer), vkift_error *error) {
  err e = {0};
  arena *a = arena_new("prompts");
  const bool ok = run_all(g, prompts, n, options, answer, a, &e);
  arena_free(a);
  return status_from(ok, &e, error);
}
