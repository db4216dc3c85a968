#include "eval/answer.h"

#include "eval/generator.h"

typedef struct sequence {
  bool busy;
  uint64_t index; // of the prompt
  uint32_t position;
  writer writer;
} sequence;

typedef struct answering {
  const loaded *of;
  generator *g;
  generator_options shape;
  const answer_prompt *prompts;
  uint64_t n_prompts, next, n_done;
  const answer_options *options;
  answer_done *done;
  void *user;
  sequence *slots;
  feed *feeds;
  const float **logits;
} answering;

// Takes the token that logits give; a finished sequence is handed over and its slot is free again.
static bool take(answering *w, sequence *s, const float *logits, err *e) {
  writer *by = &s->writer;
  TRY(writer_take(by, logits, s->position == w->shape.context, e));
  s->busy = !by->ended;
  if (s->busy) return true;
  w->n_done++;
  const answer_result a = {
      .index = s->index, .ids = by->ids, .n = by->n, .text = by->text.data, .length = by->text.length, .finish = by->finish};
  return w->done(w->user, &a, e);
}

// Feeds what was put into feeds[n], and takes a token for each of their slots.
static bool feed_and_take(answering *w, uint32_t n, err *e) {
  if (!n) return true;
  TRY(generator_feed(w->g, w->feeds, n, w->logits, e));
  for (uint32_t i = 0; i < n; i++) TRY(take(w, &w->slots[w->feeds[i].slot], w->logits[i], e));
  return true;
}

// Free slots take the next prompts, all in one feed.
static bool admit(answering *w, err *e) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->shape.slots && w->next < w->n_prompts; i++) {
    sequence *s = &w->slots[i];
    if (s->busy) continue;
    const answer_prompt *p = &w->prompts[w->next];
    s->busy = true;
    s->position = p->n;
    s->index = w->next++;
    writer_begin(&s->writer, w->options->first_index + s->index, p->ids, p->n);
    w->feeds[n++] = (feed){.slot = i, .position = 0, .n = p->n, .ids = p->ids};
  }
  return feed_and_take(w, n, e);
}

static bool advance(answering *w, err *e) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->shape.slots; i++) {
    sequence *s = &w->slots[i];
    if (s->busy) w->feeds[n++] = (feed){.slot = i, .position = s->position++, .n = 1, .ids = &s->writer.ids[s->writer.n - 1]};
  }
  return feed_and_take(w, n, e);
}

static bool run(answering *w, err *e) {
  while (w->n_done < w->n_prompts) {
    if (w->options->should_stop && w->options->should_stop(w->user))
      return ERR(e, "stopped after %llu of %llu answers", (unsigned long long)w->n_done, (unsigned long long)w->n_prompts);
    TRY(admit(w, e) && advance(w, e));
  }
  return true;
}

// Room for the longest prompt and its answer, as far as the model and the device go.
static bool choose_shape(answering *w, err *e) {
  const model *m = w->of->model;
  uint32_t longest = 0, context = m->config.max_positions, slots = w->options->slots ? w->options->slots : ANSWER_SLOTS;
  for (uint64_t i = 0; i < w->n_prompts; i++)
    if (longest < w->prompts[i].n) longest = w->prompts[i].n;
  if (slots > w->n_prompts) slots = (uint32_t)w->n_prompts;
  if (context - longest > w->options->writing.max_new_tokens) context = longest + w->options->writing.max_new_tokens;
  w->shape = generator_fit(m, w->of->device, slots, context);
  return w->shape.context > longest || ERR(e, "a prompt of %u tokens does not fit into this device's storage buffers", longest);
}

static void open_slots(arena *a, answering *w) {
  w->slots = ARENA_ARRAY(a, sequence, w->shape.slots);
  w->feeds = ARENA_ARRAY(a, feed, w->shape.slots);
  w->logits = ARENA_ARRAY(a, const float *, w->shape.slots);
  for (uint32_t i = 0; i < w->shape.slots; i++)
    writer_open(a, w->of, &w->options->writing, w->shape.context, false, &w->slots[i].writer);
}

bool answer_all(const loaded *l, const answer_prompt *prompts, uint64_t n, const answer_options *options, answer_done *done,
                void *user, err *e) {
  if (!n) return true;
  answering w = {.of = l, .prompts = prompts, .n_prompts = n, .options = options, .done = done, .user = user};
  TRY(choose_shape(&w, e));
  arena *a = arena_new("answers");
  gpu_heap *heap = heap_new(l->device, "answers", GPU_MEMORY_DEVICE),
           *staging = heap_new(l->device, "host side of answers", GPU_MEMORY_STAGING);
  open_slots(a, &w);
  const bool ok = generator_new(a, l->model, l->device, heap, staging, &w.shape, &w.g, e) && run(&w, e);
  for (uint32_t i = 0; i < w.shape.slots; i++) writer_close(&w.slots[i].writer);
  generator_free(w.g);
  heap_free(heap);
  heap_free(staging);
  arena_free(a);
  return ok;
}
