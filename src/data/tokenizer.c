// From text to ids: the stages one after the other.
#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "data/tokenizer_parts.h"

static const uint64_t most_text_bytes = (uint64_t)1 << 31;

void token_list_put(token_list *l, token t) {
  if (l->n == l->capacity) {
    uint64_t capacity = l->capacity ? 2 * l->capacity : 64;
    token *items = capacity <= SIZE_MAX / sizeof *items ? realloc(l->items, (size_t)capacity * sizeof *items) : NULL;
    REQUIRE(items, "out of host memory: %llu tokens", (unsigned long long)capacity);
    l->items = items;
    l->capacity = capacity;
  }
  l->items[l->n++] = t;
}

void token_list_free(token_list *l) {
  free(l->items);
  *l = (token_list){0};
}

void tokenizer_free(tokenizer *t) {
  if (!t) return;
  for (uint64_t i = 0; i < t->pretokenizer.n; i++) regex_free(&t->pretokenizer.steps[i].pattern);
  regex_free(&t->word);
}

// ---- encoding ----

typedef struct encoder {
  const tokenizer *t;
  const uint8_t *content;
  token_list *out;
  pretokenize_run run;
  bpe_work work;
} encoder;

static bool touches_content(const encoder *c, const piece *p, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; i++)
    for (uint32_t k = piece_begin(p, i); k < piece_end(p, i); k++)
      if (c->content[k]) return true;
  return false;
}

// Merges alone can spell a control token too. Where content does, the word is merged again without those.
static bool bar_control(encoder *c, const piece *word, err *e) {
  bpe_work *w = &c->work;
  bool spelled = false;
  for (uint64_t i = 0; i < w->n && !spelled; i++)
    spelled = c->t->barred[w->symbols[i].id] && touches_content(c, word, w->symbols[i].begin, w->symbols[i].end);
  if (!spelled) return true;
  w->n = 0;
  bpe_encode(&c->t->model, word->s, word->n, c->t->barred, w);
  uint64_t covered = 0;
  for (uint64_t i = 0; i < w->n; i++) covered += w->symbols[i].end - w->symbols[i].begin;
  return covered == word->n ||
         ERR(e, "%s: the text at byte %u can only be written with a control token", c->t->path, piece_begin(word, 0));
}

static bool encode_word(void *context, const piece *word, err *e) {
  encoder *c = context;
  if (word->n > UINT32_MAX) return ERR(e, "%s: a word of %llu bytes", c->t->path, (unsigned long long)word->n);
  c->work.n = 0;
  bpe_encode(&c->t->model, word->s, word->n, NULL, &c->work);
  if (c->content) TRY(bar_control(c, word, e));
  for (uint64_t i = 0; i < c->work.n; i++) {
    const bpe_symbol *s = &c->work.symbols[i];
    token put = {.id = s->id};
    piece_range(word, s->begin, s->end, &put.begin, &put.end);
    put.last = put.end > put.begin ? put.end - 1 : put.begin;
    token_list_put(c->out, put);
  }
  return true;
}

static bool encode_normalized(encoder *c, const piece *p, err *e) {
  return pretokenize(&c->run, p, e);
}

// What lies between the added tokens of p goes on to the next stage.
static bool split_added(encoder *c, const added_matcher *m, const piece *p, bool (*next)(encoder *, const piece *, err *),
                        err *e) {
  added_cursor cursor = {0};
  for (;;) {
    uint64_t done = cursor.covered;
    added_match match;
    bool found;
    TRY(added_next(m, p, c->content, &c->t->word, &c->run.regex, &cursor, &found, &match, e));
    uint64_t end = found ? match.begin : p->n;
    if (done < end) {
      piece between = piece_slice(p, done, end);
      TRY(next(c, &between, e));
    }
    if (!found) return true;
    token put = {.id = match.token->id};
    if ((uint32_t)put.id >= c->t->n_ids)
      return ERR(e, "%s: the text has \"%.100s\", token %d, for which the model has no row", c->t->path, match.token->content,
                 (int)put.id);
    if (match.begin < match.end) {
      piece_range(p, match.begin, match.end, &put.begin, &put.end);
      put.last = piece_end(p, match.last) - 1;
    }
    token_list_put(c->out, put);
  }
}

static bool encode_raw(encoder *c, const piece *p, err *e) {
  piece normal;
  if (!normalize(&c->t->normalizer, c->run.memory, *p, &normal, e)) return err_prefix(e, "%s", c->t->path);
  return !normal.n || split_added(c, &c->t->normalized, &normal, encode_normalized, e);
}

bool tokenizer_encode(const tokenizer *t, const char *text_, uint64_t length, const uint8_t *content, bool add_special,
                      token_list *out, err *e) {
  size_t bad;
  if (length > most_text_bytes) return ERR(e, "expected a text of at most 2^31 bytes, found %llu", (unsigned long long)length);
  if (!utf8_valid(text_, (size_t)length, &bad)) return ERR(e, "the text is not valid UTF-8 at byte %zu", bad);
  arena *memory = arena_new("encoding");
  encoder c = {.t = t, .content = content, .out = out, .work = {.memory = memory}};
  c.run = (pretokenize_run){.steps = &t->pretokenizer, .memory = memory, .word = encode_word, .context = &c};
  uint64_t n_before = out->n;
  for (uint64_t i = 0; add_special && i < t->before.n; i++) token_list_put(out, (token){.id = t->before.ids[i]});
  piece whole = {.s = text_, .n = length};
  bool ok = split_added(&c, &t->raw, &whole, encode_raw, e);
  for (uint64_t i = 0; add_special && ok && i < t->after.n; i++) token_list_put(out, (token){.id = t->after.ids[i]});
  if (!ok) out->n = n_before;
  regex_work_free(&c.run.regex);
  arena_free(memory);
  return ok;
}

// ---- the vocabulary ----

uint32_t tokenizer_vocab_size(const tokenizer *t) {
  return t->n_ids;
}

static uint32_t needed_by(const id_list *l, uint32_t n) {
  for (uint64_t i = 0; i < l->n; i++)
    if ((uint32_t)l->ids[i] >= n) n = (uint32_t)l->ids[i] + 1;
  return n;
}

uint32_t tokenizer_fit(tokenizer *t, uint32_t n_rows) {
  const uint32_t needed = needed_by(&t->after, needed_by(&t->before, t->n_words));
  if (needed <= n_rows) t->n_rows = n_rows;
  if (needed <= n_rows && n_rows < t->n_ids) t->n_ids = n_rows;
  return needed;
}

int32_t tokenizer_id(const tokenizer *t, const char *content) {
  const int32_t id = tokenizer_map_get(&t->ids, content, strlen(content));
  return id >= 0 && (uint32_t)id < t->n_ids ? id : -1;
}

const char *tokenizer_content(const tokenizer *t, int32_t id) {
  return id >= 0 && (uint32_t)id < t->n_ids ? t->content[id] : NULL;
}

bool tokenizer_is_added(const tokenizer *t, int32_t id) {
  return id >= 0 && (uint32_t)id < t->n_ids && t->added_index[id] >= 0;
}

bool tokenizer_is_special(const tokenizer *t, int32_t id) {
  return tokenizer_is_added(t, id) && t->added[t->added_index[id]].special;
}

bool tokenizer_is_control(const tokenizer *t, int32_t id) {
  return tokenizer_is_added(t, id) && t->added[t->added_index[id]].control;
}

bool tokenizer_to_json(const tokenizer *t, text *out, err *e) {
  (void)e;
  text_put(out, t->source, (size_t)t->source_bytes);
  return true;
}
