// What a tokenizer does to a text before it is split, with the way back: every byte of the result knows which bytes of
// the input text it stands for. Inside the tokenizer.
#ifndef DATA_NORMALIZE_H
#define DATA_NORMALIZE_H

#include "base/arena.h"
#include "base/err.h"

// A stretch of text on its way through the tokenizer. UTF-8 throughout.
typedef struct piece {
  const char *s;
  uint64_t n;
  const uint32_t *begin, *end; // the input's bytes for each byte; NULL: byte i stands for the input's byte origin + i
  uint32_t origin;
} piece;

static inline uint32_t piece_begin(const piece *p, uint64_t i) {
  return p->begin ? p->begin[i] : p->origin + (uint32_t)i;
}
static inline uint32_t piece_end(const piece *p, uint64_t i) {
  return p->end ? p->end[i] : p->origin + (uint32_t)i + 1;
}
piece piece_slice(const piece *p, uint64_t from, uint64_t to); // from < to, or the empty piece
// [begin, end) of the input that p[from..to) stands for; from < to.
void piece_range(const piece *p, uint64_t from, uint64_t to, uint32_t *begin, uint32_t *end);

// A piece under construction.
typedef struct piece_builder {
  arena *memory;
  char *s;
  uint32_t *begin, *end;
  uint64_t n, capacity;
} piece_builder;

void piece_put(piece_builder *b, const char *bytes, uint64_t n, uint32_t begin, uint32_t end); // all stand for [begin, end)
void piece_copy(piece_builder *b, const piece *p, uint64_t from, uint64_t to);
piece piece_built(const piece_builder *b);

// p with `prefix` before it, which stands for the empty range where p begins. p is not empty.
piece piece_prepend(arena *a, const piece *p, const char *prefix, uint64_t n);
// Every `pattern` (not empty) becomes `content`, from left to right. p itself where there is none.
piece piece_replace(arena *a, const piece *p, const char *pattern, uint64_t pattern_n, const char *content, uint64_t content_n);

typedef enum normalize_kind { NORMALIZE_PREPEND, NORMALIZE_REPLACE, NORMALIZE_NFC } normalize_kind;

typedef struct normalize_step {
  normalize_kind kind;
  const char *pattern, *content; // REPLACE: both; PREPEND: content; else ""
} normalize_step;

typedef struct normalizer {
  normalize_step *steps;
  uint64_t n, capacity;
} normalizer;

// The result may share p's memory, and lives as long as p and the arena. An error where it would grow out of proportion.
bool normalize(const normalizer *m, arena *a, piece p, piece *out, err *e);

// Canonical composition (Unicode Standard Annex 15): normalize_nfc.c.
piece normalize_nfc(arena *a, const piece *p);

#endif
