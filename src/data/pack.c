// First-fit decreasing (Johnson, 1973): at most 11/9 of the fewest rows possible, and one more.
#include "data/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

typedef struct entry {
  const example *x;
  uint32_t place; // in the caller's list
  uint32_t row;
} entry;

static int by_index(const void *a, const void *b) {
  const entry *p = a, *q = b;
  if (p->x->index != q->x->index) return p->x->index < q->x->index ? -1 : 1;
  return p->place < q->place ? -1 : p->place > q->place;
}

static int by_length(const void *a, const void *b) {
  const entry *p = a, *q = b;
  if (p->x->n != q->x->n) return p->x->n > q->x->n ? -1 : 1;
  return by_index(a, b);
}

static uint32_t target_capacity(const pack_limits *limits) {
  return limits->targets ? limits->targets : limits->tokens;
}

static bool fits(const pack_row *row, const example *x, const pack_limits *limits) {
  return x->n <= limits->tokens - row->n_tokens && x->n_targets <= target_capacity(limits) - row->n_targets;
}

void pack_examples(arena *a, const example *const *examples, uint32_t n, const pack_limits *limits, bool packing, pack_row **rows,
                   uint32_t *n_rows) {
  entry *entries = ARENA_ARRAY(a, entry, n);
  for (uint32_t i = 0; i < n; i++) entries[i] = (entry){.x = examples[i], .place = i};
  if (packing && n) qsort(entries, n, sizeof *entries, by_length);

  pack_row *all = ARENA_ARRAY(a, pack_row, n);
  uint32_t used = 0;
  for (uint32_t i = 0; i < n; i++) {
    const example *x = entries[i].x;
    REQUIRE(x->n <= limits->tokens && x->n_targets <= target_capacity(limits),
            "example %u (%u tokens, %u targets) in rows of %u tokens and %u targets", x->index, x->n, x->n_targets,
            limits->tokens, target_capacity(limits));
    uint32_t row = packing ? 0 : used;
    while (row < used && !fits(&all[row], x, limits)) row++;
    used += row == used;
    entries[i].row = row;
    all[row].n++;
    all[row].n_tokens += x->n;
    all[row].n_targets += x->n_targets;
  }

  for (uint32_t row = 0; row < used; row++) {
    all[row].examples = ARENA_ARRAY(a, const example *, all[row].n);
    all[row].n = 0;
  }
  if (packing && n) qsort(entries, n, sizeof *entries, by_index);
  for (uint32_t i = 0; i < n; i++) {
    pack_row *row = &all[entries[i].row];
    row->examples[row->n++] = entries[i].x;
  }
  *rows = all;
  *n_rows = used;
}

// --- one row's arrays ---

packed_row pack_new_row(arena *a, const pack_limits *limits) {
  const uint64_t n = limits->tokens, t = target_capacity(limits);
  return (packed_row){.tokens = ARENA_ARRAY(a, int32_t, n),
                      .positions = ARENA_ARRAY(a, int32_t, n),
                      .key_ranges = ARENA_ARRAY(a, int32_t, 4 * n),
                      .rng_keys = ARENA_ARRAY(a, int32_t, 3 * n),
                      .target_rows = ARENA_ARRAY(a, int32_t, t),
                      .target_ids = ARENA_ARRAY(a, int32_t, t),
                      .target_weights = ARENA_ARRAY(a, float, t),
                      .inverse = ARENA_ARRAY(a, int32_t, n),
                      .embed_ids = ARENA_ARRAY(a, int32_t, n),
                      .embed_starts = ARENA_ARRAY(a, int32_t, n + 1),
                      .embed_positions = ARENA_ARRAY(a, int32_t, n),
                      .counts = ARENA_ARRAY(a, int32_t, 4)};
}

static void clear(const pack_limits *limits, packed_row *out) {
  size_t n = limits->tokens, t = target_capacity(limits), bytes = sizeof(int32_t);
  memset(out->tokens, 0, n * bytes);
  memset(out->positions, 0, n * bytes);
  memset(out->key_ranges, 0, 4 * n * bytes);
  if (out->window_ranges) memset(out->window_ranges, 0, 4 * n * bytes);
  memset(out->rng_keys, 0, 3 * n * bytes);
  memset(out->target_rows, 0, t * bytes);
  memset(out->target_ids, 0, t * bytes);
  memset(out->target_weights, 0, t * sizeof(float));
  memset(out->inverse, 0xFF, n * bytes);
  memset(out->embed_ids, 0, n * bytes);
  memset(out->embed_starts, 0, (n + 1) * bytes);
  memset(out->embed_positions, 0, n * bytes);
  if (out->place_ids) {
    memset(out->place_ids, 0, n * bytes);
    memset(out->place_starts, 0, (n + 1) * bytes);
    memset(out->place_positions, 0, n * bytes);
  }
  memset(out->counts, 0, 4 * bytes);
}

// What row o of an example at [begin, end) sees, and what sees it.
static void put_range(uint32_t begin, uint32_t end, uint32_t o, uint32_t window, int32_t range[4]) {
  const bool cut_keys = window && o + 1 - begin > window, cut_queries = window && end - o > window;
  range[0] = (int32_t)(cut_keys ? o + 1 - window : begin);
  range[1] = (int32_t)(o + 1);
  range[2] = (int32_t)o;
  range[3] = (int32_t)(cut_queries ? o + window : end);
}

// One example at row `begin`.
static void put_example(const example *x, uint32_t begin, uint32_t window, uint32_t epoch, packed_row *out) {
  for (uint32_t p = 0; p < x->n; p++) {
    uint32_t o = begin + p;
    out->tokens[o] = x->ids[p];
    out->positions[o] = (int32_t)p;
    put_range(begin, begin + x->n, o, out->window_ranges ? 0 : window, out->key_ranges + 4 * o);
    if (out->window_ranges) put_range(begin, begin + x->n, o, window, out->window_ranges + 4 * o);
    out->rng_keys[3 * o + 0] = (int32_t)x->index;
    out->rng_keys[3 * o + 1] = (int32_t)epoch;
    out->rng_keys[3 * o + 2] = (int32_t)p;
    if (p + 1 < x->n && x->target[p + 1]) {
      int32_t t = out->counts[1]++;
      out->target_rows[t] = (int32_t)o;
      out->target_ids[t] = x->ids[p + 1];
      out->target_weights[t] = x->weight;
      out->inverse[o] = t;
    }
  }
}

static int by_value(const void *a, const void *b) {
  const uint64_t *p = a, *q = b;
  return (*p > *q) - (*p < *q);
}

// Sorted by (id, position), which one number holds. Returns how many distinct ids there are.
static int32_t put_index(const int32_t *of, uint32_t n, int32_t *ids, int32_t *starts, int32_t *positions) {
  arena *a = arena_new("sorting a row's ids");
  uint64_t *keys = ARENA_ARRAY(a, uint64_t, n);
  for (uint32_t o = 0; o < n; o++) keys[o] = (uint64_t)of[o] << 32 | o;
  if (n) qsort(keys, n, sizeof *keys, by_value);
  int32_t distinct = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!i || keys[i] >> 32 != keys[i - 1] >> 32) {
      ids[distinct] = (int32_t)(keys[i] >> 32);
      starts[distinct++] = (int32_t)i;
    }
    positions[i] = (int32_t)(keys[i] & 0xFFFFFFFF);
  }
  starts[distinct] = (int32_t)n;
  arena_free(a);
  return distinct;
}

void pack_fill(const pack_row *row, const pack_limits *limits, uint32_t window, uint32_t epoch, packed_row *out) {
  REQUIRE(row->n_tokens <= limits->tokens && row->n_targets <= target_capacity(limits),
          "a row of %u tokens and %u targets in buffers of %u and %u", row->n_tokens, row->n_targets, limits->tokens,
          target_capacity(limits));
  clear(limits, out);
  uint32_t begin = 0;
  for (uint32_t i = 0; i < row->n; i++) {
    put_example(row->examples[i], begin, window, epoch, out);
    begin += row->examples[i]->n;
  }
  out->counts[0] = (int32_t)begin;
  out->counts[2] = put_index(out->tokens, begin, out->embed_ids, out->embed_starts, out->embed_positions);
  if (out->place_ids) out->counts[3] = put_index(out->positions, begin, out->place_ids, out->place_starts, out->place_positions);
}
