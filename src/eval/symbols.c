#include "eval/symbols.h"

#include <string.h>
#include <xxhash.h>

#include "base/unicode.h"

typedef struct symbol {
  const char *word;
  size_t length;
  uint64_t hash;
  uint32_t id; // 0: the place is free
} symbol;

// Open addressing, at most half full.
struct symbols {
  arena *memory;
  symbol *places;
  uint64_t mask;
  uint32_t n;
};

symbols *symbols_new(arena *a) {
  symbols *s = ARENA_NEW(a, symbols);
  *s = (symbols){.memory = a, .places = ARENA_ARRAY(a, symbol, 64), .mask = 63};
  return s;
}

static symbol *place_of(const symbols *s, uint64_t hash, const char *word, size_t length) {
  for (uint64_t at = hash & s->mask;; at = (at + 1) & s->mask) {
    symbol *p = &s->places[at];
    if (!p->id || (p->hash == hash && p->length == length && !memcmp(p->word, word, length))) return p;
  }
}

static void grow(symbols *s) {
  const symbol *old = s->places;
  const uint64_t n = s->mask + 1;
  s->places = ARENA_ARRAY(s->memory, symbol, 2 * n);
  s->mask = 2 * n - 1;
  for (uint64_t i = 0; i < n; i++)
    if (old[i].id) *place_of(s, old[i].hash, old[i].word, old[i].length) = old[i];
}

uint32_t symbols_id(symbols *s, const char *word, size_t length) {
  const uint64_t hash = XXH3_64bits(word, length);
  symbol *p = place_of(s, hash, word, length);
  if (p->id) return p->id;
  if (2 * ((uint64_t)s->n + 1) > s->mask) grow(s), p = place_of(s, hash, word, length);
  *p = (symbol){word, length, hash, ++s->n};
  return p->id;
}

void symbols_put(symbols *s, symbol_list *list, const char *word, size_t length) {
  arena_grow(s->memory, (void **)&list->items, &list->capacity, list->n + 1, sizeof *list->items);
  list->items[list->n++] = symbols_id(s, word, length);
}

symbol_list symbols_of_words(symbols *s, const char *words, size_t length) {
  symbol_list list = {0};
  const char *at = arena_strndup(s->memory, length ? words : "", length), *end = at + length, *word = at;
  while (at < end) {
    const char *here = at;
    if (!utf8_is_space(unicode_take(&at, end))) continue;
    if (here > word) symbols_put(s, &list, word, (size_t)(here - word));
    word = at;
  }
  if (end > word) symbols_put(s, &list, word, (size_t)(end - word));
  return list;
}
