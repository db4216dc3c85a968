// Words as numbers: equal words have equal numbers, from 1 on.
#ifndef EVAL_SYMBOLS_H
#define EVAL_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct symbols symbols;

symbols *symbols_new(arena *a);
uint32_t symbols_id(symbols *s, const char *word, size_t length); // the word must live as long as the arena

typedef struct symbol_list {
  uint32_t *items;
  uint64_t n, capacity;
} symbol_list;

// The words of words[0..length), between which there is white space (Python's str.split).
symbol_list symbols_of_words(symbols *s, const char *words, size_t length);
void symbols_put(symbols *s, symbol_list *list, const char *word, size_t length);

#endif
