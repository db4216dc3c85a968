// Checkpoints: every number comes back, damage of any byte is found, and rotation leaves what is not its own.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/rng.h"
#include "train/checkpoint.h"

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  params params;
  const char *dir;
} fixture;

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

static params make_params(arena *a, gpu_heap *heap, uint32_t rows) {
  params p;
  err e = {0};
  params_init(&p, a);
  params_add(&p, "norm", 1, (uint32_t[]){13});
  params_add(&p, "first", 2, (uint32_t[]){rows, 31}); // 2 blocks
  params_add(&p, "second", 2, (uint32_t[]){3, 5});
  params_layout(&p, 2 * GRAD_BLOCK * 4); // in several regions
  assert_int_equal(p.n_regions, 2);
  if (!params_allocate(&p, heap, true, &e)) fail_with(&e);
  return p;
}

static int open_all(void **state) {
  static fixture f;
  err e = {0};
  f.memory = arena_new("checkpoints");
  if (!device_open(f.memory, getenv("VKIFT_DEVICE"), &f.device, &e)) {
    print_message("%s\n", e.message);
    return -1;
  }
  f.heap = heap_new(f.device, "checkpoints", GPU_MEMORY_DEVICE);
  f.params = make_params(f.memory, f.heap, 50);
  f.dir = test_path(test_directory(), "checkpoints");
  *state = &f;
  return 0;
}

static int close_all(void **state) {
  fixture *f = *state;
  heap_free(f->heap);
  device_close(f->device);
  const uint32_t messages = device_validation_messages(f->device);
  arena_free(f->memory);
  return messages ? -1 : 0;
}

static checkpoint_state state_of(uint64_t step) {
  return (checkpoint_state){.step = step,
                            .device = "a device",
                            .base_hash = 77,
                            .applied = (uint32_t)step - 1,
                            .bad_in_a_row = 1,
                            .bad_steps = 3,
                            .loader = {.epoch = 7, .next = 11},
                            .data_hash = 0xFEDCBA9876543210u,
                            .seed = 0x8000000000000001u,
                            .capacity = 4096,
                            .recomputed_layers = 30,
                            .recomputed_group = 6,
                            .last_loss = 0.1};
}

static const tensor *part_of(const params *p, uint32_t region, int part) {
  const params_region *r = &p->regions[region];
  const tensor *all[] = {r->weight, r->m, r->v};
  return all[part];
}

// Fills weights and moments: by seed, or with zeros where it is 0.
static void fill(fixture *f, uint64_t seed) {
  err e = {0};
  rng r = rng_new(seed, RNG_TEST);
  for (uint64_t i = 0; i < f->params.n; i++)
    for (int part = 0; part < 3; part++) {
      const trained *t = &f->params.items[i];
      float values[2 * GRAD_BLOCK];
      const uint64_t n = tensor_elements(t->t);
      for (uint64_t k = 0; k < n; k++) values[k] = seed ? (float)rng_normal(&r) : 0;
      if (!gpu_upload(f->device, params_slice(t, part_of(&f->params, t->region, part)), values, n * 4, &e)) fail_with(&e);
    }
}

static void check_filled(fixture *f, uint64_t seed) {
  err e = {0};
  rng r = rng_new(seed, RNG_TEST);
  for (uint64_t i = 0; i < f->params.n; i++)
    for (int part = 0; part < 3; part++) {
      const trained *t = &f->params.items[i];
      float values[2 * GRAD_BLOCK];
      const uint64_t n = tensor_elements(t->t);
      if (!gpu_download(f->device, params_slice(t, part_of(&f->params, t->region, part)), values, n * 4, &e)) fail_with(&e);
      for (uint64_t k = 0; k < n; k++) assert_true(values[k] == (float)rng_normal(&r));
    }
}

static void write_step(fixture *f, uint64_t step) {
  err e = {0};
  const checkpoint_state s = state_of(step);
  if (!checkpoint_write(f->dir, &s, &f->params, f->device, &e)) fail_with(&e);
}

static void start_empty(fixture *f) {
  if (file_exists(f->dir)) assert_true(dir_remove(f->dir, NULL));
}

static void every_number_comes_back(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  assert_false(checkpoint_any(f->dir));
  fill(f, 1);
  write_step(f, 9);
  assert_true(checkpoint_any(f->dir));
  fill(f, 2);
  write_step(f, 10); // the newest by number, not by name
  fill(f, 0);
  checkpoint_state found;
  char *path;
  if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
  assert_string_equal(path_name(path), "step-10");
  const checkpoint_state want = state_of(10);
  assert_true(found.step == 10 && found.applied == 9 && found.bad_in_a_row == 1 && found.bad_steps == 3);
  assert_true(found.loader.epoch == 7 && found.loader.next == 11 && found.capacity == 4096 && found.recomputed_layers == 30 &&
              found.recomputed_group == 6);
  assert_true(found.data_hash == want.data_hash && found.seed == want.seed && found.last_loss == 0.1 && found.base_hash == 77);
  assert_string_equal(found.device, "a device");
  if (!checkpoint_load(path, &f->params, f->device, &e)) fail_with(&e);
  check_filled(f, 2);
}

static void a_loss_that_is_no_number_comes_back_too(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  checkpoint_state s = state_of(1), found;
  s.last_loss = NAN;
  char *path;
  if (!checkpoint_write(f->dir, &s, &f->params, f->device, &e)) fail_with(&e);
  if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
  assert_true(isnan(found.last_loss));
}

// Evaluations none of which was finite count towards the patience too.
static void evaluations_without_any_gain_come_back(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  checkpoint_state s = state_of(1), found;
  s.evals_without_gain = 2;
  char *path;
  if (!checkpoint_write(f->dir, &s, &f->params, f->device, &e)) fail_with(&e);
  if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
  assert_true(found.best_step == 0 && found.evals_without_gain == 2);
}

static void count_note(void *user, const char *line) {
  assert_non_null(strstr(line, "checkpoint skipped: "));
  assert_non_null(strstr(line, "step-5/"));
  ++*(int *)user;
}

// The byte at `at` of a file of step 5 is changed: step 4 is found, with one note.
static void check_damage(fixture *f, const char *path, const char *data, uint64_t size, uint64_t at, uint8_t change) {
  arena *a = arena_new("damaged file");
  char *bad = arena_alloc(a, size);
  memcpy(bad, data, size);
  bad[at] = (char)(bad[at] ^ change);
  test_write(path, bad, size);
  int notes = 0;
  checkpoint_state found;
  char *newest;
  err e = {0};
  if (!checkpoint_find(a, f->dir, count_note, &notes, &newest, &found, &e)) fail_with(&e);
  if (found.step != 4 || notes != 1)
    fail_msg("%s: byte %d: expected step 4 and one note, found step %d and %d", path, (int)at, (int)found.step, notes);
  arena_free(a);
}

static void damage_of_any_byte_is_found(void **state) {
  fixture *f = *state;
  start_empty(f);
  fill(f, 3);
  write_step(f, 4);
  write_step(f, 5);
  static const char *const names[] = {"state.json", "state.safetensors"};
  rng r = rng_new(5, RNG_TEST);
  for (int i = 0; i < 2; i++) {
    const char *path = test_path(test_path(f->dir, "step-5"), names[i]);
    char *data;
    uint64_t size;
    assert_true(file_read(f->memory, path, 1 << 20, &data, &size, NULL));
    const uint64_t stride = i ? 97 : 1;
    for (uint64_t at = 0; at < size; at += stride) check_damage(f, path, data, size, at, (uint8_t)(1u << rng_below(&r, 8)));
    for (uint64_t cut = 0; cut < size; cut += size / 7) { // and any shorter file
      test_write(path, data, cut);
      int notes = 0;
      checkpoint_state found;
      char *newest;
      assert_true(checkpoint_find(f->memory, f->dir, count_note, &notes, &newest, &found, NULL));
      assert_true(found.step == 4 && notes == 1);
    }
    test_write(path, data, size);
  }
  checkpoint_state found;
  char *newest;
  assert_true(checkpoint_find(f->memory, f->dir, NULL, NULL, &newest, &found, NULL));
  assert_int_equal(found.step, 5); // mended
}

// The counters of the best evaluation, without one, and as an older file has them.
static void the_best_evaluation_comes_back(void **state) {
  fixture *f = *state;
  err e = {0};
  char *path;
  static const struct {
    uint64_t best_step;
    uint32_t evals_without_gain;
  } rows[] = {{0, 0}, {0, 5}, {6, 3}, {9, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    start_empty(f);
    checkpoint_state s = state_of(9), found;
    s.best_step = rows[i].best_step, s.best_eval_loss = 1.0 / 3, s.evals_without_gain = rows[i].evals_without_gain;
    s.eval_hash = 0xFEDCBA9876543211u;
    if (!checkpoint_write(f->dir, &s, &f->params, f->device, &e)) fail_with(&e);
    if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
    assert_int_equal(found.best_step, s.best_step);
    assert_int_equal(found.evals_without_gain, s.evals_without_gain);
    assert_true(found.best_eval_loss == (s.best_step ? s.best_eval_loss : 0) && found.eval_hash == s.eval_hash);
    if (!checkpoint_verify(path, &e)) fail_with(&e);
  }
}

// Puts other counters in the place of a checkpoint's, with their checksum.
static void put_counters(fixture *f, const char *dir, const char *from, const char *to) {
  char *data, *sums;
  uint64_t size, sums_size;
  const char *path = test_path(dir, "state.json"), *sums_path = test_path(dir, "checksums.json");
  assert_true(file_read(f->memory, path, 1 << 20, &data, &size, NULL));
  assert_true(file_read(f->memory, sums_path, 1 << 20, &sums, &sums_size, NULL));
  char *at = strstr(data, from), hash[20];
  assert_non_null(at);
  const char *changed = arena_printf(f->memory, "%.*s%s%s", (int)(at - data), data, to, at + strlen(from));
  test_write(path, changed, strlen(changed));
  char *digits = strstr(sums, "state.json\"");
  assert_non_null(digits);
  digits = strchr(digits, ':') + 1;
  digits = strchr(digits, '"') + 1;
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)XXH3_64bits(changed, strlen(changed)));
  memcpy(digits, hash, 16);
  test_write(sums_path, sums, sums_size);
}

static void older_and_wrong_counters(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  checkpoint_state s = state_of(9), found;
  s.best_step = 7, s.best_eval_loss = 2, s.evals_without_gain = 4;
  if (!checkpoint_write(f->dir, &s, &f->params, f->device, &e)) fail_with(&e);
  const char *dir = test_path(f->dir, "step-9");
  char *path;
  put_counters(f, dir, "\"eval_hash\"", "\"another\"");
  if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
  assert_true(found.best_step == 7 && found.evals_without_gain == 4 && !found.eval_hash);
  put_counters(f, dir, "\"evals_without_gain\"", "\"some\"");
  if (!checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e)) fail_with(&e);
  assert_true(found.best_step == 7 && !found.evals_without_gain);
  put_counters(f, dir, "\"best_step\": 7", "\"best_step\": 10");
  assert_false(checkpoint_find(f->memory, f->dir, NULL, NULL, &path, &found, &e));
  assert_non_null(strstr(e.message, "best_step: expected at most the step 9, found 10"));
  err why = {0};
  assert_false(checkpoint_verify(dir, &why));
  assert_non_null(strstr(why.message, "best_step"));
}

static void what_is_missing_or_damaged_is_not_verified(void **state) {
  fixture *f = *state;
  start_empty(f);
  write_step(f, 9);
  const char *dir = test_path(f->dir, "step-9");
  err e = {0};
  if (!checkpoint_verify(dir, &e)) fail_with(&e);
  assert_false(checkpoint_verify(test_path(f->dir, "step-8"), &e));
  assert_non_null(strstr(e.message, "step-8/checksums.json"));
  test_write(test_path(dir, "state.safetensors"), "{}", 2);
  err why = {0};
  assert_false(checkpoint_verify(dir, &why));
  assert_non_null(strstr(why.message, "the file is damaged"));
}

// A checkpoint that is whole, but written by another vkift, is neither skipped nor removed: it may be the best that there is.
static void another_version_is_refused(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  write_step(f, 4);
  write_step(f, 5);
  write_step(f, 6);
  const char *dir = test_path(f->dir, "step-5"), *path = test_path(dir, "state.json");
  char *data, sums[200];
  uint64_t size;
  if (!file_read(f->memory, path, 1 << 20, &data, &size, &e)) fail_with(&e);
  char *version = strstr(data, "\"version\": 2");
  assert_non_null(version);
  version[strlen("\"version\": ")] = '3';
  test_write(path, data, size);
  snprintf(sums, sizeof sums, "{\"state.json\": \"%016llx\"}", (unsigned long long)XXH3_64bits(data, size)); // with other files
  test_write(test_path(dir, "checksums.json"), sums, strlen(sums));
  test_write(test_path(test_path(f->dir, "step-6"), "state.json"), "{", 1); // damaged: skipped
  checkpoint_state found;
  char *newest;
  assert_false(checkpoint_find(f->memory, f->dir, NULL, NULL, &newest, &found, &e));
  assert_non_null(strstr(e.message, "step-5/state.json: version: expected 2, found 3: written by another vkift"));
  assert_non_null(strstr(e.message, "move this one away"));
  assert_true(dir_remove(dir, NULL));
  assert_true(checkpoint_find(f->memory, f->dir, NULL, NULL, &newest, &found, NULL));
  assert_int_equal(found.step, 4);
}

static void another_layout_is_refused(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  write_step(f, 1);
  const params other = make_params(f->memory, f->heap, 51);
  assert_false(checkpoint_load(test_path(f->dir, "step-1"), &other, f->device, &e));
  assert_non_null(strstr(e.message, "tensor first.weight: expected 6324 bytes of f32, found 6200 of f32"));
  params more;
  params_init(&more, f->memory);
  params_add(&more, "norm", 1, (uint32_t[]){13});
  params_layout(&more, 1 << 20);
  err why = {0};
  assert_false(checkpoint_load(test_path(f->dir, "step-1"), &more, f->device, &why));
  assert_non_null(strstr(why.message, "expected 3 tensors, found 9"));
}

static void rotation(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  for (uint64_t step = 8; step <= 12; step++) write_step(f, step);
  static const char *const own[] = {".step-3.old", ".step-13.tmp"}, *const foreign[] = {"step-abc", "notes", "step-7.backup"};
  for (int i = 0; i < 2; i++) {
    assert_true(dir_make(test_path(f->dir, own[i]), NULL));
    test_write(test_path(test_path(f->dir, own[i]), "state.json"), "{", 1);
  }
  for (int i = 0; i < 3; i++) assert_true(dir_make(test_path(f->dir, foreign[i]), NULL));
  if (!checkpoint_rotate(f->dir, 0, 0, &e) || !file_exists(test_path(f->dir, "step-8"))) fail_with(&e); // 0: all stay
  if (!checkpoint_rotate(f->dir, 2, 0, &e)) fail_with(&e);
  char **names;
  uint64_t n;
  assert_true(dir_list(f->memory, f->dir, &names, &n, NULL));
  static const char *const left[] = {"notes", "step-11", "step-12", "step-7.backup", "step-abc"};
  assert_int_equal(n, 5);
  for (uint64_t i = 0; i < n; i++) assert_string_equal(names[i], left[i]);
}

static void rotation_spares_the_best(void **state) {
  fixture *f = *state;
  err e = {0};
  start_empty(f);
  for (uint64_t step = 1; step <= 5; step++) write_step(f, step);
  if (!checkpoint_rotate(f->dir, 2, 2, &e)) fail_with(&e);
  for (uint64_t step = 1; step <= 5; step++)
    assert_int_equal(file_exists(checkpoint_path(f->memory, f->dir, step)), step == 2 || step >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_comes_back),
      cmocka_unit_test(a_loss_that_is_no_number_comes_back_too),
      cmocka_unit_test(evaluations_without_any_gain_come_back),
      cmocka_unit_test(damage_of_any_byte_is_found),
      cmocka_unit_test(another_version_is_refused),
      cmocka_unit_test(another_layout_is_refused),
      cmocka_unit_test(rotation),
      cmocka_unit_test(rotation_spares_the_best),
      cmocka_unit_test(the_best_evaluation_comes_back),
      cmocka_unit_test(older_and_wrong_counters),
      cmocka_unit_test(what_is_missing_or_damaged_is_not_verified),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
