#include "crossval/part.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "crossval/shuffle.h"

static uint64_t key_of(const example *x) {
  const struct {
    uint64_t file, task, prompt, line;
  } key = {XXH3_64bits(x->origin->file, strlen(x->origin->file)), XXH3_64bits(x->origin->task, strlen(x->origin->task)),
           mixture_hash_prompt(x), x->line};
  return XXH3_64bits(&key, sizeof key);
}

static int by_value(const void *x, const void *y) {
  const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
  return a < b ? -1 : a > b;
}

part part_of(arena *a, const fold *f) {
  uint64_t *keys = ARENA_ARRAY(a, uint64_t, f->train.n), passed = 0;
  for (uint64_t i = 0; i < f->train.n; i++) {
    keys[i] = key_of(&f->train.items[i]);
    dataset_passed(&f->train, &f->train.items[i], &passed);
  }
  if (f->train.n) qsort(keys, (size_t)f->train.n, sizeof *keys, by_value);
  return (part){.keys = keys, .n = f->train.n, .valid = &f->valid, .eval = &f->eval};
}

static bool is_kept(void *user, const example *x) {
  const part *p = user;
  const uint64_t key = key_of(x);
  return p->n && bsearch(&key, p->keys, (size_t)p->n, sizeof key, by_value);
}

// The fold has seen to it already; what is trained on is looked at itself all the same.
static void change(void *user, arena *a, corpus *c) {
  part *p = user;
  p->leaked = mixture_drop_leaked(&c->train, p->eval);
  if (!p->keep_near) p->leaked += mixture_drop_near(&c->train, p->eval, FOLD_NEAR, NULL);
  p->examples = c->train.n;
  if (p->shuffled) p->own = c->train.n - shuffle_answers(a, &c->train, c->max_length, p->seed);
}

static bool read_part(void *user, arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                      const vkift_train_events *events, corpus *c, err *e) {
  part *p = user;
  const corpus_part rows = {.keep = is_kept, .change = change, .user = p, .eval = p->valid};
  return corpus_read_part(a, m, prompt, o, events, &rows, c, e);
}

corpus_source part_source(part *p) {
  return (corpus_source){.read = read_part, .user = p};
}
