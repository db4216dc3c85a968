// Each family against numbers that transformers computed in float64 (families.jsonl, which `tests/reference/families --golden`
// writes): the loss of a text, the norm of every gradient, and logits of the last token however the text is fed to the cache. The
// weights are no file's: both sides compute them from the tensors' names.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "eval/generator.h"
#include "support/byte_tokenizer.h"
#include "train/setup.h"

static gpu_device *device;
static arena *memory; // of the golden numbers

static const cJSON *get(const cJSON *o, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
  if (!v) fail_msg("the golden numbers have no %s", key);
  return v;
}

// --- the model -----------------------------------------------------------------------------------------------------------

static uint64_t hash_name(const char *s) { // FNV-1a
  uint64_t h = 0xCBF29CE484222325u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001B3u;
  return h;
}

// In [−1, 1), from the finaliser of splitmix64.
static double number(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return (double)((z ^ z >> 31) >> 40) / (1 << 23) - 1;
}

// As Hugging Face's file has them, of that shape.
static void fill(const model_param *p, double norm_base, const uint32_t shape[2], float *out) {
  const uint64_t n = (uint64_t)shape[0] * shape[1], seed = hash_name(p->name);
  const bool matrix = p->role == PARAM_LINEAR || p->role == PARAM_HEAD;
  const double base = p->role == PARAM_NORM ? norm_base : 0;
  const double scale = matrix ? 2 / sqrt(shape[1]) : p->role == PARAM_EMBEDDING ? 0.8 : 0.3;
  for (uint64_t i = 0; i < n; i++) out[i] = (float)(base + scale * number(seed, i));
}

// `old`: as GPT-2's own files have them, without the prefix of their names, and with a causal mask beside them.
static void write_weights(const char *dir, const cJSON *golden, bool old) {
  arena *a = arena_new("weights");
  model *m;
  err e = {0};
  safetensors_writer w;
  test_ok(model_open(a, dir, true, &m, &e), &e);
  safetensors_tensor *rows = ARENA_ARRAY(a, safetensors_tensor, m->n_params + 1);
  const size_t skipped = old ? strlen(m->family->prefix) : 0;
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    const bool turned = p->hf_transposed;
    rows[i] = (safetensors_tensor){p->name + skipped, DTYPE_F32, p->n_dims, {p->shape[turned], p->shape[!turned]}};
  }
  rows[m->n_params] = (safetensors_tensor){"h.0.attn.bias", DTYPE_F32, 2, {1, 1}};
  test_ok(safetensors_create(test_path(dir, "model.safetensors"), rows, m->n_params + old, NULL, 0, &w, &e), &e);
  for (uint32_t i = 0; i < m->n_params; i++) {
    const uint32_t shape[] = {(uint32_t)rows[i].shape[0], rows[i].n_dims > 1 ? (uint32_t)rows[i].shape[1] : 1};
    const uint64_t n = (uint64_t)shape[0] * shape[1];
    float *values = ARENA_ARRAY(a, float, n);
    fill(&m->params[i], get(golden, "norm_base")->valuedouble, shape, values);
    test_ok(safetensors_write(&w, values, n * sizeof *values, &e), &e);
  }
  if (old) test_ok(safetensors_write(&w, &(float){1}, sizeof(float), &e), &e);
  test_ok(safetensors_commit(&w, &e), &e);
  model_close(m);
  arena_free(a);
}

static const char *make_model(const cJSON *golden) {
  const char *dir = test_path(test_directory(), get(golden, "name")->valuestring);
  char *config = cJSON_PrintUnformatted(get(golden, "config"));
  text tokens = {0};
  err e = {0};
  test_ok(dir_make(dir, &e), &e);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  byte_tokenizer_json(false, &tokens);
  test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
  text_free(&tokens);
  cJSON_free(config);
  write_weights(dir, golden, false);
  return dir;
}

static example read_example(arena *a, const cJSON *golden) {
  static const example_origin origin = {.file = "golden", .task = "", .cluster = "", .source = ""};
  const cJSON *list = get(golden, "ids");
  example x = {.n = (uint32_t)cJSON_GetArraySize(list), .weight = 1, .origin = &origin, .answer = "", .line = 1};
  int32_t *ids = ARENA_ARRAY(a, int32_t, x.n), *next = ids;
  uint8_t *target = ARENA_ARRAY(a, uint8_t, x.n);
  for (const cJSON *v = list->child; v; v = v->next) *next++ = v->valueint;
  memset(target + 1, 1, x.n - 1);
  x.n_targets = x.n - 1;
  x.ids = ids;
  x.target = target;
  return x;
}

// --- what is compared ----------------------------------------------------------------------------------------------------

static bool add_losses(void *user, const example *x, const float *losses, err *e) {
  (void)e;
  double *sum = user;
  for (uint32_t i = 0; i < x->n_targets; i++) *sum += losses[i];
  return true;
}

static void check_loss(arena *a, const model *m, const cJSON *golden, example *x) {
  const dataset set = {.items = x, .n = 1, .n_tokens = x->n, .n_targets = x->n_targets};
  double sum = 0;
  err e = {0};
  test_ok(score_examples(a, m, device, x->n, &set, add_losses, &sum, &e), &e);
  const double want = get(golden, "loss")->valuedouble, found = sum / x->n_targets;
  if (!(fabs(found - want) <= 2e-5)) fail_msg("loss: expected %.7f, found %.7f", want, found);
}

static void check_norms(const setup *s, const cJSON *golden, const example *x) {
  const cJSON *norms = get(golden, "norms");
  double whole = 0;
  for (const cJSON *v = norms->child; v; v = v->next) whole += v->valuedouble * v->valuedouble;
  assert_int_equal(cJSON_GetArraySize(norms), s->params.n);
  for (uint64_t i = 0; i < s->params.n; i++) {
    const trained *t = &s->params.items[i];
    const gpu_slice slice = params_slice(t, s->params.regions[t->region].grad);
    arena *a = arena_new("gradient");
    float *grad = ARENA_ARRAY(a, float, slice.bytes / 4);
    double squares = 0;
    err e = {0};
    test_ok(gpu_download(s->device, slice, grad, slice.bytes, &e), &e);
    for (uint64_t k = 0; k < slice.bytes / 4; k++) squares += (double)grad[k] * grad[k];
    const double want = get(norms, t->name)->valuedouble, found = sqrt(squares) / x->n_targets;
    if (!(fabs(found - want) <= 1e-3 * want + 1e-6 * sqrt(whole)))
      fail_msg("gradient of %s: expected a norm of %g, found %g", t->name, want, found);
    arena_free(a);
  }
}

static void check_gradients(arena *a, model *m, const cJSON *golden, example *x) {
  const corpus c = {.train = {.items = x, .n = 1, .n_tokens = x->n, .n_targets = x->n_targets}, .longest = x->n};
  vkift_train_options o = vkift_train_defaults();
  o.method = VKIFT_FULL;
  setup s;
  text note = {0};
  err e = {0};
  test_ok(setup_open(a, m, device, &c, &o, &(setup_choice){.capacity = 128}, &s, &note, &e), &e);
  const example *one = x;
  pack_row *rows;
  uint32_t n_rows;
  pack_examples(a, &one, 1, &s.batch->limits, true, &rows, &n_rows);
  test_ok(step_gradients(s.step, rows, n_rows, 0, &e), &e);
  check_norms(&s, golden, x);
  text_free(&note);
  setup_close(&s);
}

static void compare_logits(const char *how, const cJSON *golden, const float *found) {
  const cJSON *list = get(golden, "logits"); // every 32nd
  uint32_t i = 0;
  for (const cJSON *v = list->child; v; v = v->next, i += 32)
    if (!(fabs(found[i] - v->valuedouble) <= 2e-4))
      fail_msg("%s: logit %u: expected %g, found %g", how, i, v->valuedouble, (double)found[i]);
}

// Frozen weights, as inference has them.
static void check_inference(arena *a, model *m, const cJSON *golden, example *x) {
  gpu_heap *heap = heap_new(device, "model", GPU_MEMORY_DEVICE), *staging = heap_new(device, "host side", GPU_MEMORY_STAGING);
  generator *g = NULL;
  const generator_options o = {.slots = 2, .context = 80, .prefill_tokens = 32}; // the text takes several submissions
  const float *logits;
  err e = {0};
  load_declare(a, m, NULL, false, LOAD_AUTO);
  test_ok(load_allocate(m, heap, &e) && load_upload(m, device, 0, &e) && generator_new(a, m, device, heap, staging, &o, &g, &e),
          &e);
  test_ok(generator_feed(g, &(feed){0, 0, x->n, x->ids}, 1, &logits, &e), &e);
  compare_logits("one piece", golden, logits);
  for (uint32_t i = 0; i < x->n; i++) test_ok(generator_feed(g, &(feed){1, i, 1, x->ids + i}, 1, &logits, &e), &e);
  compare_logits("token by token", golden, logits);
  check_loss(a, m, golden, x);
  generator_free(g);
  heap_free(heap);
  heap_free(staging);
}

// The same numbers come from a file of the old form.
static void check_old_names(const char *dir, model *m, const cJSON *golden) {
  arena *a = arena_new("old names");
  model *old;
  err e = {0};
  write_weights(dir, golden, true);
  test_ok(model_open(a, dir, false, &old, &e), &e);
  assert_int_equal(old->n_params, m->n_params);
  for (uint32_t i = 0; i < m->n_params; i++) {
    const uint64_t n = m->params[i].source->bytes / sizeof(float);
    float *x = ARENA_ARRAY(a, float, n), *y = ARENA_ARRAY(a, float, n);
    model_read_param(m, &m->params[i], 0, x);
    model_read_param(old, &old->params[i], 0, y);
    assert_memory_equal(x, y, n * sizeof *x);
  }
  model_close(old);
  arena_free(a);
}

static void follows_transformers(void **state) {
  const cJSON *golden = *state;
  arena *a = arena_new("family");
  const char *dir = make_model(golden);
  model *m;
  err e = {0};
  test_ok(model_open(a, dir, false, &m, &e), &e);
  example x = read_example(a, golden);
  check_gradients(a, m, golden, &x);
  check_inference(a, m, golden, &x);
  if (m->family->prefix) check_old_names(dir, m, golden);
  model_close(m);
  assert_int_equal(device_validation_messages(device), 0);
  arena_free(a);
}

// --- the cases -----------------------------------------------------------------------------------------------------------

enum { MOST_CASES = 32 };

static uint32_t read_cases(struct CMUnitTest tests[MOST_CASES], cJSON *goldens[MOST_CASES]) {
  const char *source = getenv("VKIFT_SOURCE_DIR");
  char *lines;
  err e = {0};
  uint32_t n = 0;
  if (!file_read(memory, path_join(memory, source ? source : ".", "tests/model/families.jsonl"), 1 << 20, &lines, NULL, &e)) {
    fprintf(stderr, "%s\n", e.message);
    exit(1);
  }
  for (char *line = strtok(lines, "\n"); line && n < MOST_CASES; line = strtok(NULL, "\n")) {
    goldens[n] = cJSON_Parse(line);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(goldens[n], "name");
    if (!cJSON_IsString(name)) exit(1);
    tests[n] = (struct CMUnitTest){.name = name->valuestring, .test_func = follows_transformers, .initial_state = goldens[n]};
    n++;
  }
  return n;
}

int main(void) {
  struct CMUnitTest tests[MOST_CASES];
  cJSON *goldens[MOST_CASES];
  err e = {0};
  memory = arena_new("families");
  const uint32_t n = read_cases(tests, goldens);
  if (!device_open(memory, getenv("VKIFT_DEVICE"), &device, &e)) {
    fprintf(stderr, "%s\n", e.message);
    return 1;
  }
  const int failed = _cmocka_run_group_tests("families", tests, n, NULL, NULL);
  for (uint32_t i = 0; i < n; i++) cJSON_Delete(goldens[i]);
  device_close(device);
  arena_free(memory);
  return failed;
}
