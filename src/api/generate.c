// vkift_generator of the public API: one conversation in one slot, whose cache is kept from call to call.
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/log.h"
#include "data/mask.h"
#include "eval/generator.h"
#include "eval/loaded.h"
#include "eval/sample.h"

enum { FIRST_CONTEXT = 1024 };

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
  const bool ok = loaded_open(a, source, &g->loaded, &e);
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

// --- answering -------------------------------------------------------------------------------------------------------

typedef struct answer {
  vkift_generator *g;
  const vkift_generate_options *options;
  int32_t *ids; // new tokens
  uint32_t n, capacity;
  text decoded; // of all new tokens
  size_t shown; // bytes of it that were handed over
} answer;

// Hands over what has become whole characters: a token may hold a part of one.
static bool show(answer *w, bool last, err *e) {
  if (!w->options->text) return true;
  text_clear(&w->decoded);
  TRY(tokenizer_decode(w->g->loaded.model->tokenizer, w->ids, w->n, true, &w->decoded, e));
  size_t end = w->decoded.length;
  static const char replacement[] = "\xEF\xBF\xBD"; // what an unfinished character is decoded to
  while (!last && end >= w->shown + 3 && !memcmp(w->decoded.data + end - 3, replacement, 3)) end -= 3;
  if (end > w->shown) w->options->text(w->options->user, w->decoded.data + w->shown, end - w->shown);
  if (end > w->shown) w->shown = end;
  return true;
}

// Feeds what of `ids` the cache does not hold; the last token always, for its logits.
static bool feed_prompt(vkift_generator *g, const masked *prompt, const float **logits, err *e) {
  uint32_t common = 0;
  while (common < g->n_cached && common + 1 < prompt->n && g->cached[common] == prompt->ids[common]) common++;
  const feed piece = {.position = common, .n = prompt->n - common, .ids = prompt->ids + common};
  memcpy(g->cached, prompt->ids, prompt->n * sizeof *g->cached);
  g->n_cached = 0; // nothing, should the feed fail
  TRY(generator_feed(g->generator, &piece, 1, logits, e));
  g->n_cached = prompt->n;
  return true;
}

static bool continue_answer(answer *w, const float *logits, vkift_finish *finish, err *e) {
  vkift_generator *g = w->g;
  const vkift_generate_options *o = w->options;
  const sample_options sampling = {.temperature = o->temperature, .top_p = o->top_p};
  rng r = rng_new((uint64_t)o->seed, RNG_SAMPLE);
  for (;;) {
    const int32_t id = sample_token(logits, generator_vocabulary(g->generator), &sampling, &r);
    if (id < 0) return ERR(e, "%s: the model's output is not finite: its weights are damaged", g->loaded.model->path);
    *finish = VKIFT_FINISH_END;
    if (loaded_is_end(&g->loaded, id)) return true;
    w->ids[w->n++] = id;
    TRY(show(w, false, e));
    *finish = VKIFT_FINISH_STOPPED;
    if (o->should_stop && o->should_stop(o->user)) return true;
    *finish = VKIFT_FINISH_LENGTH;
    if (w->n == w->capacity || g->n_cached == g->context) return true;
    const feed piece = {.position = g->n_cached, .n = 1, .ids = &w->ids[w->n - 1]};
    TRY(generator_feed(g->generator, &piece, 1, &logits, e));
    g->cached[g->n_cached++] = id;
  }
}

static bool run(vkift_generator *g, const vkift_message *messages, size_t n, const vkift_generate_options *o,
                vkift_generate_result *result, arena *a, err *e) {
  masked prompt;
  const float *logits;
  TRY(encode_prompt(a, g, messages, n, o->raw, &prompt, e));
  const uint64_t want = prompt.n + (uint64_t)o->max_new_tokens;
  TRY(ensure_context(g, want > UINT32_MAX ? UINT32_MAX : (uint32_t)want, e));
  const double start = clock_seconds();
  TRY(feed_prompt(g, &prompt, &logits, e));
  const double fed = clock_seconds();
  answer w = {.g = g,
              .options = o,
              .capacity = g->context - prompt.n < o->max_new_tokens ? g->context - prompt.n + 1 : (uint32_t)o->max_new_tokens};
  w.ids = ARENA_ARRAY(a, int32_t, w.capacity);
  vkift_finish finish = VKIFT_FINISH_LENGTH;
  const bool ok = continue_answer(&w, logits, &finish, e) && show(&w, true, e);
  text_free(&w.decoded);
  if (ok && result)
    *result = (vkift_generate_result){.prompt_tokens = prompt.n,
                                      .new_tokens = w.n,
                                      .prompt_seconds = fed - start,
                                      .new_seconds = clock_seconds() - fed,
                                      .finish = finish};
  return ok;
}

vkift_status vkift_generate(vkift_generator *g, const vkift_message *messages, size_t n, const vkift_generate_options *options,
                            vkift_generate_result *result, vkift_error *error) {
  err e = {0};
  bool ok = options->max_new_tokens >= 1 && options->temperature >= 0 && options->top_p > 0 && options->top_p <= 1;
  if (ok) {
    arena *a = arena_new("answer");
    ok = run(g, messages, n, options, result, a, &e);
    arena_free(a);
  } else {
    e.usage = true;
    ERR(&e, "expected max_new_tokens ≥ 1, temperature ≥ 0 and 0 < top_p ≤ 1, found %lld, %g and %g",
        (long long)options->max_new_tokens, options->temperature, options->top_p);
  }
  return status_from(ok, &e, error);
}
