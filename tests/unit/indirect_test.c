// Indirect dispatches (graph/indirect.h): the workgroups that the device counts are those that the live rows need, and what
// kernels compute by them is what they compute by all workgroups, bit by bit. One recording runs with one live count after the
// other, as in training.
#define _POSIX_C_SOURCE 200809L
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/indirect.h"
#include "ops/ops.h"

static const uint32_t POISON = 0x7fc00000; // NaN

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  graph *g;
  tensor *counts;
  gpu_recording *poison, *recording;
  rng random;
} fixture;

// With `disable` and `profile` added to what the lane says; NULL: nothing.
static fixture open_device(const char *disable, const char *profile) {
  static const char *const names[] = {"VKIFT_DISABLE", "VKIFT_DEVICE_PROFILE"};
  const char *const more[] = {disable, profile};
  fixture f = {.memory = arena_new("indirect dispatches"), .random = rng_new(7, RNG_TEST)};
  err e = {0};
  char *saved[2];
  for (int i = 0; i < 2; i++) {
    const char *old = getenv(names[i]);
    char list[300];
    saved[i] = old ? arena_strdup(f.memory, old) : NULL;
    snprintf(list, sizeof list, "%s,%s", old ? old : "", more[i] ? more[i] : "");
    setenv(names[i], list, 1);
  }
  if (!device_open(f.memory, getenv("VKIFT_DEVICE"), &f.device, &e)) fail_msg("%s", e.message);
  for (int i = 0; i < 2; i++) {
    if (saved[i]) setenv(names[i], saved[i], 1);
    else unsetenv(names[i]);
  }
  f.heap = heap_new(f.device, "indirect dispatches", GPU_MEMORY_DEVICE);
  f.counts = tensor_persistent(f.memory, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  if (!heap_alloc(f.heap, tensor_bytes(f.counts), &f.counts->memory, &e)) fail_msg("%s", e.message);
  f.g = graph_new(f.memory, "indirect", f.counts);
  return f;
}

static void close_device(fixture *f) {
  recording_free(f->poison);
  recording_free(f->recording);
  device_close(f->device);
  assert_int_equal(device_validation_messages(f->device), 0);
  arena_free(f->memory);
}

// width 0: one dimension.
static tensor *input(fixture *f, const char *name, dtype type, tensor_live live, uint32_t rows, uint32_t width) {
  tensor *t = tensor_persistent(f->memory, name, type, live, width ? 2 : 1, (uint32_t[]){rows, width});
  const uint64_t n = tensor_elements(t);
  err e = {0};
  float *v = ARENA_ARRAY(f->memory, float, n);
  int32_t *numbers = (int32_t *)(void *)v;
  for (uint64_t i = 0; i < n; i++) {
    if (type == DTYPE_I32) numbers[i] = (int32_t)(i % rows);
    else v[i] = (float)(2 * rng_uniform(&f->random) - 1);
  }
  if (!heap_alloc(f->heap, n * 4, &t->memory, &e) || !gpu_upload(f->device, t->memory, v, n * 4, &e)) fail_msg("%s", e.message);
  return t;
}

static void record(fixture *f) {
  graph_memory memory = {0};
  err e = {0};
  graph_plan_within(f->g, device_plan(f->device));
  graph_memory_add(&memory, f->g);
  if (!graph_memory_allocate(&memory, f->heap, &e)) fail_msg("%s", e.message);
  graph_bind_memory(f->g, &memory);
  f->poison = recording_new(f->device, "poison");
  f->recording = recording_new(f->device, "indirect");
  for (uint32_t c = 0; c < memory.n; c++) recording_fill(f->poison, memory.slices[c], POISON);
  if (!recording_end(f->poison, &e) || !graph_record(f->g, f->device, f->recording, &e) || !recording_end(f->recording, &e))
    fail_msg("%s", e.message);
}

static void run(fixture *f, uint32_t tokens, uint32_t targets) {
  const uint32_t counts[LIVE_COUNTS] = {tokens, targets};
  err e = {0};
  if (!gpu_upload(f->device, f->counts->memory, counts, sizeof counts, &e) ||
      !gpu_run(f->device, (gpu_recording *[]){f->poison, f->recording}, 2, &e))
    fail_msg("%s", e.message);
}

static uint32_t *read(fixture *f, const tensor *t) {
  uint32_t *words = arena_alloc(f->memory, tensor_bytes(t));
  err e = {0};
  if (!gpu_download(f->device, t->memory, words, tensor_bytes(t), &e)) fail_msg("%s", e.message);
  return words;
}

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

// Every dispatch of the table has exactly the workgroups that its live rows need. Returns how many are in it.
static uint32_t check_table(fixture *f, uint32_t tokens, uint32_t targets) {
  if (!f->g->group_counts) return 0;
  const struct live_groups *items = (const void *)read(f, f->g->group_counts);
  uint32_t n = 0;
  for (; n < INDIRECT_MOST && items[n].groups[0] != POISON; n++) {
    const struct live_groups *i = &items[n];
    assert_true(i->live == LIVE_TOKENS || i->live == LIVE_TARGETS);
    const uint32_t live = i->live == LIVE_TOKENS ? tokens : targets;
    const uint64_t rows = live > i->first ? least(live - i->first, i->rows) : 0;
    const uint64_t want = (uint64_t)ceil((double)(rows * i->per_row) / i->per_group);
    if (i->groups[i->along] != want)
      fail_msg("dispatch %u with %u live rows from %u on, %u for %u: %u workgroups, expected %u", n, live, i->first, i->per_row,
               i->per_group, i->groups[i->along], (uint32_t)want);
    for (uint32_t k = 0; k < 3; k++) assert_true(i->groups[k] <= 65535 && (k == i->along || i->groups[k]));
  }
  return n;
}

// --- the same bits ---------------------------------------------------------------------------------------------------------

enum { ROWS = 203, TARGETS = 47, WIDTH = 68, INNER = 36, VOCABULARY = 131, N_KEPT = 6, N_COUNTS = 5 };
static const uint32_t live_counts[N_COUNTS][2] = {
    {97, 23}, {0, 0}, {1, 1}, {ROWS, TARGETS}, {2, UINT32_MAX}}; // the last as where no count limits them

typedef struct outcome {
  uint32_t *kept[N_COUNTS][N_KEPT];
  uint64_t n[N_COUNTS][N_KEPT]; // live words
  uint32_t n_indirect;
} outcome;

static void build(fixture *f, tensor *kept[N_KEPT]) {
  graph *g = f->g;
  tensor *a = input(f, "a", DTYPE_F32, LIVE_TOKENS, ROWS, WIDTH), *b = input(f, "b", DTYPE_F32, LIVE_TOKENS, ROWS, WIDTH);
  kept[0] = op_add(g, a, b);
  kept[1] = op_swiglu(g, kept[0], b);
  kept[2] = op_rmsnorm(g, kept[1], input(f, "w", DTYPE_F32, LIVE_ALL, WIDTH, 0), 1e-5f);
  kept[3] = op_linear(g, kept[2], input(f, "inner", DTYPE_F32, LIVE_ALL, INNER, WIDTH), NULL);
  kept[4] = op_gather_rows(g, kept[3], input(f, "rows", DTYPE_I32, LIVE_TARGETS, TARGETS, 1), NULL);
  kept[5] = op_head_loss(g, kept[4], input(f, "head", DTYPE_F32, LIVE_ALL, VOCABULARY, INNER),
                         input(f, "ids", DTYPE_I32, LIVE_TARGETS, TARGETS, 1));
  for (int i = 0; i < N_KEPT; i++) kept[i]->keep = true;
}

static outcome compute(fixture *f) {
  outcome o = {.n_indirect = 0};
  tensor *kept[N_KEPT];
  build(f, kept);
  record(f);
  for (int c = 0; c < N_COUNTS; c++) {
    run(f, live_counts[c][0], live_counts[c][1]);
    o.n_indirect = check_table(f, live_counts[c][0], live_counts[c][1]);
    for (int i = 0; i < N_KEPT; i++) {
      o.kept[c][i] = read(f, kept[i]);
      o.n[c][i] = least(live_counts[c][kept[i]->live == LIVE_TARGETS], tensor_rows(kept[i])) * (uint64_t)tensor_row_size(kept[i]);
    }
  }
  return o;
}

// Whether the table has dispatches over rows that are not the first.
static bool later_rows(fixture *f) {
  const struct live_groups *items = (const void *)read(f, f->g->group_counts);
  for (uint32_t n = 0; n < INDIRECT_MOST && items[n].groups[0] != POISON; n++)
    if (items[n].first) return true;
  return false;
}

static void compare(const char *profile, bool windows) {
  fixture on = open_device(NULL, profile), off = open_device("indirect", profile);
  const outcome with = compute(&on), without = compute(&off);
  if (windows) assert_true(on.g->n_windows >= 3 && off.g->n_windows == on.g->n_windows);
  const char *why_off = device_plan(on.device)->why_off[GPU_FEATURE_INDIRECT];
  if (!why_off) {
    assert_true(with.n_indirect >= 5);
    assert_true(later_rows(&on) == windows);
  } else if (!strstr(why_off, "switched off by VKIFT_")) {
    fail_msg("indirect is off: %s", why_off);
  }
  assert_null(off.g->group_counts);
  assert_false(device_plan(off.device)->on[GPU_FEATURE_INDIRECT]);
  for (int c = 0; c < N_COUNTS; c++)
    for (int i = 0; i < N_KEPT; i++) {
      assert_int_equal(with.n[c][i], without.n[c][i]);
      assert_memory_equal(with.kept[c][i], without.kept[c][i], with.n[c][i] * 4);
      for (uint64_t k = 0; k < with.n[c][i] && c < N_COUNTS - 1; k++) assert_int_not_equal(with.kept[c][i][k], POISON);
    }
  close_device(&on);
  close_device(&off);
}

static void the_same_bits(void **state) {
  (void)state;
  compare(NULL, false);
}

static void the_same_bits_with_kernels_of_gpus(void **state) {
  (void)state;
  compare("is_cpu=0", false);
}

// 203 rows of 272 bytes in windows of 96: whole ones, ones that the live count cuts (after one row of 97), and empty ones.
static void the_same_bits_in_windows(void **state) {
  (void)state;
  compare("max_binding_bytes=29440", true);
}

// --- many ------------------------------------------------------------------------------------------------------------------

static void check_sum(fixture *f, const tensor *a, const tensor *b, const tensor *sum, uint32_t live) {
  const float *x = (const void *)read(f, a), *y = (const void *)read(f, b), *z = (const void *)read(f, sum);
  const uint64_t width = tensor_row_size(sum);
  for (uint64_t i = 0; i < live * width; i++)
    if (z[i] != x[i] + y[i]) fail_msg("element %llu with %u live rows: %g", (unsigned long long)i, live, (double)z[i]);
  for (uint64_t i = live * width; i < tensor_elements(sum); i++) assert_true(isnan(z[i]));
}

// A grid has two dimensions where one cannot hold all workgroups; this kernel takes one for a row.
static void more_than_65535_workgroups(void **state) {
  (void)state;
  enum { MANY = 70001, WIDE = 4 };
  static const uint32_t live[] = {0, 1, 34999, 65537, MANY};
  fixture f = open_device(NULL, NULL);
  tensor *a = input(&f, "a", DTYPE_F32, LIVE_TOKENS, MANY, WIDE), *b = input(&f, "b", DTYPE_F32, LIVE_TOKENS, MANY, WIDE);
  tensor *sum, *w = input(&f, "w", DTYPE_F32, LIVE_ALL, 1, WIDE);
  op_add_rmsnorm(f.g, a, b, w, 1e-5f, &sum);
  sum->keep = true;
  record(&f);
  for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
    run(&f, live[i], 0);
    assert_int_equal(check_table(&f, live[i], 0), f.g->group_counts ? 1 : 0);
    check_sum(&f, a, b, sum, live[i]);
  }
  close_device(&f);
}

// What does not fit into the table has all workgroups.
static void more_dispatches_than_the_table_has(void **state) {
  (void)state;
  enum { MORE = INDIRECT_MOST + 9, FEW = 17, LIVE = 5 };
  fixture f = open_device(NULL, NULL);
  tensor *a[MORE], *b[MORE], *sum[MORE];
  for (uint32_t i = 0; i < MORE; i++) {
    a[i] = input(&f, "a", DTYPE_F32, LIVE_TOKENS, FEW, i + 8);
    b[i] = input(&f, "b", DTYPE_F32, LIVE_TOKENS, FEW, i + 8);
    sum[i] = op_add(f.g, a[i], b[i]);
    sum[i]->keep = true;
  }
  record(&f);
  run(&f, LIVE, 0);
  assert_int_equal(check_table(&f, LIVE, 0), f.g->group_counts ? INDIRECT_MOST : 0);
  for (uint32_t i = 0; i < MORE; i++) check_sum(&f, a[i], b[i], sum[i], LIVE);
  close_device(&f);
}

// Rows that no count limits need no table.
static void nothing_live(void **state) {
  (void)state;
  fixture f = open_device(NULL, NULL);
  tensor *a = input(&f, "a", DTYPE_F32, LIVE_ALL, 300, 8), *sum = op_add(f.g, a, a);
  sum->keep = true;
  record(&f);
  assert_null(f.g->group_counts);
  run(&f, 0, 0);
  check_sum(&f, a, a, sum, 300);
  close_device(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_bits),
                                     cmocka_unit_test(the_same_bits_with_kernels_of_gpus),
                                     cmocka_unit_test(the_same_bits_in_windows),
                                     cmocka_unit_test(more_than_65535_workgroups),
                                     cmocka_unit_test(more_dispatches_than_the_table_has),
                                     cmocka_unit_test(nothing_live)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
