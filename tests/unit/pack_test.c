// Packing: every example once, rows within their limits, and arrays that say what the examples say.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/pack.h"

enum { MANY = 200, CAPACITY = 97 };

static void make_examples(arena *a, uint64_t seed, uint32_t n, example *examples, const example **list) {
  rng r = rng_new(seed, RNG_TEST);
  for (uint32_t i = 0; i < n; i++) {
    example *x = &examples[i];
    *x = (example){.index = n - 1 - i, .n = 2 + rng_below(&r, CAPACITY - 1), .weight = 0.5f + (float)rng_uniform(&r)};
    int32_t *ids = ARENA_ARRAY(a, int32_t, x->n);
    uint8_t *target = ARENA_ARRAY(a, uint8_t, x->n);
    x->ids = ids;
    x->target = target;
    for (uint32_t p = 0; p < x->n; p++) {
      ids[p] = (int32_t)rng_below(&r, 23);
      target[p] = p && rng_below(&r, 3) == 0;
      x->n_targets += x->target[p];
    }
    list[i] = x;
  }
}

static packed_row buffers(arena *a, const pack_limits *limits) {
  uint32_t n = limits->tokens, t = limits->targets ? limits->targets : n;
  packed_row out = pack_new_row(a, limits);
  memset(out.tokens, 0x55, n * sizeof(int32_t)); // what an earlier row left behind
  memset(out.target_rows, 0x55, t * sizeof(int32_t));
  memset(out.embed_starts, 0x55, (n + 1) * sizeof(int32_t));
  memset(out.inverse, 0x55, n * sizeof(int32_t));
  return out;
}

static void check_tokens(const pack_row *row, const pack_limits *limits, uint32_t window, const packed_row *out) {
  uint32_t o = 0, t = 0;
  for (uint32_t i = 0; i < row->n; i++) {
    const example *x = row->examples[i];
    uint32_t b = o, e = o + x->n;
    for (; o < e; o++) {
      assert_int_equal(out->tokens[o], x->ids[o - b]);
      assert_int_equal(out->positions[o], o - b);
      assert_int_equal(out->rng_keys[3 * o], x->index);
      assert_int_equal(out->rng_keys[3 * o + 1], 5);
      assert_int_equal(out->rng_keys[3 * o + 2], o - b);
      assert_int_equal(out->lengths[o], e - b);
      for (uint32_t k = 0; k < limits->tokens; k++) { // from the definition of causal, packed, sliding-window attention
        bool sees = k >= b && k <= o && (!window || o - k < window);
        bool seen = k >= o && k < e && (!window || k - o < window);
        assert_int_equal(out->key_ranges[4 * o] <= (int)k && (int)k < out->key_ranges[4 * o + 1], sees);
        assert_int_equal(out->key_ranges[4 * o + 2] <= (int)k && (int)k < out->key_ranges[4 * o + 3], seen);
      }
      bool predicts = o + 1 < e && x->target[o + 1 - b];
      assert_int_equal(out->inverse[o], predicts ? (int)t : -1);
      if (!predicts) continue;
      assert_int_equal(out->target_rows[t], o);
      assert_int_equal(out->target_ids[t], x->ids[o + 1 - b]);
      assert_true(out->target_weights[t++] == x->weight);
    }
  }
  assert_int_equal(out->counts[0], o);
  assert_int_equal(out->counts[1], t);
  assert_int_equal(out->counts[3], 0);
  assert_int_equal(row->n_tokens, o);
  assert_int_equal(row->n_targets, t);
  for (; o < limits->tokens; o++) {
    assert_int_equal(out->tokens[o], 0);
    assert_int_equal(out->inverse[o], -1);
    for (int c = 0; c < 4; c++) assert_int_equal(out->key_ranges[4 * o + (uint32_t)c], 0);
  }
  for (; t < (limits->targets ? limits->targets : limits->tokens); t++) assert_int_equal(out->target_rows[t], 0);
}

static void check_embedding_index(const packed_row *out, uint32_t capacity) {
  int32_t n = out->counts[0], distinct = out->counts[2], seen = 0;
  assert_int_equal(out->embed_starts[0], 0);
  assert_int_equal(out->embed_starts[distinct], n);
  for (int32_t i = 0; i < distinct; i++) {
    assert_true(!i || out->embed_ids[i - 1] < out->embed_ids[i]);
    assert_true(out->embed_starts[i] < out->embed_starts[i + 1]);
    for (int32_t k = out->embed_starts[i]; k < out->embed_starts[i + 1]; k++, seen++) {
      assert_int_equal(out->tokens[out->embed_positions[k]], out->embed_ids[i]);
      assert_true(k == out->embed_starts[i] || out->embed_positions[k - 1] < out->embed_positions[k]);
    }
  }
  assert_int_equal(seen, n); // ascending within an id, so distinct: all of them
  for (uint32_t i = (uint32_t)distinct + 1; i <= capacity; i++) assert_int_equal(out->embed_starts[i], 0);
}

static void every_example_stands_in_one_row(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 12; seed++) {
    arena *a = arena_new("test");
    example examples[MANY];
    const example *list[MANY];
    uint32_t n = 1 + (uint32_t)seed * 17, n_rows, tokens = 0;
    make_examples(a, seed, n, examples, list);
    pack_limits limits = {CAPACITY, seed % 2 ? 64 : 0};
    pack_row *rows;
    pack_examples(a, list, n, &limits, true, &rows, &n_rows);
    uint32_t seen[MANY] = {0};
    for (uint32_t r = 0; r < n_rows; r++) {
      assert_true(rows[r].n_tokens <= limits.tokens && (!limits.targets || rows[r].n_targets <= limits.targets));
      for (uint32_t i = 0; i < rows[r].n; i++) {
        seen[rows[r].examples[i]->index]++;
        assert_true(!i || rows[r].examples[i - 1]->index < rows[r].examples[i]->index);
      }
      packed_row out = buffers(a, &limits);
      uint32_t window = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 1 : 11;
      pack_fill(&rows[r], &limits, window, 5, &out);
      check_tokens(&rows[r], &limits, window, &out);
      // Of a model with a window in some layers: both.
      out.window_ranges = ARENA_ARRAY(a, int32_t, 4 * limits.tokens);
      pack_fill(&rows[r], &limits, window, 5, &out);
      check_tokens(&rows[r], &limits, 0, &out);
      out.key_ranges = out.window_ranges;
      check_tokens(&rows[r], &limits, window, &out);
      check_embedding_index(&out, limits.tokens);
    }
    for (uint32_t i = 0; i < n; i++) {
      assert_int_equal(seen[i], 1);
      tokens += examples[i].n;
    }
    assert_true(n_rows <= n);
    arena_free(a);
  }
}

static void rows_depend_on_the_examples_alone(void **state) {
  (void)state;
  arena *a = arena_new("test");
  example examples[60];
  const example *list[60], *reversed[60];
  make_examples(a, 3, 60, examples, list);
  for (int i = 0; i < 60; i++) reversed[i] = list[59 - i];
  pack_limits limits = {CAPACITY, 0};
  pack_row *rows, *others;
  uint32_t n, m;
  pack_examples(a, list, 60, &limits, true, &rows, &n);
  pack_examples(a, reversed, 60, &limits, true, &others, &m);
  assert_int_equal(n, m);
  for (uint32_t r = 0; r < n; r++) {
    assert_int_equal(rows[r].n, others[r].n);
    assert_memory_equal(rows[r].examples, others[r].examples, rows[r].n * sizeof *rows[r].examples);
  }
  arena_free(a);
}

// Two sequences of 3 and 4 tokens, and of 2 and 2.
static void both_answers_of_a_pair_stand_in_one_row_and_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  static const int32_t ids[] = {9, 8, 7, 9, 5, 4, 3};
  static const uint8_t target[] = {0, 0, 1, 0, 0, 1, 1}, short_target[] = {0, 1, 0, 1};
  static const float reference[][2] = {{-1.5f, -2.5f}, {-3, -4}};
  const example pairs[] = {
      {.ids = ids, .target = target, .n = 7, .n_targets = 3, .second = 3, .index = 0, .weight = 2, .reference = reference[0]},
      {.ids = ids,
       .target = short_target,
       .n = 4,
       .n_targets = 2,
       .second = 2,
       .index = 1,
       .weight = 1,
       .reference = reference[1]}};
  const example *list[] = {&pairs[0], &pairs[1]};
  const pack_limits limits = {.tokens = 12, .pairs = 3};
  pack_row *rows;
  uint32_t n;
  pack_examples(a, list, 2, &limits, true, &rows, &n);
  assert_int_equal(n, 1);
  packed_row out = pack_new_row(a, &limits);
  memset(out.pair_spans, 0x55, 12 * sizeof(int32_t));
  memset(out.answers, 0x55, 12 * sizeof(int32_t));
  pack_fill(&rows[0], &limits, 0, 5, &out);
  static const int32_t positions[] = {0, 1, 2, 0, 1, 2, 3, 0, 1, 0, 1}, begins[] = {0, 0, 0, 3, 3, 3, 3, 7, 7, 9, 9},
                       ends[] = {3, 3, 3, 7, 7, 7, 7, 9, 9, 11, 11}, keys[] = {0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3};
  for (int32_t o = 0; o < 11; o++) {
    assert_int_equal(out.positions[o], positions[o]);
    assert_int_equal(out.key_ranges[4 * o], begins[o]);
    assert_int_equal(out.key_ranges[4 * o + 1], o + 1);
    assert_int_equal(out.key_ranges[4 * o + 2], o);
    assert_int_equal(out.key_ranges[4 * o + 3], ends[o]);
    assert_int_equal(out.rng_keys[3 * o + 2], keys[o]); // the two draw other numbers
  }
  static const int32_t counts[] = {11, 5, 6, 2}, targets[] = {1, 4, 5, 7, 9}, answers[] = {0, 1, 1, 2, 3, 0},
                       spans[] = {0, 1, 3, 0, 3, 4, 5, 0, 0, 0, 0, 0};
  assert_memory_equal(out.counts, counts, sizeof counts);
  assert_memory_equal(out.target_rows, targets, sizeof targets);
  assert_memory_equal(out.answers, answers, sizeof answers);
  assert_memory_equal(out.pair_spans, spans, sizeof spans);
  assert_true(out.pair_weights[0] == 2 && out.pair_weights[1] == 1 && out.pair_weights[2] == 0);
  assert_memory_equal(out.pair_reference, reference, sizeof reference);
  // Where pairs are not asked for, they are apart all the same.
  const pack_limits plain = {.tokens = 12};
  packed_row other = pack_new_row(a, &plain);
  pack_fill(&rows[0], &plain, 0, 5, &other);
  assert_memory_equal(other.key_ranges, out.key_ranges, 48 * sizeof(int32_t));
  assert_int_equal(other.counts[3], 0);
  // A row has room for so many pairs only.
  const pack_limits few = {.tokens = 12, .pairs = 1};
  pack_examples(a, list, 2, &few, true, &rows, &n);
  assert_int_equal(n, 2);
  arena_free(a);
}

static void first_fit_decreasing_fills_gaps(void **state) {
  (void)state;
  arena *a = arena_new("test");
  uint32_t lengths[] = {3, 6, 4, 7, 5, 5};
  example examples[6];
  const example *list[6];
  for (uint32_t i = 0; i < 6; i++) {
    examples[i] = (example){.index = i, .n = lengths[i], .ids = ARENA_ARRAY(a, int32_t, 8), .target = ARENA_ARRAY(a, uint8_t, 8)};
    list[i] = &examples[i];
  }
  pack_limits limits = {10, 0};
  pack_row *rows;
  uint32_t n;
  pack_examples(a, list, 6, &limits, true, &rows, &n);
  assert_int_equal(n, 3); // 7+3, 6+4, 5+5
  for (uint32_t r = 0; r < 3; r++) assert_int_equal(rows[r].n_tokens, 10);
  assert_ptr_equal(rows[0].examples[0], &examples[0]);
  assert_ptr_equal(rows[0].examples[1], &examples[3]);
  pack_examples(a, list, 6, &limits, false, &rows, &n);
  assert_int_equal(n, 6);
  for (uint32_t r = 0; r < 6; r++) {
    assert_int_equal(rows[r].n, 1);
    assert_ptr_equal(rows[r].examples[0], &examples[r]);
  }
  pack_examples(a, list, 0, &limits, true, &rows, &n);
  assert_int_equal(n, 0);
  arena_free(a);
}

// Its number may be beyond the vocabulary, its place beyond a table of positions, and no length counts it.
static void a_label_is_no_token(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const uint8_t target[] = {0, 0, 0, 1};
  const example examples[] = {{.n = 4, .n_targets = 1, .ids = (const int32_t[]){7, 3, 9, 4000}, .target = target, .weight = 2},
                              {.n = 2, .n_targets = 1, .ids = (const int32_t[]){5, 1}, .target = target + 2, .weight = 1}};
  const example *list[] = {&examples[0], &examples[1]};
  const int32_t tokens[] = {7, 3, 9, 9, 5, 5}, positions[] = {0, 1, 2, 2, 0, 0}, lengths[] = {3, 3, 3, 3, 1, 1};
  const pack_limits limits = {.tokens = 8, .labels = true};
  const pack_row row = {.examples = list, .n = 2, .n_tokens = 6, .n_targets = 2};
  packed_row out = buffers(a, &limits);
  pack_fill(&row, &limits, 0, 0, &out);
  assert_memory_equal(out.tokens, tokens, sizeof tokens);
  assert_memory_equal(out.positions, positions, sizeof positions);
  assert_memory_equal(out.lengths, lengths, sizeof lengths);
  assert_true(out.target_rows[0] == 2 && out.target_ids[0] == 4000 && out.target_rows[1] == 4 && out.target_ids[1] == 1);
  assert_int_equal(out.counts[2], 4);
  check_embedding_index(&out, limits.tokens);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_example_stands_in_one_row),
      cmocka_unit_test(rows_depend_on_the_examples_alone),
      cmocka_unit_test(both_answers_of_a_pair_stand_in_one_row_and_apart),
      cmocka_unit_test(first_fit_decreasing_fills_gaps),
      cmocka_unit_test(a_label_is_no_token),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
