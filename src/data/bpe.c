#include "data/bpe.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define BPE_FREE UINT64_MAX                     // no pair: ids are less than 2^20
static const char METASPACE[] = "\xE2\x96\x81"; // ▁

// Up to this many symbols the lowest rank is found by looking at all of them: there a heap only costs.
enum { SCAN_SYMBOLS = 48 };

// ---- the table of merges ----

static uint64_t pair_of(int32_t left, int32_t right) {
  return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static bpe_merge *merge_place(const bpe *m, uint64_t pair) {
  // Fibonacci hashing: the product's upper half depends on all bits of both ids.
  uint64_t i = (pair * 0x9E3779B97F4A7C15u >> 32) & m->merge_mask;
  while (m->merges[i].pair != pair && m->merges[i].pair != BPE_FREE) i = (i + 1) & m->merge_mask;
  return &m->merges[i];
}

// Looks up the merge of a symbol with its right neighbour.
static void rank_symbol(const bpe *m, bpe_symbol *left, const bpe_symbol *right, const uint8_t *barred) {
  const bpe_merge *merge = merge_place(m, pair_of(left->id, right->id));
  bool found = merge->pair != BPE_FREE && !(barred && barred[merge->result]);
  left->rank = found ? merge->rank : BPE_NO_RANK;
  left->merged = merge->result;
}

// ---- building ----

void bpe_init(bpe *m, arena *a, uint32_t n_ids, uint64_t n_tokens, uint64_t n_merges) {
  uint64_t size = 16;
  while (size < 2 * n_merges) size *= 2;
  m->merges = ARENA_ARRAY(a, bpe_merge, size);
  m->merge_mask = size - 1;
  m->n_ids = n_ids;
  for (uint64_t i = 0; i < size; i++) m->merges[i].pair = BPE_FREE;
  for (int i = 0; i < 256; i++) m->byte_id[i] = m->fallback_id[i] = -1;
  tokenizer_map_init(&m->words, a, n_tokens);
  m->whole = ARENA_ARRAY(a, uint8_t, n_ids);
}

void bpe_put_token(bpe *m, const char *word, uint64_t length, int32_t id) {
  tokenizer_map_put(&m->words, word, length, id);
  if (length == 1) m->byte_id[(uint8_t)word[0]] = id;
}

void bpe_put_merge(bpe *m, int32_t left, int32_t right, int32_t result, uint32_t rank) {
  uint64_t pair = pair_of(left, right);
  *merge_place(m, pair) = (bpe_merge){.pair = pair, .rank = rank, .result = result};
}

// Whether the word has a ▁ behind a character that is none.
static bool has_inner_metaspace(const char *word, uint64_t length) {
  for (uint64_t i = 0; i + 3 <= length; i++)
    if (!memcmp(word + i, METASPACE, 3) && i && (i < 3 || memcmp(word + i - 3, METASPACE, 3) != 0)) return true;
  return false;
}

void bpe_finish(bpe *m) {
  arena *scratch = arena_new("bpe");
  uint8_t *made = ARENA_ARRAY(scratch, uint8_t, m->n_ids); // by a merge
  for (uint64_t i = 0; i <= m->merge_mask; i++)
    if (m->merges[i].pair != BPE_FREE) made[m->merges[i].result] = 1;
  // Where unknown characters are left out, their neighbours merge: then what stands behind another is not known here.
  bool none_left_out = m->fallback || m->unk >= 0;
  m->cut_at_metaspace = none_left_out && !m->byte_level && tokenizer_map_get(&m->words, METASPACE, 3) >= 0;
  for (uint64_t i = 0; i <= m->words.mask; i++) {
    const map_entry *entry = &m->words.entries[i];
    if (entry->key && made[entry->id] && has_inner_metaspace(entry->key, entry->length)) m->cut_at_metaspace = false;
  }
  bpe_work work = {.memory = scratch};
  bool ignore_merges = m->ignore_merges;
  m->ignore_merges = false; // which would answer before any merge
  for (uint64_t i = 0; i <= m->words.mask; i++) {
    const map_entry *entry = &m->words.entries[i];
    if (!entry->key) continue;
    work.n = 0;
    bpe_encode(m, entry->key, entry->length, NULL, &work);
    m->whole[entry->id] = work.n == 1 && work.symbols[0].id == entry->id;
  }
  m->ignore_merges = ignore_merges;
  arena_free(scratch);
}

// ---- a word's first symbols ----

static void put_symbol(bpe_work *w, int32_t id, uint64_t begin, uint64_t end) {
  if (w->n == w->capacity) {
    void *items = w->symbols;
    arena_grow(w->memory, &items, &w->capacity, w->n + 1, sizeof *w->symbols);
    w->symbols = items;
  }
  w->symbols[w->n++] = (bpe_symbol){.id = id, .begin = (uint32_t)begin, .end = (uint32_t)end};
}

// The id of the character of `n` bytes, −1 where it is unknown.
static int32_t character_id(const bpe *m, const char *c, int n, const uint8_t *barred) {
  int32_t id = n == 1 ? m->byte_id[(uint8_t)*c] : tokenizer_map_get(&m->words, c, (uint64_t)n);
  return id >= 0 && barred && barred[id] ? -1 : id;
}

static void put_characters(const bpe *m, const char *word, uint64_t begin, uint64_t end, const uint8_t *barred, bpe_work *w) {
  bool after_unk = false;
  for (uint64_t i = begin; i < end;) {
    int n = m->byte_level ? 1 : utf8_decode(word + i, end - i, NULL);
    REQUIRE(n > 0, "byte %llu of a word is not UTF-8", (unsigned long long)i);
    int32_t id = character_id(m, word + i, n, barred);
    if (id >= 0) {
      put_symbol(w, id, i, i + (uint64_t)n);
    } else if (m->fallback) {
      for (int k = 0; k < n; k++)
        put_symbol(w, m->fallback_id[(uint8_t)word[i + (uint64_t)k]], i + (uint64_t)k, i + (uint64_t)k + 1);
    } else if (m->unk >= 0) {
      if (after_unk && m->fuse_unk) w->symbols[w->n - 1].end = (uint32_t)(i + (uint64_t)n);
      else put_symbol(w, m->unk, i, i + (uint64_t)n);
    }
    after_unk = id < 0 && !m->fallback;
    i += (uint64_t)n;
  }
}

// ---- merging ----

// s[0..n) to fewer symbols, by looking at all ranks for each merge: O(n²) with a small constant. Returns their number.
static uint64_t merge_by_scan(const bpe *m, bpe_symbol *s, uint64_t n, const uint8_t *barred) {
  for (;;) {
    uint64_t best = 0;
    for (uint64_t i = 1; i < n; i++)
      if (s[i].rank < s[best].rank) best = i;
    if (s[best].rank == BPE_NO_RANK) return n;
    s[best].id = s[best].merged;
    s[best].end = s[best + 1].end;
    memmove(&s[best + 1], &s[best + 2], (size_t)(n - best - 2) * sizeof *s);
    n--;
    if (best) rank_symbol(m, &s[best - 1], &s[best], barred);
    if (best + 1 < n) rank_symbol(m, &s[best], &s[best + 1], barred);
    else s[best].rank = BPE_NO_RANK;
  }
}

// The heap holds rank · 2^32 + position, smallest first: the lowest rank, of equal ones the leftmost.
static void heap_push(bpe_work *w, uint64_t value) {
  if (w->heap_n == w->heap_capacity) {
    void *items = w->heap;
    arena_grow(w->memory, &items, &w->heap_capacity, w->heap_n + 1, sizeof *w->heap);
    w->heap = items;
  }
  uint64_t i = w->heap_n++;
  for (uint64_t parent; i && w->heap[parent = (i - 1) / 2] > value; i = parent) w->heap[i] = w->heap[parent];
  w->heap[i] = value;
}

static uint64_t heap_pop(bpe_work *w) {
  uint64_t top = w->heap[0], last = w->heap[--w->heap_n], i = 0;
  for (uint64_t child; (child = 2 * i + 1) < w->heap_n; i = child) {
    if (child + 1 < w->heap_n && w->heap[child + 1] < w->heap[child]) child++;
    if (last <= w->heap[child]) break;
    w->heap[i] = w->heap[child];
  }
  w->heap[i] = last;
  return top;
}

static void push_rank(bpe_work *w, const bpe_symbol *s, uint32_t i) {
  if (s[i].rank != BPE_NO_RANK) heap_push(w, (uint64_t)s[i].rank << 32 | i);
}

// The same in O(n log n): symbols stay where they are, linked; an entry of the heap is stale where the symbol's rank has
// changed since.
static uint64_t merge_by_heap(const bpe *m, bpe_symbol *s, uint32_t n, const uint8_t *barred, bpe_work *w) {
  void *items = w->links;
  arena_grow(w->memory, &items, &w->links_capacity, 2 * (uint64_t)n, sizeof *w->links);
  w->links = items;
  uint32_t *previous = w->links, *next = w->links + n; // `n`: none
  w->heap_n = 0;
  for (uint32_t i = 0; i < n; i++) {
    previous[i] = i ? i - 1 : n;
    next[i] = i + 1;
    push_rank(w, s, i);
  }
  while (w->heap_n) {
    uint64_t top = heap_pop(w);
    uint32_t i = (uint32_t)top;
    if (s[i].rank != (uint32_t)(top >> 32)) continue;
    uint32_t gone = next[i], before = previous[i], after = next[gone];
    s[i].id = s[i].merged;
    s[i].end = s[gone].end;
    s[gone].rank = BPE_NO_RANK;
    s[gone].id = -1;
    next[i] = after;
    s[i].rank = BPE_NO_RANK;
    if (after < n) {
      previous[after] = i;
      rank_symbol(m, &s[i], &s[after], barred);
      push_rank(w, s, i);
    }
    if (before < n) {
      rank_symbol(m, &s[before], &s[i], barred);
      push_rank(w, s, before);
    }
  }
  uint64_t kept = 0;
  for (uint32_t i = 0; i < n; i = next[i]) s[kept++] = s[i];
  return kept;
}

// Tokens of word[begin..end), in which every pair may merge.
static void encode_part(const bpe *m, const char *word, uint64_t begin, uint64_t end, const uint8_t *barred, bpe_work *w) {
  int32_t id = tokenizer_map_get(&m->words, word + begin, end - begin);
  if (id >= 0 && m->whole[id] && !barred) {
    put_symbol(w, id, begin, end);
    return;
  }
  uint64_t first = w->n;
  put_characters(m, word, begin, end, barred, w);
  uint64_t n = w->n - first;
  if (n < 2) return;
  bpe_symbol *s = w->symbols + first;
  for (uint64_t i = 0; i + 1 < n; i++) rank_symbol(m, &s[i], &s[i + 1], barred);
  s[n - 1].rank = BPE_NO_RANK;
  w->n = first + (n <= SCAN_SYMBOLS ? merge_by_scan(m, s, n, barred) : merge_by_heap(m, s, (uint32_t)n, barred, w));
}

// Where the next ▁ begins that is behind another character; `length` where there is none.
static uint64_t next_cut(const char *word, uint64_t at, uint64_t length) {
  while (at + 3 <= length && !memcmp(word + at, METASPACE, 3)) at += 3;
  while (at < length) {
    const char *found = memchr(word + at, METASPACE[0], (size_t)(length - at));
    if (!found) return length;
    at = (uint64_t)(found - word);
    if (at + 3 <= length && !memcmp(found, METASPACE, 3)) return at;
    at++;
  }
  return length;
}

void bpe_encode(const bpe *m, const char *word, uint64_t length, const uint8_t *barred, bpe_work *w) {
  if (m->ignore_merges && length) {
    int32_t id = tokenizer_map_get(&m->words, word, length);
    if (id >= 0 && !(barred && barred[id])) {
      put_symbol(w, id, 0, length);
      return;
    }
  }
  for (uint64_t at = 0; at < length;) {
    uint64_t cut = m->cut_at_metaspace ? next_cut(word, at, length) : length;
    encode_part(m, word, at, cut, barred, w);
    at = cut;
  }
}
