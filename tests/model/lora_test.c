// LoRA's gradients from those of the whole weight: with W' = W + s B A, they are s Bᵀ dW' and s dW' Aᵀ, where dW' is what
// full training of the merged model has. With DoRA W' = G (W + s B A), with G = diag(m / norm) as a constant but for m: then they
// are s Bᵀ G dW' and s G dW' Aᵀ, and the gradient of m is that of the rows' directions, dW' · (W + s B A) / norm.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "models/dora.h"
#include "support/tiny_model.h"
#include "train/setup.h"

enum { RANK = 3, N_EXAMPLES = 4, CAPACITY = 128 };
static const uint32_t lengths[N_EXAMPLES] = {31, 17, 44, 26};

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

typedef struct one_side {
  model *m;
  setup s;
} one_side;

typedef enum lora_form { PLAIN, RSLORA, DORA } lora_form;

static one_side open_side(arena *a, gpu_device *d, const char *dir, const corpus *c, vkift_method method, lora_form form) {
  one_side x;
  err e = {0};
  text note = {0};
  vkift_train_options o = vkift_train_defaults();
  o.method = method;
  o.lora_r = RANK;
  o.lora_alpha = 4;
  o.use_rslora = form == RSLORA;
  o.use_dora = form == DORA;
  if (!model_open(a, dir, true, &x.m, &e)) fail_with(&e);
  if (!setup_open(a, x.m, d, c, &o, &(setup_choice){.capacity = CAPACITY}, &x.s, &note, &e)) fail_with(&e);
  text_free(&note);
  return x;
}

static void run_gradients(arena *a, one_side *x, const corpus *c) {
  const example *list[N_EXAMPLES];
  for (uint32_t i = 0; i < N_EXAMPLES; i++) list[i] = &c->train.items[i];
  pack_row *rows;
  uint32_t n_rows;
  err e = {0};
  pack_examples(a, list, N_EXAMPLES, &x->s.batch->limits, true, &rows, &n_rows);
  if (!step_gradients(x->s.step, rows, n_rows, 0, &e)) fail_with(&e);
}

static float *download(arena *a, gpu_device *d, gpu_slice s) {
  float *values = ARENA_ARRAY(a, float, s.bytes / 4);
  err e = {0};
  if (!gpu_download(d, s, values, s.bytes, &e)) fail_with(&e);
  return values;
}

// Random values for B, which would begin at zero, and magnitudes away from what they begin with.
static void fill_adapter(arena *a, gpu_device *d, const one_side *x) {
  const adapter *ad = x->s.adapter;
  rng r = rng_new(11, RNG_TEST);
  err e = {0};
  for (uint32_t i = 0; i < ad->n; i++) {
    const tensor *b = ad->entries[i].b, *m = ad->entries[i].m;
    float *values = ARENA_ARRAY(a, float, tensor_elements(b));
    for (uint64_t k = 0; k < tensor_elements(b); k++) values[k] = (float)rng_normal(&r) * 0.2f;
    if (!gpu_upload(d, b->memory, values, tensor_bytes(b), &e)) fail_with(&e);
    if (!m) continue;
    float *magnitudes = download(a, d, m->memory);
    for (uint64_t k = 0; k < tensor_elements(m); k++) magnitudes[k] *= 1 + 0.3f * (float)rng_normal(&r);
    if (!gpu_upload(d, m->memory, magnitudes, tensor_bytes(m), &e)) fail_with(&e);
  }
  if (!dora_compute_norms(x->m, d, &e)) fail_with(&e);
}

// out [rows, cols] = scale · x [rows, inner] · y [inner, cols], by strides.
static void multiply(double scale, const float *x, uint32_t x_row, uint32_t x_col, const float *y, uint32_t y_row, uint32_t y_col,
                     uint32_t rows, uint32_t inner, uint32_t cols, double *out) {
  for (uint32_t i = 0; i < rows; i++)
    for (uint32_t j = 0; j < cols; j++) {
      double sum = 0;
      for (uint32_t k = 0; k < inner; k++) sum += (double)x[i * x_row + k * x_col] * y[k * y_row + j * y_col];
      out[(uint64_t)i * cols + j] = scale * sum;
    }
}

// The rows of w at the lengths of the magnitudes; `directions` gets them at length 1, factors what W + s B A is multiplied by.
static void set_lengths(arena *a, gpu_device *d, const adapter_entry *x, float *w, float *directions, float *factors) {
  const uint32_t out = x->b->shape[0], in = x->a->shape[1];
  const float *m = download(a, d, x->m->memory);
  for (uint32_t i = 0; i < out; i++) {
    double squares = 0;
    for (uint32_t j = 0; j < in; j++) squares += (double)w[i * in + j] * w[i * in + j];
    factors[i] = (float)(m[i] / sqrt(squares));
    for (uint32_t j = 0; j < in; j++) {
      directions[i * in + j] = (float)(w[i * in + j] / sqrt(squares));
      w[i * in + j] *= factors[i];
    }
  }
}

// W' in the weights of the side that trains all of them. With DoRA directions[i] and factors[i] are those of entry i.
static void merge(arena *a, gpu_device *d, const adapter *ad, one_side *full, float **directions, float **factors) {
  err e = {0};
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    const uint32_t out = x->b->shape[0], in = x->a->shape[1];
    const model_param *p = model_find(full->m, x->param->name);
    float *w = download(a, d, p->t->memory);
    double *term = ARENA_ARRAY(a, double, (uint64_t)out *in);
    multiply(adapter_scale(&ad->config), download(a, d, x->b->memory), RANK, 1, download(a, d, x->a->memory), in, 1, out, RANK,
             in, term);
    for (uint64_t k = 0; k < (uint64_t)out * in; k++) w[k] = (float)(w[k] + term[k]);
    directions[i] = ARENA_ARRAY(a, float, (uint64_t)out *in);
    factors[i] = ARENA_ARRAY(a, float, out);
    for (uint32_t k = 0; k < out; k++) factors[i][k] = 1;
    if (x->m) set_lengths(a, d, x, w, directions[i], factors[i]);
    if (!gpu_upload(d, p->t->memory, w, tensor_bytes(p->t), &e)) fail_with(&e);
  }
}

static gpu_slice gradient_of(const setup *s, const tensor *t) {
  for (uint64_t i = 0; i < s->params.n; i++)
    if (s->params.items[i].t == t) return params_slice(&s->params.items[i], s->params.regions[s->params.items[i].region].grad);
  fail_msg("%s is not trained", t->name);
  return (gpu_slice){0};
}

static double check(const char *name, const double *want, const float *found, uint64_t n) {
  double squares = 0, difference = 0;
  for (uint64_t i = 0; i < n; i++) {
    squares += want[i] * want[i];
    difference += (want[i] - found[i]) * (want[i] - found[i]);
  }
  const double relative = sqrt(difference / squares);
  if (!(squares > 0 && relative <= 1e-4)) fail_msg("%s: %g away from what the whole weight's gradient says", name, relative);
  return relative;
}

// What DoRA adds: its magnitudes' gradients; and dw becomes G dW'.
static double check_magnitude(arena *a, gpu_device *d, const one_side *low, const adapter_entry *x, const float *directions,
                              const float *factors, float *dw) {
  const uint32_t out = x->b->shape[0], in = x->a->shape[1];
  double *want = ARENA_ARRAY(a, double, out);
  for (uint32_t i = 0; i < out; i++)
    for (uint32_t j = 0; j < in; j++) {
      want[i] += (double)dw[i * in + j] * directions[i * in + j];
      dw[i * in + j] *= factors[i];
    }
  return check(x->m_name, want, download(a, d, gradient_of(&low->s, x->m)), out);
}

static void gradients(lora_form form) {
  arena *a = arena_new("LoRA gradients");
  gpu_device *d;
  err e = {0};
  if (!device_open(a, getenv("VKIFT_DEVICE"), &d, &e)) fail_with(&e);
  corpus c = {.train = tiny_data(a, lengths, N_EXAMPLES, 8), .longest = 44};
  const char *dir = tiny_model("lora");
  one_side low = open_side(a, d, dir, &c, VKIFT_LORA, form), full = open_side(a, d, dir, &c, VKIFT_FULL, PLAIN);
  const adapter *ad = low.s.adapter;
  float **directions = ARENA_ARRAY(a, float *, ad->n), **factors = ARENA_ARRAY(a, float *, ad->n);
  fill_adapter(a, d, &low);
  merge(a, d, ad, &full, directions, factors);
  run_gradients(a, &low, &c);
  run_gradients(a, &full, &c);
  double worst = 0;
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    const uint32_t out = x->b->shape[0], in = x->a->shape[1];
    float *dw = download(a, d, gradient_of(&full.s, model_find(full.m, x->param->name)->t));
    double *want = ARENA_ARRAY(a, double, RANK *(uint64_t)(in > out ? in : out));
    const double scale = adapter_scale(&ad->config);
    if (x->m) worst = fmax(worst, check_magnitude(a, d, &low, x, directions[i], factors[i], dw));
    multiply(scale, download(a, d, x->b->memory), 1, RANK, dw, in, 1, RANK, out, in, want); // Bᵀ dW'
    worst = fmax(worst, check(x->a_name, want, download(a, d, gradient_of(&low.s, x->a)), RANK * (uint64_t)in));
    multiply(scale, dw, in, 1, download(a, d, x->a->memory), 1, in, out, in, RANK, want); // dW' Aᵀ
    worst = fmax(worst, check(x->b_name, want, download(a, d, gradient_of(&low.s, x->b)), RANK * (uint64_t)out));
  }
  print_message("%u adapted weights; at most %.2g away\n", ad->n, worst);
  assert_int_equal(ad->n, 21);
  setup_close(&low.s);
  setup_close(&full.s);
  model_close(low.m);
  model_close(full.m);
  assert_int_equal(device_validation_messages(d), 0);
  device_close(d);
  arena_free(a);
}

static void lora(void **state) {
  (void)state;
  gradients(PLAIN);
}

static void rslora(void **state) {
  (void)state;
  gradients(RSLORA);
}

static void dora(void **state) {
  (void)state;
  gradients(DORA);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lora),
      cmocka_unit_test(rslora),
      cmocka_unit_test(dora),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
