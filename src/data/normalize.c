#include "data/normalize.h"

#include <string.h>

piece piece_slice(const piece *p, uint64_t from, uint64_t to) {
  return (piece){.s = p->s + from,
                 .n = to - from,
                 .begin = p->begin ? p->begin + from : NULL,
                 .end = p->end ? p->end + from : NULL,
                 .origin = p->origin + (uint32_t)from};
}

void piece_range(const piece *p, uint64_t from, uint64_t to, uint32_t *begin, uint32_t *end) {
  *begin = piece_begin(p, from);
  *end = piece_end(p, to - 1);
}

static void reserve(piece_builder *b, uint64_t more) {
  uint64_t need = b->n + more, capacity;
  if (need <= b->capacity) return;
  void *items = b->s;
  capacity = b->capacity;
  arena_grow(b->memory, &items, &capacity, need, sizeof *b->s);
  b->s = items;
  items = b->begin, capacity = b->capacity;
  arena_grow(b->memory, &items, &capacity, need, sizeof *b->begin);
  b->begin = items;
  items = b->end, capacity = b->capacity;
  arena_grow(b->memory, &items, &capacity, need, sizeof *b->end);
  b->end = items;
  b->capacity = capacity;
}

void piece_put(piece_builder *b, const char *bytes, uint64_t n, uint32_t begin, uint32_t end) {
  reserve(b, n);
  if (n) memcpy(b->s + b->n, bytes, (size_t)n);
  for (uint64_t i = b->n; i < b->n + n; i++) b->begin[i] = begin, b->end[i] = end;
  b->n += n;
}

void piece_copy(piece_builder *b, const piece *p, uint64_t from, uint64_t to) {
  uint64_t n = to - from;
  reserve(b, n);
  if (n) memcpy(b->s + b->n, p->s + from, (size_t)n);
  for (uint64_t i = 0; i < n; i++) b->begin[b->n + i] = piece_begin(p, from + i), b->end[b->n + i] = piece_end(p, from + i);
  b->n += n;
}

piece piece_built(const piece_builder *b) {
  return (piece){.s = b->s, .n = b->n, .begin = b->begin, .end = b->end};
}

piece piece_prepend(arena *a, const piece *p, const char *prefix, uint64_t n) {
  piece_builder b = {.memory = a};
  reserve(&b, n + p->n);
  uint32_t start = piece_begin(p, 0);
  piece_put(&b, prefix, n, start, start);
  piece_copy(&b, p, 0, p->n);
  return piece_built(&b);
}

// Where the pattern next begins at or behind `from`; p->n where it does not.
static uint64_t find(const piece *p, uint64_t from, const char *pattern, uint64_t n) {
  while (from + n <= p->n) {
    const char *first = memchr(p->s + from, pattern[0], (size_t)(p->n - n + 1 - from));
    if (!first) break;
    from = (uint64_t)(first - p->s);
    if (!memcmp(first, pattern, (size_t)n)) return from;
    from++;
  }
  return p->n;
}

static uint64_t count(const piece *p, const char *pattern, uint64_t n) {
  uint64_t total = 0;
  for (uint64_t at = find(p, 0, pattern, n); at < p->n; at = find(p, at + n, pattern, n)) total++;
  return total;
}

piece piece_replace(arena *a, const piece *p, const char *pattern, uint64_t pattern_n, const char *content, uint64_t content_n) {
  uint64_t matches = count(p, pattern, pattern_n), at = 0;
  if (!matches) return *p;
  piece_builder b = {.memory = a};
  reserve(&b, p->n - matches * pattern_n + matches * content_n);
  for (uint64_t found; (found = find(p, at, pattern, pattern_n)) < p->n;) {
    piece_copy(&b, p, at, found);
    at = found + pattern_n;
    piece_put(&b, content, content_n, piece_begin(p, found), piece_end(p, at - 1));
  }
  piece_copy(&b, p, at, p->n);
  return piece_built(&b);
}

// The size after a step, before anything is made.
static uint64_t size_after(const normalize_step *step, const piece *p) {
  if (step->kind == NORMALIZE_NFC) return p->n; // normalize_nfc grows at most threefold (UAX 15), once
  uint64_t n = strlen(step->content), pattern_n = strlen(step->pattern);
  if (step->kind == NORMALIZE_PREPEND) return p->n + n;
  uint64_t matches = count(p, step->pattern, pattern_n);
  return p->n - matches * pattern_n + matches * n;
}

bool normalize(const normalizer *m, arena *a, piece p, piece *out, err *e) {
  // A file could ask for ever longer texts; real normalisers at most treble one.
  uint64_t most = 8 * p.n + 4096;
  for (uint64_t i = 0; i < m->n && p.n; i++) {
    const normalize_step *step = &m->steps[i];
    uint64_t size = size_after(step, &p);
    if (size > most || size > UINT32_MAX)
      return ERR(e, "the normalizer makes %llu bytes of text out of a piece of fewer than %llu", (unsigned long long)size,
                 (unsigned long long)most);
    uint64_t n = strlen(step->content), pattern_n = strlen(step->pattern);
    switch (step->kind) {
      case NORMALIZE_PREPEND: p = piece_prepend(a, &p, step->content, n); break;
      case NORMALIZE_REPLACE: p = piece_replace(a, &p, step->pattern, pattern_n, step->content, n); break;
      case NORMALIZE_NFC: p = normalize_nfc(a, &p); break;
    }
  }
  *out = p;
  return true;
}
