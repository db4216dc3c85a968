// A classifier of three labels on the built-in model against transformers in float64 (classify_golden.json, written by
// tests/reference/classify_golden.py): logits, the weighted loss, gradients, and AdamW steps with a learning rate of the head's own.
// And what training the head alone leaves out.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "train/setup.h"

enum { LABELS = 3, MOST = 8 };
static const char *const names[] = {"one", "two", "three"};
static const strings labels = {names, LABELS};

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

typedef struct fixture {
  arena *memory;
  gpu_device *device;
  model *m;
  cJSON *golden;
  corpus corpus;
  setup s;
} fixture;

static const cJSON *get(const fixture *f, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(f->golden, key);
  if (!v) fail_msg("the golden numbers have no %s", key);
  return v;
}

// Each text and behind it its label, weighed as the label is.
static void read_examples(fixture *f) {
  static const example_origin origin = {.file = "golden", .task = "", .cluster = "", .source = ""};
  const cJSON *texts = get(f, "texts"), *ids, *id;
  dataset *set = &f->corpus.train;
  set->items = ARENA_ARRAY(f->memory, example, MOST);
  cJSON_ArrayForEach(ids, texts) {
    example *x = &set->items[set->n];
    const int label = cJSON_GetArrayItem(get(f, "labels"), (int)set->n)->valueint;
    int32_t *all = ARENA_ARRAY(f->memory, int32_t, cJSON_GetArraySize(ids) + 1);
    *x = (example){.ids = all, .origin = &origin, .answer = names[label], .index = (uint32_t)set->n++, .n_targets = 1};
    cJSON_ArrayForEach(id, ids) all[x->n++] = id->valueint;
    x->prompt_n = x->n;
    all[x->n++] = label;
    uint8_t *target = ARENA_ARRAY(f->memory, uint8_t, x->n);
    target[x->n - 1] = 1;
    x->target = target;
    x->weight = (float)cJSON_GetArrayItem(get(f, "class_weights"), label)->valuedouble;
    set->n_tokens += x->n;
    set->n_targets++;
    if (f->corpus.longest < x->n) f->corpus.longest = x->n;
  }
}

// score[k][j] = sin(k · hidden + j) / 10
static void fill_head(fixture *f) {
  const tensor *head = model_head(f->m)->t;
  const uint64_t n = tensor_elements(head);
  float *values = ARENA_ARRAY(f->memory, float, n);
  err e = {0};
  for (uint64_t i = 0; i < n; i++) values[i] = (float)(sin((double)i) / 10);
  if (!tensor_upload(head, f->device, values, &e)) fail_with(&e);
}

static fixture open_all(vkift_method method) {
  fixture f = {.memory = arena_new("classifier")};
  char *source;
  err e = {0};
  text note = {0};
  vkift_train_options o = vkift_train_defaults();
  const char *path = arena_printf(f.memory, "%s/tests/model/classify_golden.json", getenv("VKIFT_SOURCE_DIR"));
  if (!file_read(f.memory, path, 1 << 20, &source, NULL, &e)) fail_with(&e);
  f.golden = cJSON_Parse(source);
  assert_non_null(f.golden);
  read_examples(&f);
  if (!device_open(f.memory, getenv("VKIFT_DEVICE"), &f.device, &e)) fail_with(&e);
  if (!model_open(f.memory, arena_printf(f.memory, "%s/assets/base", getenv("VKIFT_SOURCE_DIR")), false, &f.m, &e)) fail_with(&e);
  const uint64_t before = f.m->n_parameters;
  model_make_classifier(f.memory, f.m, &labels);
  assert_int_equal(f.m->n_parameters, before + LABELS * f.m->config.hidden_size); // the tied embedding stays
  o.method = method;
  o.objective = VKIFT_CLASSIFY;
  if (!setup_open(f.memory, f.m, f.device, &f.corpus, &o, &(setup_choice){.capacity = 64}, &f.s, &note, &e)) fail_with(&e);
  text_free(&note);
  fill_head(&f);
  return f;
}

static void close_all(fixture *f) {
  setup_close(&f->s);
  model_close(f->m);
  assert_int_equal(device_validation_messages(f->device), 0);
  device_close(f->device);
  cJSON_Delete(f->golden);
  arena_free(f->memory);
}

static void expect(const char *what, double found, double want, double tolerance) {
  if (!(fabs(found - want) <= tolerance)) fail_msg("%s: expected %.9g, found %.9g", what, want, found);
}

static pack_row *pack(fixture *f, uint32_t *n_rows) {
  const dataset *set = &f->corpus.train;
  const example **list = ARENA_ARRAY(f->memory, const example *, set->n);
  for (uint64_t i = 0; i < set->n; i++) list[i] = &set->items[i];
  pack_row *rows;
  pack_examples(f->memory, list, (uint32_t)set->n, &f->s.batch->limits, true, &rows, n_rows);
  return rows;
}

static double weights_of(const fixture *f) {
  double sum = 0;
  for (uint64_t i = 0; i < f->corpus.train.n; i++) sum += (double)f->corpus.train.items[i].weight;
  return sum;
}

// --- logits and losses -------------------------------------------------------------------------------------------------

typedef struct seen_logits {
  const fixture *f;
  int n;
  double worst;
} seen_logits;

static bool check_logits(void *user, const example *x, const float *losses, const float *logits, err *e) {
  seen_logits *seen = user;
  const cJSON *want = cJSON_GetArrayItem(get(seen->f, "logits"), seen->n++);
  double sum = 0;
  (void)e;
  for (int k = 0; k < LABELS; k++) {
    expect("a logit", (double)logits[k], cJSON_GetArrayItem(want, k)->valuedouble, 1e-4);
    seen->worst = fmax(seen->worst, fabs((double)logits[k] - cJSON_GetArrayItem(want, k)->valuedouble));
    sum += exp(cJSON_GetArrayItem(want, k)->valuedouble);
  }
  expect("a loss", (double)losses[0], log(sum) - cJSON_GetArrayItem(want, x->ids[x->n - 1])->valuedouble, 1e-4);
  return true;
}

static void logits_of_each_text(void **state) {
  (void)state;
  fixture f = open_all(VKIFT_HEAD);
  seen_logits seen = {.f = &f};
  score_total total;
  err e = {0};
  if (!score_dataset(f.s.score, f.s.batch, &f.corpus.train, check_logits, &seen, &total, &e)) fail_with(&e);
  assert_int_equal(seen.n, 6);
  print_message("logits at most %.2g away\n", seen.worst);
  expect("the weighted mean", total.loss, cJSON_GetObjectItem(get(&f, "steps")->child, "loss")->valuedouble, 1e-5);
  close_all(&f);
}

// --- gradients ---------------------------------------------------------------------------------------------------------

static void check_gradient(const fixture *f, const trained *t) {
  const gpu_slice slice = params_slice(t, f->s.params.regions[t->region].grad);
  const double want = cJSON_GetObjectItemCaseSensitive(get(f, "norms"), t->name)->valuedouble, by = weights_of(f);
  arena *a = arena_new("gradient");
  float *grad = ARENA_ARRAY(a, float, slice.bytes / 4);
  double squares = 0;
  err e = {0};
  if (!gpu_download(f->device, slice, grad, slice.bytes, &e)) fail_with(&e);
  for (uint64_t i = 0; i < slice.bytes / 4; i++) squares += (double)grad[i] * (double)grad[i];
  expect(t->name, sqrt(squares) / by, want, 1e-4 * want);
  const cJSON *v = t->head ? get(f, "head_gradient")->child : NULL;
  for (uint64_t i = 0; v; v = v->next, i++) expect("the head's gradient", (double)grad[i] / by, v->valuedouble, 1e-4 * want);
  arena_free(a);
}

static void run_gradients(fixture *f) {
  uint32_t n_rows;
  err e = {0};
  const pack_row *rows = pack(f, &n_rows);
  assert_true(n_rows > 1);
  if (!step_gradients(f->s.step, rows, n_rows, 0, &e)) fail_with(&e);
  for (uint64_t i = 0; i < f->s.params.n; i++) check_gradient(f, &f->s.params.items[i]);
}

static void gradients_of_all_weights(void **state) {
  (void)state;
  fixture f = open_all(VKIFT_FULL);
  assert_int_equal(f.s.params.n, f.m->n_params);
  run_gradients(&f);
  close_all(&f);
}

// Nothing but the head is trained, kept by the optimizer, or reached by backward.
static void the_head_alone(void **state) {
  (void)state;
  fixture f = open_all(VKIFT_HEAD);
  const graph *g = f.s.step->micro;
  uint32_t n_backward = 0;
  assert_int_equal(f.s.params.n, 1);
  assert_string_equal(f.s.params.items[0].name, "score.weight");
  assert_int_equal(f.s.params.n_elements, LABELS * f.m->config.hidden_size);
  assert_int_equal(f.s.need.optimizer, 2 * GRAD_BLOCK * 4);
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const char *name = g->nodes[i]->op->name;
    if (!strstr(name, "_bwd")) continue;
    assert_string_equal(name, "head_loss_bwd");
    n_backward++;
  }
  assert_int_equal(n_backward, 1);
  run_gradients(&f);
  close_all(&f);
}

// --- steps -------------------------------------------------------------------------------------------------------------

static void steps_with_a_rate_of_the_heads_own(void **state) {
  (void)state;
  fixture f = open_all(VKIFT_FULL);
  uint32_t n_rows, n = 0;
  double worst = 0;
  err e = {0};
  const pack_row *rows = pack(&f, &n_rows);
  const struct step_hyper h = {.learning_rate = (float)get(&f, "learning_rate")->valuedouble,
                               .head_learning_rate = (float)get(&f, "head_learning_rate")->valuedouble,
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .ln_beta1 = (float)log(0.9),
                               .ln_beta2 = (float)log(0.999),
                               .epsilon = 1e-8f,
                               .max_grad_norm = 1,
                               .inverse_targets = (float)(1 / weights_of(&f))};
  const cJSON *want;
  if (!step_set_applied(f.s.step, 0, &e)) fail_with(&e);
  cJSON_ArrayForEach(want, get(&f, "steps")) {
    if (!step_run(f.s.step, rows, n_rows, 0, &h, &e)) fail_with(&e);
    const struct step_state found = step_result(f.s.step);
    const double loss = cJSON_GetObjectItem(want, "loss")->valuedouble,
                 norm = cJSON_GetObjectItem(want, "grad_norm")->valuedouble;
    expect("a step's loss", (double)found.loss, loss, 1e-3 * loss);
    expect("a step's gradient norm", (double)found.grad_norm, norm, 1e-3 * norm);
    worst = fmax(worst, fmax(fabs((double)found.loss - loss) / loss, fabs((double)found.grad_norm - norm) / norm));
    n++;
  }
  print_message("%u steps; losses and gradient norms at most %.2g away\n", n, worst);
  assert_int_equal(n, 8);
  close_all(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logits_of_each_text),
      cmocka_unit_test(gradients_of_all_weights),
      cmocka_unit_test(the_head_alone),
      cmocka_unit_test(steps_with_a_rate_of_the_heads_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
