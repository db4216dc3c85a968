#include "eval/answer.h"

typedef struct sequence {
  bool busy;
  uint64_t index; // prompt
  uint32_t position;
  int32_t *ids; // [max_new_tokens]
  uint32_t n;
  rng random;
} sequence;

typedef struct answering {
  generator *g;
  const generator_options *shape;
  const answer_prompt *prompts;
  uint64_t n_prompts, next;
  const answer_options *options;
  bool (*end)(const void *of, int32_t id);
  const void *of;
  answer_done *done;
  void *user;
  sequence *slots;
  feed *feeds;
  const float **logits;
  uint32_t vocabulary;
} answering;

// Takes the token that logits give; a finished sequence is handed over and its slot is free again.
static bool take(answering *w, sequence *s, const float *logits, err *e) {
  const int32_t id = sample_token(logits, w->vocabulary, &w->options->sample, &s->random);
  if (id < 0) return ERR(e, "the model's output is not finite: its weights are damaged");
  const bool ended = w->end(w->of, id);
  if (!ended) s->ids[s->n++] = id;
  s->busy = !ended && s->n < w->options->max_new_tokens && s->position < w->shape->context;
  return s->busy || w->done(w->user, s->index, s->ids, s->n, e);
}

// Free slots take the next prompts, all in one feed.
static bool admit(answering *w, err *e) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->shape->slots && w->next < w->n_prompts; i++) {
    sequence *s = &w->slots[i];
    if (s->busy) continue;
    const answer_prompt *p = &w->prompts[w->next];
    s->busy = true;
    s->index = w->next++;
    s->position = p->n;
    s->n = 0;
    s->random = rng_new(w->options->seed + s->index * 0x9E3779B97F4A7C15u, RNG_SAMPLE);
    w->feeds[n++] = (feed){.slot = i, .position = 0, .n = p->n, .ids = p->ids};
  }
  if (!n) return true;
  TRY(generator_feed(w->g, w->feeds, n, w->logits, e));
  for (uint32_t i = 0; i < n; i++) TRY(take(w, &w->slots[w->feeds[i].slot], w->logits[i], e));
  return true;
}

static bool advance(answering *w, bool *any, err *e) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->shape->slots; i++) {
    sequence *s = &w->slots[i];
    if (s->busy) w->feeds[n++] = (feed){.slot = i, .position = s->position++, .n = 1, .ids = &s->ids[s->n - 1]};
  }
  *any = n > 0;
  if (!n) return true;
  TRY(generator_feed(w->g, w->feeds, n, w->logits, e));
  for (uint32_t i = 0; i < n; i++) TRY(take(w, &w->slots[w->feeds[i].slot], w->logits[i], e));
  return true;
}

bool answer_all(generator *g, const generator_options *shape, const answer_prompt *prompts, uint64_t n,
                const answer_options *options, bool (*end)(const void *of, int32_t id), const void *of, answer_done *done,
                void *user, err *e) {
  arena *a = arena_new("answers");
  answering w = {.g = g,
                 .shape = shape,
                 .prompts = prompts,
                 .n_prompts = n,
                 .options = options,
                 .end = end,
                 .of = of,
                 .done = done,
                 .user = user};
  w.slots = ARENA_ARRAY(a, sequence, shape->slots);
  w.feeds = ARENA_ARRAY(a, feed, shape->slots);
  w.logits = ARENA_ARRAY(a, const float *, shape->slots);
  w.vocabulary = generator_vocabulary(g);
  const uint32_t most =
      options->max_new_tokens < shape->context ? options->max_new_tokens : shape->context; // the context ends an answer too
  for (uint32_t i = 0; i < shape->slots; i++) w.slots[i].ids = ARENA_ARRAY(a, int32_t, most);
  bool ok = true, any = true;
  while (ok && (any || w.next < n)) ok = admit(&w, e) && advance(&w, &any, e);
  arena_free(a);
  return ok;
}
