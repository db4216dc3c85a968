#include "data/tokenizer_map.h"

#include <string.h>
#include <xxhash.h>

void tokenizer_map_init(tokenizer_map *m, arena *a, uint64_t n) {
  uint64_t size = 16;
  while (size < 2 * n) size *= 2;
  *m = (tokenizer_map){.entries = ARENA_ARRAY(a, map_entry, size), .mask = size - 1};
}

// The entry of the key, or the free place where it belongs.
static map_entry *place(const tokenizer_map *m, const char *key, uint64_t length, uint32_t hash) {
  uint64_t i = hash & m->mask;
  for (;; i = (i + 1) & m->mask) {
    map_entry *entry = &m->entries[i];
    if (!entry->key || (entry->hash == hash && entry->length == length && !memcmp(entry->key, key, (size_t)length))) return entry;
  }
}

bool tokenizer_map_put(tokenizer_map *m, const char *key, uint64_t length, int32_t id) {
  uint32_t hash = (uint32_t)XXH3_64bits(key, (size_t)length);
  map_entry *entry = place(m, key, length, hash);
  if (entry->key) return false;
  *entry = (map_entry){.key = key, .length = (uint32_t)length, .hash = hash, .id = id};
  if (length > m->longest) m->longest = (uint32_t)length;
  return true;
}

int32_t tokenizer_map_get(const tokenizer_map *m, const char *key, uint64_t length) {
  if (length > m->longest) return -1;
  const map_entry *entry = place(m, key, length, (uint32_t)XXH3_64bits(key, (size_t)length));
  return entry->key ? entry->id : -1;
}
