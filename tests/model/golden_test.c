// A real model against numbers that another program computed in float64: single entries of every tensor's gradient, and
// the logits of the last token however the text is fed to the cache.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "eval/generator.h"
#include "train/setup.h"

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  const char *models;
  cJSON *golden;
} fixture;

// Skips the test where the shared data is absent.
static fixture open_all(void) {
  const char *data = test_shared_data();
  fixture f = {.memory = arena_new("golden numbers"), .models = test_path(data, "models/stories260K")};
  char *source;
  err e = {0};
  if (!file_read(f.memory, test_path(data, "golden/model/stories260K.json"), 64 << 20, &source, NULL, &e)) fail_with(&e);
  f.golden = cJSON_Parse(source);
  assert_non_null(f.golden);
  if (!device_open(f.memory, getenv("VKIFT_DEVICE"), &f.device, &e)) fail_with(&e);
  return f;
}

static void close_all(fixture *f) {
  assert_int_equal(device_validation_messages(f->device), 0);
  device_close(f->device);
  cJSON_Delete(f->golden);
  arena_free(f->memory);
}

static model *open_model(fixture *f, const char *name) {
  model *m;
  err e = {0};
  if (!model_open(f->memory, test_path(f->models, name), false, &m, &e)) fail_with(&e);
  return m;
}

static const cJSON *get(const cJSON *o, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
  if (!v) fail_msg("the golden numbers have no %s", key);
  return v;
}

static int32_t *read_ids(arena *a, const cJSON *list, uint32_t *n) {
  *n = (uint32_t)cJSON_GetArraySize(list);
  int32_t *ids = ARENA_ARRAY(a, int32_t, *n), *next = ids;
  for (const cJSON *v = list->child; v; v = v->next) *next++ = v->valueint;
  return ids;
}

// --- gradients ---------------------------------------------------------------------------------------------------------

static example read_pair(arena *a, const cJSON *pair) {
  static const example_origin golden = {.file = "golden", .task = "", .cluster = "", .source = ""};
  example x = {.weight = 1, .origin = &golden, .answer = "", .line = 1};
  x.ids = read_ids(a, get(pair, "ids"), &x.n);
  uint8_t *target = ARENA_ARRAY(a, uint8_t, x.n);
  x.target = target;
  uint32_t i = 1; // the mask's first entry belongs to the prediction of token 1
  for (const cJSON *v = get(pair, "target_mask_for_next_token")->child; v; v = v->next)
    x.n_targets += target[i++] = v->valueint != 0;
  return x;
}

static void check_entries(const setup *s, const cJSON *want, const trained *t, const example *x, double *worst) {
  const params_region *r = &s->params.regions[t->region];
  const gpu_slice slice = params_slice(t, r->grad);
  arena *a = arena_new("gradient");
  float *grad = ARENA_ARRAY(a, float, slice.bytes / 4);
  err e = {0};
  if (!gpu_download(s->device, slice, grad, slice.bytes, &e)) fail_with(&e);
  const double norm = get(want, "norm")->valuedouble;
  const cJSON *index = get(want, "sample_flat_index")->child, *value = get(want, "sample")->child;
  for (; index; index = index->next, value = value->next) {
    const double found = grad[index->valueint] / (double)x->n_targets; // sums over targets; the golden loss is their mean
    const double limit = 1e-3 * fabs(value->valuedouble) + 1e-6 * norm;
    if (!(fabs(found - value->valuedouble) <= limit))
      fail_msg("%s, element %d: expected %g, found %g", t->name, index->valueint, value->valuedouble, found);
    *worst = fmax(*worst, fabs(found - value->valuedouble) / limit);
  }
  arena_free(a);
}

static void gradient_entries(void **state) {
  (void)state;
  fixture f = open_all();
  const cJSON *pair;
  double worst = 0;
  uint32_t tensors = 0;
  cJSON_ArrayForEach(pair, get(f.golden, "sft")) {
    arena *a = arena_new("pair");
    model *m = open_model(&f, "hf");
    example x = read_pair(a, pair);
    corpus c = {.train = {.items = &x, .n = 1, .n_tokens = x.n, .n_targets = x.n_targets}, .longest = x.n};
    vkift_train_options o = vkift_train_defaults();
    o.method = VKIFT_FULL;
    setup s;
    text note = {0};
    err e = {0};
    if (!setup_open(a, m, f.device, &c, &o, &(setup_choice){.capacity = 96}, &s, &note, &e)) fail_with(&e);
    const example *one = &x;
    pack_row *rows;
    uint32_t n_rows;
    pack_examples(a, &one, 1, &s.batch->limits, true, &rows, &n_rows);
    if (!step_gradients(s.step, rows, n_rows, 0, &e)) fail_with(&e);
    for (uint64_t i = 0; i < s.params.n; i++, tensors++)
      check_entries(&s, get(get(pair, "grads"), s.params.items[i].name), &s.params.items[i], &x, &worst);
    text_free(&note);
    setup_close(&s);
    model_close(m);
    arena_free(a);
  }
  print_message("entries of %u gradients; at most %.1f %% of what is allowed\n", tensors, 100 * worst);
  assert_int_equal(tensors, 4 * 47);
  close_all(&f);
}

// --- logits ------------------------------------------------------------------------------------------------------------

typedef struct line {
  int32_t *ids;
  uint32_t n;
  const cJSON *logits;
} line;

enum { N_LINES = 3 };

static double compare(const char *how, const line *l, const float *found) {
  double worst = 0;
  uint32_t i = 0;
  for (const cJSON *v = l->logits->child; v; v = v->next, i++) {
    const double difference = fabs(found[i] - v->valuedouble);
    if (!(difference <= 1e-3)) fail_msg("%s: logit %u: expected %g, found %g", how, i, v->valuedouble, (double)found[i]);
    worst = fmax(worst, difference);
  }
  assert_int_equal(i, 512);
  return worst;
}

static void feed_all(generator *g, const feed *pieces, uint32_t n, const float **logits) {
  err e = {0};
  if (!generator_feed(g, pieces, n, logits, &e)) fail_with(&e);
}

// The same text as one piece; token by token; and in pieces of changing lengths behind something that is replaced.
static double feed_alone(generator *g, const line *l, uint32_t slot) {
  const float *logits;
  feed_all(g, &(feed){slot, 0, l->n, l->ids}, 1, &logits);
  double worst = compare("one piece", l, logits);
  for (uint32_t i = 0; i < l->n; i++) feed_all(g, &(feed){slot, i, 1, l->ids + i}, 1, &logits);
  worst = fmax(worst, compare("token by token", l, logits));
  const int32_t other[] = {411, 17, 300, 44, 5};
  feed_all(g, &(feed){slot, 0, 2, l->ids}, 1, &logits);
  feed_all(g, &(feed){slot, 2, 5, other}, 1, &logits);
  for (uint32_t i = 2, n = 1; i < l->n; i += n, n = n % 4 + 1) {
    if (n > l->n - i) n = l->n - i;
    feed_all(g, &(feed){slot, i, n, l->ids + i}, 1, &logits);
  }
  return fmax(worst, compare("in pieces, behind what was replaced", l, logits));
}

// All texts at once, each in a slot of its own; then their last tokens again at once.
static double feed_together(generator *g, const line *lines) {
  feed pieces[N_LINES];
  const float *logits[N_LINES];
  double worst = 0;
  for (uint32_t i = 0; i < N_LINES; i++) pieces[i] = (feed){N_LINES - 1 - i, 0, lines[i].n, lines[i].ids};
  feed_all(g, pieces, N_LINES, logits);
  for (uint32_t i = 0; i < N_LINES; i++) worst = fmax(worst, compare("in slots", &lines[i], logits[i]));
  for (uint32_t i = 0; i < N_LINES; i++) pieces[i] = (feed){N_LINES - 1 - i, lines[i].n - 1, 1, lines[i].ids + lines[i].n - 1};
  feed_all(g, pieces, N_LINES, logits);
  for (uint32_t i = 0; i < N_LINES; i++) worst = fmax(worst, compare("last tokens in slots", &lines[i], logits[i]));
  return worst;
}

static void check_logits(fixture *f, const char *name, const line *lines, uint32_t prefill_tokens) {
  arena *a = arena_new("generator");
  model *m = open_model(f, name);
  gpu_heap *heap = heap_new(f->device, "model", GPU_MEMORY_DEVICE),
           *staging = heap_new(f->device, "host side", GPU_MEMORY_STAGING);
  generator *g = NULL;
  err e = {0};
  const generator_options o = {.slots = N_LINES, .context = 40, .prefill_tokens = prefill_tokens};
  load_declare(a, m, NULL, false, LOAD_AUTO);
  if (!load_allocate(m, heap, &e) || !load_upload(m, f->device, 0, &e) ||
      !generator_new(a, m, f->device, heap, staging, &o, &g, &e))
    fail_with(&e);
  double worst = feed_together(g, lines);
  for (uint32_t i = 0; i < N_LINES; i++) worst = fmax(worst, feed_alone(g, &lines[i], i));
  print_message("%s, %u tokens at once: logits differ by at most %.2g\n", name, prefill_tokens, worst);
  generator_free(g);
  heap_free(heap);
  heap_free(staging);
  model_close(m);
  arena_free(a);
}

static void last_logits(void **state) {
  (void)state;
  fixture f = open_all();
  line lines[N_LINES];
  const cJSON *of = get(f.golden, "lm")->child;
  for (uint32_t i = 0; i < N_LINES; i++, of = of->next) {
    lines[i].ids = read_ids(f.memory, get(of, "ids"), &lines[i].n);
    lines[i].logits = get(of, "last_logits");
  }
  check_logits(&f, "hf", lines, 128);
  check_logits(&f, "hf", lines, 7); // a prompt takes several submissions
  check_logits(&f, "gguf/stories260K.f32.gguf", lines, 64);
  close_all(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_entries),
      cmocka_unit_test(last_logits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
