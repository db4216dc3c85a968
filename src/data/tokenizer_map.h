// A hash table from byte strings to ids, built once and then only read. Inside the tokenizer.
#ifndef DATA_TOKENIZER_MAP_H
#define DATA_TOKENIZER_MAP_H

#include "base/arena.h"

typedef struct map_entry {
  const char *key; // the caller's; NULL: a free place
  uint32_t length;
  uint32_t hash;
  int32_t id;
} map_entry;

typedef struct tokenizer_map {
  map_entry *entries; // a power of two, at most half of it taken
  uint64_t mask;
  uint32_t longest; // of the keys, in bytes
} tokenizer_map;

// For up to `n` keys.
void tokenizer_map_init(tokenizer_map *m, arena *a, uint64_t n);
// false where the key is already there; it keeps its id.
bool tokenizer_map_put(tokenizer_map *m, const char *key, uint64_t length, int32_t id);
int32_t tokenizer_map_get(const tokenizer_map *m, const char *key, uint64_t length); // −1 where there is none

#endif
