// Memory that is freed all at once. Every host object belongs to an arena named after its lifetime (process, model,
// graph, step). Memory comes zeroed. Running out of host memory ends the program with a message: sizes that come from
// files are checked against the file before they get here.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct arena arena;

arena *arena_new(const char *name);
void arena_free(arena *a); // NULL is fine

// What lives as long as the arena and is not its memory (a mapped file, say): `release` is called with it when the arena is
// freed, before its memory goes, the last one first.
void arena_at_end(arena *a, void (*release)(void *object), void *object);

// `bytes` zeroed bytes, aligned to 16. Never NULL.
void *arena_alloc(arena *a, uint64_t bytes);
// `count` objects of `bytes` each; the product is checked.
void *arena_array(arena *a, uint64_t count, uint64_t bytes);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (uint64_t)(count), sizeof(type)))

char *arena_strdup(arena *a, const char *text);
char *arena_strndup(arena *a, const char *text, size_t length); // ends with NUL; `text` may hold NULs
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
char *
arena_printf(arena *a, const char *format, ...);

uint64_t arena_bytes(const arena *a); // handed out so far

// Grows *items (of `bytes` each, `*capacity` allocated) so that `need` fit, doubling. The old block stays in the arena.
void arena_grow(arena *a, void **items, uint64_t *capacity, uint64_t need, uint64_t bytes);

// Checked arithmetic on sizes: false when the result does not fit.
#include <stdbool.h>
bool size_mul(uint64_t a, uint64_t b, uint64_t *product);
bool size_add(uint64_t a, uint64_t b, uint64_t *sum);

#endif
