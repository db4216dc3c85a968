#include "data/survey.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

// --- counts ------------------------------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void count_lengths(arena *a, const dataset *set, survey *s) {
  uint32_t *lengths = ARENA_ARRAY(a, uint32_t, set->n), *targets = ARENA_ARRAY(a, uint32_t, set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    uint32_t bucket = 0;
    while (bucket + 1 < SURVEY_LENGTHS && x->n >> (bucket + 1)) bucket++;
    s->lengths[bucket]++;
    s->n_tokens += x->n;
    s->n_targets += x->n_targets;
    lengths[i] = x->n;
    targets[i] = x->n_targets;
  }
  qsort(lengths, (size_t)set->n, sizeof *lengths, by_value);
  qsort(targets, (size_t)set->n, sizeof *targets, by_value);
  s->longest = lengths[set->n - 1];
  s->median_length = lengths[set->n / 2];
  s->fewest_targets = targets[0];
  s->median_targets = targets[set->n / 2];
  s->most_targets = targets[set->n - 1];
}

static int by_hash(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void count_duplicates(arena *a, const dataset *set, survey *s) {
  uint64_t *hashes = ARENA_ARRAY(a, uint64_t, set->n), passed = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    hashes[i] = x->plain ? x->plain->hash : x->hash;
    if (x->plain) dataset_passed(set, x, &passed);
  }
  qsort(hashes, (size_t)set->n, sizeof *hashes, by_hash);
  for (uint64_t i = 1; i < set->n; i++) s->duplicates += hashes[i] == hashes[i - 1];
}

static int by_task(const void *a, const void *b) {
  return strcmp((*(const example *const *)a)->origin->task, (*(const example *const *)b)->origin->task);
}

static void count_tasks(arena *a, const dataset *set, survey *s) {
  const example **order = ARENA_ARRAY(a, const example *, set->n);
  for (uint64_t i = 0; i < set->n; i++) order[i] = &set->items[i];
  qsort(order, (size_t)set->n, sizeof *order, by_task);
  s->tasks = ARENA_ARRAY(a, survey_task, set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    if (!i || strcmp(order[i]->origin->task, order[i - 1]->origin->task)) s->tasks[s->n_tasks++].name = order[i]->origin->task;
    survey_task *t = &s->tasks[s->n_tasks - 1];
    t->n++;
    t->n_tokens += order[i]->n;
    t->n_targets += order[i]->n_targets;
  }
}

// --- text that looks like control tokens -------------------------------------------------------------------------------

typedef struct controls {
  const char **names;
  uint32_t n;
} controls;

static controls list_controls(arena *a, const tokenizer *t) {
  const uint32_t size = tokenizer_vocab_size(t);
  controls c = {.names = ARENA_ARRAY(a, const char *, size)};
  for (uint32_t id = 0; id < size; id++)
    if (tokenizer_is_special(t, (int32_t)id) && strlen(tokenizer_content(t, (int32_t)id)) > 2)
      c.names[c.n++] = tokenizer_content(t, (int32_t)id);
  return c;
}

static const char *find_control(const controls *c, const char *plain) {
  for (uint32_t i = 0; i < c->n; i++)
    if (strstr(plain, c->names[i])) return c->names[i];
  return NULL;
}

// Text between control tokens is decoded, and must not spell one.
static bool look_for_controls(const dataset *set, const tokenizer *t, const controls *c, survey *s, err *e) {
  text plain = {0};
  uint64_t passed = 0;
  bool ok = true;
  for (uint64_t i = 0; ok && i < set->n; i++) {
    const example *x = &set->items[i];
    const char *found = NULL;
    for (uint32_t first = 0, end; ok && !found && first < x->n; first = end + 1) {
      for (end = first; end < x->n && !tokenizer_is_special(t, x->ids[end]); end++) continue;
      if (end == first) continue;
      text_clear(&plain);
      ok = tokenizer_decode(t, x->ids + first, end - first, false, &plain, e);
      if (ok && plain.length) found = find_control(c, plain.data);
    }
    dataset_passed(set, x, &passed);
    if (!found) continue;
    s->control_text++;
    if (!s->control_name) s->control_name = found;
  }
  text_free(&plain);
  return ok;
}

// "…<|endoftext|>", "…</s>": what other trainers' data carries as text.
static void look_for_end_markers(const dataset *set, survey *s) {
  uint64_t passed = 0;
  static const char *const markers[] = {"<|endoftext|>", "</s>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"};
  for (uint64_t i = 0; i < set->n; i++) {
    const size_t length = strlen(set->items[i].answer);
    dataset_passed(set, &set->items[i], &passed);
    for (size_t k = 0; k < sizeof markers / sizeof *markers; k++) {
      const size_t n = strlen(markers[k]);
      if (length < n || strcmp(set->items[i].answer + length - n, markers[k])) continue;
      s->end_markers++;
      if (!s->end_marker) s->end_marker = markers[k];
    }
  }
}

bool survey_make(arena *a, const dataset *set, const tokenizer *t, survey *s, err *e) {
  *s = (survey){.n = set->n};
  if (!set->n) return true;
  count_lengths(a, set, s);
  count_duplicates(a, set, s);
  count_tasks(a, set, s);
  look_for_end_markers(set, s);
  const controls c = list_controls(a, t);
  return look_for_controls(set, t, &c, s, e);
}
