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
  return x->n <= limits->tokens - row->n_tokens && x->n_targets <= target_capacity(limits) - row->n_targets &&
         (!limits->pairs || row->n < limits->pairs);
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
                      .lengths = ARENA_ARRAY(a, int32_t, n),
                      .target_rows = ARENA_ARRAY(a, int32_t, t),
                      .target_ids = ARENA_ARRAY(a, int32_t, t),
                      .target_weights = ARENA_ARRAY(a, float, t),
                      .inverse = ARENA_ARRAY(a, int32_t, n),
                      .embed_ids = ARENA_ARRAY(a, int32_t, n),
                      .embed_starts = ARENA_ARRAY(a, int32_t, n + 1),
                      .embed_positions = ARENA_ARRAY(a, int32_t, n),
                      .pair_spans = ARENA_ARRAY(a, int32_t, 4 * (uint64_t)limits->pairs),
                      .answers = ARENA_ARRAY(a, int32_t, limits->pairs ? t : 0),
                      .pair_reference = ARENA_ARRAY(a, float, 2 * (uint64_t)limits->pairs),
                      .pair_weights = ARENA_ARRAY(a, float, limits->pairs),
                      .counts = ARENA_ARRAY(a, int32_t, PACK_COUNTS)};
}

static void clear(const pack_limits *limits, packed_row *out) {
  size_t n = limits->tokens, t = target_capacity(limits), bytes = sizeof(int32_t);
  memset(out->tokens, 0, n * bytes);
  memset(out->positions, 0, n * bytes);
  memset(out->key_ranges, 0, 4 * n * bytes);
  if (out->window_ranges) memset(out->window_ranges, 0, 4 * n * bytes);
  memset(out->rng_keys, 0, 3 * n * bytes);
  memset(out->lengths, 0, n * bytes);
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
  memset(out->counts, 0, PACK_COUNTS * bytes);
  if (!limits->pairs) return;
  memset(out->pair_spans, 0, 4 * limits->pairs * bytes);
  memset(out->answers, 0, t * bytes);
  memset(out->pair_reference, 0, 2 * limits->pairs * sizeof(float));
  memset(out->pair_weights, 0, limits->pairs * sizeof(float));
}

// What row o of a sequence at [begin, end) sees, and what sees it.
static void put_range(uint32_t begin, uint32_t end, uint32_t o, uint32_t window, int32_t range[4]) {
  const bool cut_keys = window && o + 1 - begin > window, cut_queries = window && end - o > window;
  range[0] = (int32_t)(cut_keys ? o + 1 - window : begin);
  range[1] = (int32_t)(o + 1);
  range[2] = (int32_t)o;
  range[3] = (int32_t)(cut_queries ? o + window : end);
}

// Tokens [from, to) of an example, which see each other alone, from row `begin` on.
static void put_sequence(const example *x, uint32_t from, uint32_t to, uint32_t begin, uint32_t window, uint32_t epoch,
                         packed_row *out) {
  const uint32_t n = to - from;
  for (uint32_t p = 0; p < n; p++) {
    const uint32_t o = begin + p, at = from + p;
    out->tokens[o] = x->ids[at];
    out->positions[o] = (int32_t)p;
    put_range(begin, begin + n, o, out->window_ranges ? 0 : window, out->key_ranges + 4 * o);
    if (out->window_ranges) put_range(begin, begin + n, o, window, out->window_ranges + 4 * o);
    out->rng_keys[3 * o + 0] = (int32_t)x->index;
    out->rng_keys[3 * o + 1] = (int32_t)epoch;
    out->rng_keys[3 * o + 2] = (int32_t)at;
    out->lengths[o] = (int32_t)n;
    if (p + 1 < n && x->target[at + 1]) {
      int32_t t = out->counts[1]++;
      out->target_rows[t] = (int32_t)o;
      out->target_ids[t] = x->ids[at + 1];
      out->target_weights[t] = x->weight;
      out->inverse[o] = t;
    }
  }
}

// Both answers of a pair, and where their targets are.
static void put_pair(const example *x, uint32_t begin, uint32_t window, uint32_t epoch, packed_row *out) {
  const int32_t i = out->counts[3]++;
  int32_t *span = out->pair_spans + 4 * i;
  span[0] = out->counts[1];
  put_sequence(x, 0, x->second, begin, window, epoch, out);
  span[1] = out->counts[1];
  put_sequence(x, x->second, x->n, begin + x->second, window, epoch, out);
  span[2] = out->counts[1];
  for (int32_t t = span[0]; t < span[2]; t++) out->answers[t] = 2 * i + (t >= span[1]);
  out->pair_weights[i] = x->weight;
  for (int32_t k = 0; k < 2; k++) out->pair_reference[2 * i + k] = x->reference ? x->reference[k] : 0;
}

// One example at row `begin`.
static void put_example(const example *x, const pack_limits *limits, uint32_t begin, uint32_t window, uint32_t epoch,
                        packed_row *out) {
  if (x->second && limits->pairs) {
    put_pair(x, begin, window, epoch, out);
    return;
  }
  const uint32_t first = x->second ? x->second : x->n;
  put_sequence(x, 0, first, begin, window, epoch, out);
  put_sequence(x, first, x->n, begin + first, window, epoch, out);
}

// Nobody looks at a label's row, but what it holds is computed: a number beyond the vocabulary, or a place beyond the table of
// positions, would leave anything there.
static void hide_label(uint32_t begin, uint32_t end, packed_row *out) {
  const uint32_t last = end - 1;
  out->tokens[last] = out->tokens[last - 1];
  out->positions[last] = out->positions[last - 1];
  for (uint32_t o = begin; o < end; o++) out->lengths[o] = (int32_t)(last - begin);
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
    const uint32_t end = begin + row->examples[i]->n;
    put_example(row->examples[i], limits, begin, window, epoch, out);
    if (limits->labels && end - begin > 1) hide_label(begin, end, out);
    begin = end;
  }
  out->counts[0] = (int32_t)begin;
  out->counts[2] = put_index(out->tokens, begin, out->embed_ids, out->embed_starts, out->embed_positions);
  if (out->place_ids) out->counts[4] = put_index(out->positions, begin, out->place_ids, out->place_starts, out->place_positions);
}
