#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { BLOCK_BYTES = 1 << 16, ALIGNMENT = 16 };

typedef struct block {
  struct block *next;
  uint64_t used, size;
  // data follows, aligned to 16
} block;

typedef struct ending {
  struct ending *next;
  void (*release)(void *object);
  void *object;
} ending;

struct arena {
  const char *name;
  block *first;
  uint64_t bytes;
  ending *endings; // the last one first
};

static void out_of_memory(const char *name, uint64_t bytes) {
  fprintf(stderr, "vkift: out of host memory: %llu bytes for %s\n", (unsigned long long)bytes, name);
  exit(1);
}

arena *arena_new(const char *name) {
  arena *a = calloc(1, sizeof *a);
  if (!a) out_of_memory(name, sizeof *a);
  a->name = name;
  return a;
}

void arena_free(arena *a) {
  if (!a) return;
  for (const ending *x = a->endings; x; x = x->next) x->release(x->object);
  for (block *b = a->first, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

void arena_at_end(arena *a, void (*release)(void *object), void *object) {
  ending *x = ARENA_NEW(a, ending);
  *x = (ending){a->endings, release, object};
  a->endings = x;
}

static uint64_t round_up(uint64_t n) {
  return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *arena_alloc(arena *a, uint64_t bytes) {
  if (bytes > UINT64_MAX / 4) out_of_memory(a->name, bytes);
  uint64_t header = round_up(sizeof(block)), need = round_up(bytes ? bytes : 1);
  block *b = a->first;
  if (!b || b->size - b->used < need) {
    bool large = need > BLOCK_BYTES / 2; // gets a block of its own, behind the current one
    uint64_t size = large ? need : BLOCK_BYTES;
    block *fresh = header + size <= SIZE_MAX ? calloc(1, (size_t)(header + size)) : NULL;
    if (!fresh) out_of_memory(a->name, size);
    fresh->size = size;
    if (large && b) {
      fresh->next = b->next;
      b->next = fresh;
    } else {
      fresh->next = b;
      a->first = fresh;
    }
    b = fresh;
  }
  void *result = (char *)b + header + b->used;
  b->used += need;
  a->bytes += need;
  return result;
}

void *arena_array(arena *a, uint64_t count, uint64_t bytes) {
  uint64_t total;
  if (!size_mul(count, bytes, &total)) out_of_memory(a->name, UINT64_MAX);
  return arena_alloc(a, total);
}

char *arena_strndup(arena *a, const char *text, size_t length) {
  char *copy = arena_alloc(a, (uint64_t)length + 1);
  if (length) memcpy(copy, text, length);
  return copy;
}

char *arena_strdup(arena *a, const char *text) {
  return arena_strndup(a, text, strlen(text));
}

char *arena_printf(arena *a, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  REQUIRE(n >= 0, "format %s", format);
  char *text = arena_alloc(a, (uint64_t)n + 1);
  vsnprintf(text, (size_t)n + 1, format, again);
  va_end(again);
  return text;
}

uint64_t arena_bytes(const arena *a) {
  return a->bytes;
}

void arena_grow(arena *a, void **items, uint64_t *capacity, uint64_t need, uint64_t bytes) {
  if (need <= *capacity) return;
  uint64_t grown = *capacity ? *capacity : 16;
  while (grown < need) grown *= 2;
  void *fresh = arena_array(a, grown, bytes);
  if (*capacity) memcpy(fresh, *items, (size_t)(*capacity * bytes));
  *items = fresh;
  *capacity = grown;
}

bool size_mul(uint64_t a, uint64_t b, uint64_t *product) {
  if (a && b > UINT64_MAX / a) return false;
  *product = a * b;
  return true;
}

bool size_add(uint64_t a, uint64_t b, uint64_t *sum) {
  if (a > UINT64_MAX - b) return false;
  *sum = a + b;
  return true;
}
