// Normalization form C (Unicode Standard Annex 15): each cluster of characters that may act on each other is decomposed,
// its marks ordered by combining class, and composed again.
#include <string.h>

#include "base/text.h"
#include "data/normalize.h"
#include "data/normalize_nfc_tables.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

// Hangul (Unicode Standard, section 3.12): syllable = (L · 21 + V) · 28 + T.
enum {
  HANGUL = 0xAC00,
  HANGUL_L = 0x1100,
  HANGUL_V = 0x1161,
  HANGUL_T = 0x11A7,
  HANGUL_LS = 19,
  HANGUL_VS = 21,
  HANGUL_TS = 28,
  HANGUL_SYLLABLES = HANGUL_LS * HANGUL_VS * HANGUL_TS
};

// Characters below are starters that do not compose with what is before them.
enum { FIRST_MARK = 0x300 };

// ---- the tables ----

static const struct nfc_decomposition *find_decomposition(uint32_t c) {
  size_t low = 0, high = COUNT(decompositions);
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (decompositions[middle].code < c) low = middle + 1;
    else high = middle;
  }
  return low < COUNT(decompositions) && decompositions[low].code == c ? &decompositions[low] : NULL;
}

static uint8_t combining_class(uint32_t c) {
  if (c < FIRST_MARK) return 0;
  size_t low = 0, high = COUNT(classes);
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (classes[middle].last < c) low = middle + 1;
    else high = middle;
  }
  return low < COUNT(classes) && classes[low].first <= c ? classes[low].combining : 0;
}

// The character that the pair composes to, 0 where there is none.
static uint32_t compose(uint32_t a, uint32_t b) {
  if (a - HANGUL_L < HANGUL_LS && b - HANGUL_V < HANGUL_VS)
    return HANGUL + ((a - HANGUL_L) * HANGUL_VS + (b - HANGUL_V)) * HANGUL_TS;
  if (a - HANGUL < HANGUL_SYLLABLES && (a - HANGUL) % HANGUL_TS == 0 && b > HANGUL_T && b < HANGUL_T + HANGUL_TS)
    return a + (b - HANGUL_T);
  size_t low = 0, high = COUNT(compositions);
  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct nfc_decomposition *d = &decompositions[compositions[middle]];
    if (d->first < a || (d->first == a && d->second < b)) low = middle + 1;
    else high = middle;
  }
  if (low == COUNT(compositions)) return 0;
  const struct nfc_decomposition *d = &decompositions[compositions[low]];
  return d->first == a && d->second == b ? d->code : 0;
}

// Whether a cluster begins at c, whatever stands before.
static bool begins_cluster(uint32_t c) {
  if (c < FIRST_MARK) return true;
  if (c >= HANGUL_V && c < HANGUL_T + HANGUL_TS) return false; // vowels and finals
  const struct nfc_decomposition *d = find_decomposition(c);
  if (d) return begins_cluster(d->first); // a precomposed one may take part by its first character
  for (size_t i = 0; i < COUNT(composing_starters); i++)
    if (composing_starters[i] == c) return false;
  return !combining_class(c);
}

// ---- a cluster ----

typedef struct character {
  uint32_t code;
  uint8_t combining;
} character;

typedef struct cluster {
  arena *memory;
  character *items, *ordered;
  uint64_t n, capacity, ordered_capacity;
} cluster;

static void put_decomposed(cluster *c, uint32_t code) {
  if (code - HANGUL < HANGUL_SYLLABLES) {
    uint32_t index = code - HANGUL;
    put_decomposed(c, HANGUL_L + index / (HANGUL_VS * HANGUL_TS));
    put_decomposed(c, HANGUL_V + index / HANGUL_TS % HANGUL_VS);
    if (index % HANGUL_TS) put_decomposed(c, HANGUL_T + index % HANGUL_TS);
    return;
  }
  const struct nfc_decomposition *d = find_decomposition(code);
  if (d) {
    put_decomposed(c, d->first); // at most a few levels: the table's own nesting
    if (d->second) put_decomposed(c, d->second);
    return;
  }
  void *items = c->items;
  arena_grow(c->memory, &items, &c->capacity, c->n + 1, sizeof *c->items);
  c->items = items;
  c->items[c->n++] = (character){.code = code, .combining = combining_class(code)};
}

// Orders items[from..to), all marks, by class, equals as they stand: counted, so that a long run takes no longer.
static void order_marks(cluster *c, uint64_t from, uint64_t to) {
  uint64_t starts[257] = {0};
  void *items = c->ordered;
  arena_grow(c->memory, &items, &c->ordered_capacity, to - from, sizeof *c->ordered);
  c->ordered = items;
  for (uint64_t i = from; i < to; i++) starts[c->items[i].combining + 1]++;
  for (int k = 0; k < 256; k++) starts[k + 1] += starts[k];
  for (uint64_t i = from; i < to; i++) c->ordered[starts[c->items[i].combining]++] = c->items[i];
  memcpy(c->items + from, c->ordered, (size_t)(to - from) * sizeof *c->items);
}

static void order(cluster *c) {
  for (uint64_t i = 0; i < c->n;) {
    uint64_t end = i;
    while (end < c->n && c->items[end].combining) end++;
    if (end - i > 1) order_marks(c, i, end);
    i = end + 1;
  }
}

// A character composes with the last starter unless one between them is of its class or higher, or a starter itself.
static void recompose(cluster *c) {
  uint64_t kept = 0, starter = 0;
  bool has_starter = false;
  for (uint64_t i = 0; i < c->n; i++) {
    character next = c->items[i];
    bool adjacent = has_starter && kept == starter + 1;
    bool blocked = !has_starter || (!adjacent && (!next.combining || c->items[kept - 1].combining >= next.combining));
    uint32_t composed = blocked ? 0 : compose(c->items[starter].code, next.code);
    if (composed) {
      c->items[starter].code = composed;
      continue;
    }
    if (!next.combining) starter = kept, has_starter = true;
    c->items[kept++] = next;
  }
  c->n = kept;
}

// ---- text ----

// The bytes of p[from..] that form one cluster.
static uint64_t cluster_bytes(const piece *p, uint64_t from) {
  uint64_t end = from;
  uint32_t code;
  do end += (uint64_t)utf8_decode(p->s + end, (size_t)(p->n - end), &code);
  while (end < p->n && utf8_decode(p->s + end, (size_t)(p->n - end), &code) && !begins_cluster(code));
  return end - from;
}

static void put_cluster(piece_builder *b, cluster *c, const piece *p, uint64_t from, uint64_t to) {
  text composed = {0};
  c->n = 0;
  for (uint64_t i = from; i < to;) {
    uint32_t code = 0;
    i += (uint64_t)utf8_decode(p->s + i, (size_t)(to - i), &code);
    put_decomposed(c, code);
  }
  order(c);
  recompose(c);
  for (uint64_t i = 0; i < c->n; i++) {
    char bytes[4];
    text_put(&composed, bytes, (size_t)utf8_encode(c->items[i].code, bytes));
  }
  bool same = composed.length == to - from && !memcmp(composed.data, p->s + from, composed.length);
  if (same) piece_copy(b, p, from, to);
  else piece_put(b, composed.data, composed.length, piece_begin(p, from), piece_end(p, to - 1));
  text_free(&composed);
}

piece normalize_nfc(arena *a, const piece *p) {
  uint64_t at = 0;
  while (at < p->n && (uint8_t)p->s[at] < 0xCC) at++; // UTF-8 of FIRST_MARK begins with 0xCC
  if (at == p->n) return *p;
  piece_builder b = {.memory = a};
  cluster c = {.memory = a};
  for (uint64_t i = 0; i < p->n;) {
    // Up to the next character that may begin a mark, all clusters are their first characters.
    uint64_t plain = i;
    while (plain < p->n && (uint8_t)p->s[plain] < 0xCC) plain++;
    // Unless the last is followed by a mark: then it belongs to that.
    if (plain < p->n && plain > i) {
      plain--;
      while (plain > i && ((uint8_t)p->s[plain] & 0xC0) == 0x80) plain--;
    }
    piece_copy(&b, p, i, plain);
    if (plain == p->n) break;
    i = plain + cluster_bytes(p, plain);
    put_cluster(&b, &c, p, plain, i);
  }
  return piece_built(&b);
}
