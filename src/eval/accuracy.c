#include "eval/accuracy.h"

#include <stdlib.h>
#include <string.h>

#include "eval/answer.h"

enum { SLOTS = 16 };

typedef struct measuring {
  arena *memory;
  const loaded *loaded;
  const dataset *set;
  const vkift_eval_events *events;
  accuracy *out;
  uint64_t done;
} measuring;

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Without the white space at both ends.
static const char *trimmed(const char *s, size_t *length) {
  *length = strlen(s);
  while (*length && is_space(s[*length - 1])) --*length;
  for (; *length && is_space(*s); s++) --*length;
  return s;
}

static bool same(const char *a, const char *b) {
  size_t n, m;
  a = trimmed(a, &n);
  b = trimmed(b, &m);
  return n == m && !memcmp(a, b, n);
}

static bool ends(const void *of, int32_t id) {
  return loaded_is_end(of, id);
}

static bool answered(void *user, uint64_t index, const int32_t *ids, uint32_t n, err *e) {
  measuring *w = user;
  text decoded = {0};
  text_puts(&decoded, "");
  const bool ok = tokenizer_decode(w->loaded->model->tokenizer, ids, n, true, &decoded, e);
  accuracy_row *row = &w->out->rows[index];
  row->answer = arena_strndup(w->memory, decoded.data, decoded.length);
  row->correct = same(row->answer, w->set->items[index].answer);
  w->out->n_correct += row->correct;
  text_free(&decoded);
  w->done++;
  if (ok && w->events->should_stop && w->events->should_stop(w->events->user))
    return ERR(e, "stopped after %llu answers", (unsigned long long)w->done);
  return ok;
}

bool accuracy_measure(arena *a, const loaded *l, const dataset *set, uint32_t max_new_tokens, const vkift_eval_events *events,
                      accuracy *out, err *e) {
  answer_prompt *prompts = ARENA_ARRAY(a, answer_prompt, set->n);
  uint32_t longest = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (!x->prompt_n || !*x->answer)
      return ERR(e, "%s:%u: --accuracy: expected an example with a prompt and an answer", x->origin->file, x->line);
    prompts[i] = (answer_prompt){x->ids, x->prompt_n};
    if (longest < x->prompt_n) longest = x->prompt_n;
  }
  uint32_t context = l->model->config.max_positions;
  if (context - longest > max_new_tokens) context = longest + max_new_tokens; // examples are within the context
  const generator_options shape = generator_fit(l->model, l->device, SLOTS, context);
  if (shape.context <= longest) return ERR(e, "a prompt of %u tokens does not fit into this device's storage buffers", longest);
  *out = (accuracy){.rows = ARENA_ARRAY(a, accuracy_row, set->n)};
  gpu_heap *heap = heap_new(l->device, "answers", GPU_MEMORY_DEVICE),
           *staging = heap_new(l->device, "host side of answers", GPU_MEMORY_STAGING);
  const answer_options options = {.max_new_tokens = max_new_tokens};
  measuring w = {.memory = a, .loaded = l, .set = set, .events = events, .out = out};
  generator *g = NULL;
  const bool ok = generator_new(a, l->model, l->device, heap, staging, &shape, &g, e) &&
                  answer_all(g, &shape, prompts, set->n, &options, ends, l, answered, &w, e);
  generator_free(g);
  heap_free(heap);
  heap_free(staging);
  return ok;
}

// --- per cluster -------------------------------------------------------------------------------------------------------

typedef struct entry {
  const char *cluster, *expected;
  size_t length; // of `expected`, trimmed
  bool correct;
} entry;

static int by_cluster_and_answer(const void *a, const void *b) {
  const entry *x = a, *y = b;
  const int cluster = strcmp(x->cluster, y->cluster);
  if (cluster) return cluster;
  const size_t n = x->length < y->length ? x->length : y->length;
  const int order = memcmp(x->expected, y->expected, n);
  return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

static bool same_answer(const entry *a, const entry *b) {
  return a->length == b->length && !memcmp(a->expected, b->expected, a->length);
}

void accuracy_report(arena *a, const dataset *set, const accuracy *of, const vkift_eval_events *events) {
  entry *all = ARENA_ARRAY(a, entry, set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    all[i] = (entry){.cluster = set->items[i].origin->cluster, .correct = of->rows[i].correct};
    all[i].expected = trimmed(set->items[i].answer, &all[i].length);
  }
  qsort(all, (size_t)set->n, sizeof *all, by_cluster_and_answer);
  for (uint64_t first = 0, end; first < set->n; first = end) {
    vkift_cluster_score score = {.cluster = all[first].cluster};
    int64_t run = 0; // equal answers in a row, since they are sorted
    for (end = first; end < set->n && !strcmp(all[end].cluster, score.cluster); end++) {
      run = end > first && same_answer(&all[end], &all[end - 1]) ? run + 1 : 1;
      score.examples++;
      score.correct += all[end].correct;
      if (run <= score.frequent) continue;
      score.frequent = run;
      score.frequent_answer = arena_strndup(a, all[end].expected, all[end].length);
    }
    events->cluster(events->user, &score);
  }
}
