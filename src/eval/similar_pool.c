// F1 = 2l / (n + m) with l the longest common subsequence of n and m tokens. Since l is at most the shorter's length, and at most
// the number of tokens that the other has too, texts that cannot be nearer than the nearest so far are not compared.
#include "eval/similar_pool.h"

#include <string.h>

#include "base/unicode.h"
#include "eval/lcs.h"
#include "eval/metric.h"
#include "eval/rouge.h"

typedef struct entry {
  const char *name;
  symbol_list tokens;
  bool other_script;
} entry;

struct similar_pool {
  arena *memory;
  symbols *symbols;
  entry *items; // [n]
  uint64_t n, capacity;
  // While one text is compared, its symbols are 1 to n_own, so that a comparison costs what the two are long, not what all are:
  uint32_t *own; // by symbol; 0: the text does not have it
  uint64_t own_capacity;
};

enum { FIRST_UNSPACED = 0x2E80, LAST_UNSPACED = 0x3FFFF, FIRST_HANGUL = 0xAC00, LAST_HANGUL = 0xD7A3 };

// Of scripts that put no blanks between words, and of Hangul, whose words carry their endings.
static bool is_unspaced(uint32_t c) {
  return c >= FIRST_UNSPACED && c <= LAST_UNSPACED && unicode_is_word(c);
}

static void put_token(symbols *s, symbol_list *list, const char *from, const char *to) {
  if (to > from) symbols_put(s, list, from, (size_t)(to - from));
}

symbol_list similar_pool_words(arena *a, symbols *s, const char *of) {
  symbol_list list = {0};
  text lower = {0};
  unicode_put_lower(&lower, of, strlen(of));
  const char *at = arena_strndup(a, lower.length ? lower.data : "", lower.length), *end = at + lower.length, *word = at;
  text_free(&lower);
  while (at < end) {
    const char *begin = at;
    const uint32_t c = unicode_take(&at, end);
    if (unicode_is_word(c) && !is_unspaced(c)) continue;
    put_token(s, &list, word, begin);
    if (is_unspaced(c)) put_token(s, &list, begin, at);
    word = at;
  }
  put_token(s, &list, word, end);
  return list;
}

static entry entry_of(arena *a, symbols *s, const char *of, const char *name) {
  uint64_t latin = 0, other = 0;
  metric_count_letters(of, &latin, &other);
  entry x = {.name = name, .other_script = other > latin};
  x.tokens = x.other_script ? similar_pool_words(a, s, of) : rouge_words(a, s, of, false);
  if (!x.tokens.n) x.tokens = symbols_of_words(s, arena_strdup(a, of), strlen(of));
  return x;
}

similar_pool *similar_pool_new(arena *a) {
  similar_pool *p = ARENA_NEW(a, similar_pool);
  *p = (similar_pool){.memory = a, .symbols = symbols_new(a)};
  return p;
}

void similar_pool_add(similar_pool *p, const char *of, const char *name) {
  arena_grow(p->memory, (void **)&p->items, &p->capacity, p->n + 1, sizeof *p->items);
  p->items[p->n++] = entry_of(p->memory, p->symbols, of, name);
}

static uint32_t *own_of(similar_pool *p, uint32_t symbol) {
  arena_grow(p->memory, (void **)&p->own, &p->own_capacity, (uint64_t)symbol + 1, sizeof *p->own);
  return &p->own[symbol];
}

static symbol_list number_own(arena *a, similar_pool *p, const symbol_list *x) {
  symbol_list own = {.items = ARENA_ARRAY(a, uint32_t, x->n), .n = x->n};
  uint32_t n = 0;
  for (uint64_t i = 0; i < x->n; i++) {
    uint32_t *number = own_of(p, x->items[i]);
    if (!*number) *number = ++n;
    own.items[i] = *number;
  }
  return own;
}

// The tokens of y that the text has too: no other is in a common subsequence.
static symbol_list shared_tokens(arena *a, similar_pool *p, const symbol_list *y) {
  symbol_list shared = {.items = ARENA_ARRAY(a, uint32_t, y->n)};
  for (uint64_t i = 0; i < y->n; i++) {
    const uint32_t number = *own_of(p, y->items[i]);
    if (number) shared.items[shared.n++] = number;
  }
  return shared;
}

static double f1(uint64_t common, uint64_t n, uint64_t m) {
  return common ? 2.0 * (double)common / (double)(n + m) : 0;
}

static double similarity(similar_pool *p, const symbol_list *own, const symbol_list *y, double beyond) {
  const uint64_t most = own->n < y->n ? own->n : y->n;
  if (f1(most, own->n, y->n) <= beyond) return 0;
  arena *a = arena_new("two texts");
  const symbol_list shared = shared_tokens(a, p, y);
  const bool could_be = shared.n && f1(shared.n, own->n, y->n) > beyond;
  const double found = could_be ? f1(lcs_length(a, own, &shared), own->n, y->n) : 0;
  arena_free(a);
  return found;
}

double similar_pool_nearest(similar_pool *p, const char *of, const char **name) {
  const entry x = entry_of(p->memory, p->symbols, of, NULL);
  arena *a = arena_new("a text among others");
  const symbol_list own = number_own(a, p, &x.tokens);
  double nearest = 0;
  *name = NULL;
  for (uint64_t i = 0; i < p->n; i++) {
    const entry *y = &p->items[i];
    const double found = y->other_script == x.other_script ? similarity(p, &own, &y->tokens, nearest) : 0;
    if (found > nearest) nearest = found, *name = y->name;
  }
  for (uint64_t i = 0; i < x.tokens.n; i++) *own_of(p, x.tokens.items[i]) = 0;
  arena_free(a);
  return nearest;
}
