// How a batch is cut into micro-batches, and which examples share a row, changes no gradient beyond rounding, with LoRA
// dropout on; and what stands in a neighbour changes no bit of an example's losses.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/tiny_model.h"
#include "train/setup.h"

enum { N_EXAMPLES = 9 };
static const uint32_t lengths[N_EXAMPLES] = {2, 31, 17, 64, 5, 40, 23, 11, 37};

typedef struct cut {
  const char *name;
  uint32_t capacity;
  bool packing;
  graph_recompute recompute;
} cut;

static const cut cuts[] = {
    {"one row", 256, true, {0}},
    {"one example a row", 256, false, {0}},
    {"rows of 64 tokens", 64, true, {0}},
    {"rows of 97 tokens, checkpointing", 97, true, {GRAPH_NONE, 0}},
    {"one row, checkpointing of one layer", 233, true, {1, 0}},
    {"one row, checkpointing of a group", 233, true, {GRAPH_NONE, 2}},
};
enum { N_CUTS = sizeof cuts / sizeof *cuts };

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

// All gradient sums of one batch.
static float *gradients_of(arena *a, gpu_device *d, const char *dir, corpus *c, const cut *how, vkift_method method,
                           uint64_t *n) {
  err e = {0};
  model *m;
  setup s;
  text note = {0};
  if (!model_open(a, dir, true, &m, &e)) fail_with(&e);
  vkift_train_options o = vkift_train_defaults();
  o.method = method;
  o.lora_r = 3;
  o.lora_dropout = method == VKIFT_LORA ? 0.25 : 0;
  const setup_choice choice = {how->capacity, how->recompute};
  if (!setup_open(a, m, d, c, &o, &choice, &s, &note, &e)) fail_with(&e);
  // A fresh B is zero, and then A has no gradient. Values near 1 would make scores of hundreds, whose rounding is all one would see.
  if (s.adapter) {
    rng r = rng_new(7, RNG_TEST);
    for (uint32_t i = 0; i < s.adapter->n; i++) {
      tensor *b = s.adapter->entries[i].b;
      float *values = ARENA_ARRAY(a, float, tensor_elements(b));
      for (uint64_t k = 0; k < tensor_elements(b); k++) values[k] = 0.1f * (float)rng_normal(&r);
      assert_true(gpu_upload(d, b->memory, values, tensor_bytes(b), &e));
    }
  }
  const example *list[N_EXAMPLES];
  for (uint32_t i = 0; i < N_EXAMPLES; i++) list[i] = &c->train.items[i];
  pack_row *rows;
  uint32_t n_rows;
  pack_examples(a, list, N_EXAMPLES, &s.batch->limits, how->packing, &rows, &n_rows);
  print_message("%s: %u rows\n", how->name, n_rows);
  if (!step_gradients(s.step, rows, n_rows, 3, &e)) fail_with(&e);
  *n = tensor_elements(s.params.regions[0].grad);
  float *grad = ARENA_ARRAY(a, float, *n);
  assert_int_equal(s.params.n_regions, 1);
  assert_true(gpu_download(d, s.params.regions[0].grad->memory, grad, *n * 4, &e));
  text_free(&note);
  setup_close(&s);
  model_close(m);
  return grad;
}

static gpu_device *open_device(arena *a) {
  err e = {0};
  gpu_device *d;
  if (!device_open(a, getenv("VKIFT_DEVICE"), &d, &e)) fail_with(&e);
  return d;
}

static void close_device(gpu_device *d) {
  assert_int_equal(device_validation_messages(d), 0);
  device_close(d);
}

static void cutting_changes_no_gradient(vkift_method method, const char *name) {
  arena *a = arena_new("cutting");
  gpu_device *d = open_device(a);
  corpus c = {.train = tiny_data(a, lengths, N_EXAMPLES, 1), .longest = 64};
  const char *dir = tiny_model(name);
  uint64_t n, n_other;
  const float *first = gradients_of(a, d, dir, &c, &cuts[0], method, &n);
  double squares = 0;
  for (uint64_t k = 0; k < n; k++) squares += (double)first[k] * first[k];
  assert_true(squares > 1);
  for (int i = 1; i < N_CUTS; i++) {
    const float *other = gradients_of(a, d, dir, &c, &cuts[i], method, &n_other);
    double difference = 0;
    assert_int_equal(n, n_other);
    for (uint64_t k = 0; k < n; k++) difference += ((double)first[k] - other[k]) * ((double)first[k] - other[k]);
    const double relative = sqrt(difference / squares);
    print_message("%s: relative difference %.2g\n", cuts[i].name, relative);
    assert_true(relative <= 1e-5);
  }
  close_device(d);
  arena_free(a);
}

static void lora_gradients(void **state) {
  (void)state;
  cutting_changes_no_gradient(VKIFT_LORA, "lora");
}

static void full_gradients(void **state) {
  (void)state;
  cutting_changes_no_gradient(VKIFT_FULL, "full");
}

// The losses of example 1, which stands between two others in one row.
static void keep_losses(score *s, batch *b, const dataset *set, float *out) {
  err e = {0};
  const example *list[] = {&set->items[0], &set->items[1], &set->items[2]};
  const pack_row row = {list, 3, list[0]->n + list[1]->n + list[2]->n,
                        list[0]->n_targets + list[1]->n_targets + list[2]->n_targets};
  const float *losses;
  batch_put(b, 0, &row, 0);
  if (!score_run(s, 0, &losses, &e)) fail_with(&e);
  memcpy(out, losses + list[0]->n_targets, list[1]->n_targets * sizeof *out);
}

static void a_neighbour_changes_no_bit(void **state) {
  (void)state;
  static const uint32_t three[] = {37, 29, 41};
  arena *a = arena_new("neighbours");
  gpu_device *d = open_device(a);
  corpus c = {.train = tiny_data(a, three, 3, 5), .longest = 41};
  err e = {0};
  model *m;
  setup s;
  text note = {0};
  vkift_train_options o = vkift_train_defaults();
  const setup_choice choice = {.capacity = 128};
  if (!model_open(a, tiny_model("neighbours"), true, &m, &e) || !setup_open(a, m, d, &c, &o, &choice, &s, &note, &e))
    fail_with(&e);
  float before[32], after[32];
  keep_losses(s.score, s.batch, &c.train, before);
  dataset changed = tiny_data(a, three, 3, 6);
  changed.items[1] = c.train.items[1];
  assert_memory_not_equal(changed.items[0].ids, c.train.items[0].ids, 37 * sizeof(int32_t));
  keep_losses(s.score, s.batch, &changed, after);
  assert_memory_equal(before, after, c.train.items[1].n_targets * sizeof(float));
  for (uint32_t i = 0; i < c.train.items[1].n_targets; i++) assert_true(before[i] > 0 && before[i] < 100);
  text_free(&note);
  setup_close(&s);
  model_close(m);
  close_device(d);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lora_gradients),
      cmocka_unit_test(full_gradients),
      cmocka_unit_test(a_neighbour_changes_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
