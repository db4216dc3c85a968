#include "crossval/part.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "crossval/shuffle.h"

// Read again, and with augmentations, an example has other tokens, but it comes from the same row.
static uint64_t row_hash(const example *x) {
  return XXH3_64bits_withSeed(x->origin->file, strlen(x->origin->file), x->line);
}

static int by_value(const void *x, const void *y) {
  const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
  return a < b ? -1 : a > b;
}

part part_of(arena *a, const dataset *train, const dataset *valid) {
  uint64_t *rows = ARENA_ARRAY(a, uint64_t, train->n);
  for (uint64_t i = 0; i < train->n; i++) rows[i] = row_hash(&train->items[i]);
  qsort(rows, (size_t)train->n, sizeof *rows, by_value);
  return (part){.rows = rows, .n = train->n, .valid = valid};
}

static bool is_kept(void *user, const example *x) {
  const part *p = user;
  const uint64_t row = row_hash(x);
  return bsearch(&row, p->rows, (size_t)p->n, sizeof row, by_value);
}

static bool read_part(void *user, arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                      const vkift_train_events *events, corpus *c, err *e) {
  part *p = user;
  const corpus_part rows = {.keep = is_kept, .user = p, .eval = p->valid};
  TRY(corpus_read_part(a, m, prompt, o, events, &rows, c, e));
  if (p->shuffled) shuffle_answers(a, &c->train, c->max_length, p->seed);
  return true;
}

corpus_source part_source(part *p) {
  return (corpus_source){.read = read_part, .user = p};
}
