// Ten LoRA steps beside weights that stay quantized on the device follow the same steps beside what they decode to, in f32: for
// each of ggml's types from a GGUF file that the test writes (where the rows of q and k are interleaved), and for nf4. What the
// weights take on the device is what the types say; a model that cannot be kept so is refused.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "eval/loaded.h"
#include "support/blocks.h"
#include "support/tiny_model.h"
#include "train/setup.h"

enum { HIDDEN = 256, MLP = 512, LAYERS = 2, HEADS = 4, KV_HEADS = 2, HEAD = 64, VOCABULARY = 263 };
enum { N_EXAMPLES = 4, CAPACITY = 128, STEPS = 10, ALIGNMENT = 32, U32 = 4, F32 = 6, STRING = 8 };
static const uint32_t lengths[N_EXAMPLES] = {31, 17, 44, 26};

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

// --- a GGUF file -----------------------------------------------------------------------------------------------------------

// ggml's numbers.
static const uint32_t number_of[DTYPE_COUNT] = {
    [DTYPE_F32] = 0,  [DTYPE_Q4_0] = 2,  [DTYPE_Q4_1] = 3,  [DTYPE_Q5_0] = 6, [DTYPE_Q5_1] = 7,
    [DTYPE_Q8_0] = 8, [DTYPE_Q4_K] = 12, [DTYPE_Q5_K] = 13, [DTYPE_Q6_K] = 14};

typedef struct made {
  text head, data;
  uint32_t tensors;
  rng random;
} made;

static void put_u32(text *t, uint32_t x) {
  text_put(t, (const char *)&x, 4);
}

static void put_u64(text *t, uint64_t x) {
  text_put(t, (const char *)&x, 8);
}

static void put_string(text *t, const char *s) {
  put_u64(t, strlen(s));
  text_puts(t, s);
}

static void put_number(text *t, const char *key, uint32_t x) {
  put_string(t, key);
  put_u32(t, U32);
  put_u32(t, x);
}

// Of a quantized type random blocks; of f32 random values, or ones for a norm (columns 0).
static void put_tensor(made *g, const char *name, dtype type, uint32_t rows, uint32_t columns) {
  const uint64_t n = (uint64_t)rows * (columns ? columns : 1), bytes = dtype_bytes(columns ? type : DTYPE_F32, n);
  uint8_t *data = malloc(bytes);
  assert_non_null(data);
  put_string(&g->head, name);
  put_u32(&g->head, columns ? 2 : 1);
  if (columns) put_u64(&g->head, columns);
  put_u64(&g->head, rows);
  put_u32(&g->head, number_of[columns ? type : DTYPE_F32]);
  put_u64(&g->head, g->data.length);
  if (columns && dtype_is_quantized(type)) {
    blocks_random(&g->random, type, n, 1 / sqrt(columns), data);
  } else {
    for (uint64_t i = 0; i < n; i++) ((float *)data)[i] = columns ? (float)(rng_normal(&g->random) / sqrt(columns)) : 1;
  }
  text_put(&g->data, (const char *)data, bytes);
  while (g->data.length % ALIGNMENT) text_putc(&g->data, 0);
  g->tensors++;
  free(data);
}

static void put_layer(made *g, uint32_t l, dtype type) {
  static const struct {
    const char *name;
    uint32_t rows, columns;
  } of[] = {{"attn_norm", HIDDEN, 0},
            {"attn_q", HEADS * HEAD, HIDDEN},
            {"attn_k", KV_HEADS * HEAD, HIDDEN},
            {"attn_v", KV_HEADS * HEAD, HIDDEN},
            {"attn_output", HIDDEN, HEADS * HEAD},
            {"ffn_norm", HIDDEN, 0},
            {"ffn_gate", MLP, HIDDEN},
            {"ffn_up", MLP, HIDDEN},
            {"ffn_down", HIDDEN, MLP}};
  char name[64];
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    snprintf(name, sizeof name, "blk.%u.%s.weight", l, of[i].name);
    put_tensor(g, name, type, of[i].rows, of[i].columns);
  }
}

// A Llama whose matrices are of that type; head: those of the output layer.
static const char *write_model(const char *name, dtype type, dtype head, uint64_t seed) {
  made g = {.random = rng_new(seed, RNG_TEST)};
  text file = {0};
  const float eps = 1e-5f;
  put_tensor(&g, "token_embd.weight", type, VOCABULARY, HIDDEN);
  for (uint32_t l = 0; l < LAYERS; l++) put_layer(&g, l, type);
  put_tensor(&g, "output_norm.weight", DTYPE_F32, HIDDEN, 0);
  put_tensor(&g, "output.weight", head, VOCABULARY, HIDDEN);
  text_puts(&file, "GGUF");
  put_u32(&file, 3);
  put_u64(&file, g.tensors);
  put_u64(&file, 10);
  put_string(&file, "general.architecture"), put_u32(&file, STRING), put_string(&file, "llama");
  put_number(&file, "llama.vocab_size", VOCABULARY);
  put_number(&file, "llama.embedding_length", HIDDEN);
  put_number(&file, "llama.feed_forward_length", MLP);
  put_number(&file, "llama.block_count", LAYERS);
  put_number(&file, "llama.attention.head_count", HEADS);
  put_number(&file, "llama.attention.head_count_kv", KV_HEADS);
  put_number(&file, "llama.context_length", 512);
  put_string(&file, "llama.attention.layer_norm_rms_epsilon"), put_u32(&file, F32), text_put(&file, (const char *)&eps, 4);
  put_number(&file, "general.alignment", ALIGNMENT);
  text_put(&file, g.head.data, g.head.length);
  while (file.length % ALIGNMENT) text_putc(&file, 0);
  text_put(&file, g.data.data, g.data.length);
  const char *path = test_path(test_directory(), name);
  test_write(path, file.data, file.length);
  text_free(&file);
  text_free(&g.head);
  text_free(&g.data);
  return path;
}

// --- training --------------------------------------------------------------------------------------------------------------

typedef struct losses {
  double of[STEPS];
  uint64_t frozen_bytes;
} losses;

static vkift_train_options options_of(vkift_weight_type type, vkift_quantize quantize) {
  vkift_train_options o = vkift_train_defaults();
  o.lora_r = 4;
  o.learning_rate = 5e-3;
  o.weight_dtype = type;
  o.quantize = quantize;
  o.tune = VKIFT_OFF;
  return o;
}

// The model has what nf4 makes of its linear weights, in f32, as if its file had.
static void round_linear(arena *a, model *m, load_type nf4) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    if (p->role != PARAM_LINEAR) continue;
    weight *w = ARENA_NEW(a, weight);
    float *values = ARENA_ARRAY(a, float, (uint64_t)p->shape[0] * p->shape[1]);
    load_read(m, p, nf4, values);
    *w = *p->source;
    w->data = (const uint8_t *)values;
    p->source = w;
    p->gguf_rotary_heads = 0; // rows are in Hugging Face's order
  }
}

// B begins at zero, so that the first loss is the base's alone.
static losses train(gpu_device *d, const char *path, const vkift_train_options *o, load_type nf4) {
  losses found;
  setup s;
  model *m;
  err e = {0};
  text note = {0};
  arena *a = arena_new("quantized training");
  const corpus c = {.train = tiny_data(a, lengths, N_EXAMPLES, 8), .longest = 44};
  const example *list[N_EXAMPLES];
  pack_row *rows;
  uint32_t n_rows;
  for (uint32_t i = 0; i < N_EXAMPLES; i++) list[i] = &c.train.items[i];
  if (!model_open_shape(a, path, false, &m, &e)) fail_with(&e);
  if (nf4) round_linear(a, m, nf4);
  if (!setup_open(a, m, d, &c, o, &(setup_choice){.capacity = CAPACITY}, &s, &note, &e)) fail_with(&e);
  pack_examples(a, list, N_EXAMPLES, &s.batch->limits, true, &rows, &n_rows);
  const struct step_hyper h = {.learning_rate = (float)o->learning_rate,
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .ln_beta1 = logf(0.9f),
                               .ln_beta2 = logf(0.999f),
                               .epsilon = 1e-8f,
                               .max_grad_norm = 1,
                               .inverse_targets = 1 / (float)c.train.n_targets};
  for (int i = 0; i < STEPS; i++) {
    if (!step_run(s.step, rows, n_rows, 0, &h, &e)) fail_with(&e);
    found.of[i] = step_result(s.step).loss;
  }
  found.frozen_bytes = s.need.frozen;
  text_free(&note);
  setup_close(&s);
  model_close(m);
  arena_free(a);
  return found;
}

static void compare(const char *what, const losses *kept, const losses *wide) {
  double worst = 0;
  for (int i = 0; i < STEPS; i++) {
    const double relative = fabs(kept->of[i] - wide->of[i]) / wide->of[i];
    if (!(relative <= 1e-3)) fail_msg("%s: step %d: expected the loss %.6g, found %.6g", what, i + 1, wide->of[i], kept->of[i]);
    worst = fmax(worst, relative);
  }
  if (!(wide->of[STEPS - 1] < 0.9 * wide->of[0]))
    fail_msg("%s: nothing was learnt: %g to %g", what, wide->of[0], wide->of[STEPS - 1]);
  print_message("%s: losses %.4f to %.4f, at most %.2g away; weights %.1f MB instead of %.1f\n", what, kept->of[0],
                kept->of[STEPS - 1], worst, (double)kept->frozen_bytes / 1e6, (double)wide->frozen_bytes / 1e6);
}

typedef struct fixture {
  arena *memory;
  gpu_device *device;
} fixture;

static fixture open_device(void) {
  fixture f = {.memory = arena_new("device")};
  err e = {0};
  if (!device_open(f.memory, getenv("VKIFT_DEVICE"), &f.device, &e)) fail_with(&e);
  return f;
}

static void close_device(fixture *f) {
  assert_int_equal(device_validation_messages(f->device), 0);
  device_close(f->device);
  arena_free(f->memory);
}

// Matrices take what the type says; norms, and what each tensor is rounded up to, are a little more.
static void takes(const char *what, const losses *kept, const losses *wide, double bytes_of_element) {
  const double least = (double)wide->frozen_bytes * 0.95 * bytes_of_element / 4,
               most = least + 40000 + (double)wide->frozen_bytes * 0.1 * bytes_of_element / 4;
  if (!((double)kept->frozen_bytes >= least && (double)kept->frozen_bytes <= most))
    fail_msg("%s: expected about %.0f bytes, found %llu", what, least, (unsigned long long)kept->frozen_bytes);
}

// The first types of this list on every lane; with the argument "all" (quantized_slow_test) each, which takes minutes on slow drivers.
enum { N_TYPES = 8, N_ON_EACH_LANE = 3 };

static void blocks_of_a_file(void **state) {
  const size_t n = *(const size_t *)*state;
  static const dtype types[N_TYPES] = {DTYPE_Q8_0, DTYPE_Q5_0, DTYPE_Q4_K, DTYPE_Q4_0,
                                       DTYPE_Q4_1, DTYPE_Q5_1, DTYPE_Q5_K, DTYPE_Q6_K};
  fixture f = open_device();
  for (size_t i = 0; i < n; i++) {
    const dtype_info *info = dtype_get(types[i]);
    const char *path = write_model(info->name, types[i], types[i], 30 + i);
    const vkift_train_options as_it_is = options_of(VKIFT_WEIGHT_AUTO, VKIFT_NO_QUANTIZE);
    const vkift_train_options decoded = options_of(VKIFT_WEIGHT_F32, VKIFT_NO_QUANTIZE);
    const losses kept = train(f.device, path, &as_it_is, LOAD_AUTO), wide = train(f.device, path, &decoded, LOAD_AUTO);
    compare(info->name, &kept, &wide);
    takes(info->name, &kept, &wide, (double)info->block_bytes / info->block_elements);
  }
  close_device(&f);
}

static void nf4_made_at_load(void **state) {
  (void)state;
  fixture f = open_device();
  const char *path = write_model("f32", DTYPE_F32, DTYPE_F32, 50);
  const vkift_train_options decoded = options_of(VKIFT_WEIGHT_F32, VKIFT_NO_QUANTIZE);
  const double linear = LAYERS * HIDDEN * (2 * HEADS * HEAD + 2 * KV_HEADS * HEAD + 3 * MLP);
  static const struct {
    load_type type;
    double bytes_of_element;
  } forms[] = {{LOAD_NF4, 36 / 64.0}, {LOAD_NF4_DOUBLE, 8456 / 16384.0}};
  for (int i = 0; i < 2; i++) {
    vkift_train_options nf4 = options_of(VKIFT_WEIGHT_AUTO, VKIFT_NF4);
    nf4.double_quantization = forms[i].type == LOAD_NF4_DOUBLE;
    const losses kept = train(f.device, path, &nf4, LOAD_AUTO), wide = train(f.device, path, &decoded, forms[i].type);
    compare(i ? "nf4, double quantization" : "nf4", &kept, &wide);
    const double less = (double)wide.frozen_bytes - (double)kept.frozen_bytes;
    if (!(fabs(less - linear * (4 - forms[i].bytes_of_element)) < 20000)) fail_msg("%g bytes less", less); // parts are filled up
  }
  close_device(&f);
}

// --- what cannot be kept so ------------------------------------------------------------------------------------------------

static void refuse(const char *path, const vkift_train_options *o, bool is_loaded, const char *complaint) {
  arena *a = arena_new("refused");
  model *m;
  err e = {0};
  if (!model_open_shape(a, path, false, &m, &e)) fail_with(&e);
  assert_false(load_check(m, loaded_type(o->weight_dtype, o), is_loaded, &e));
  if (!strstr(e.message, complaint)) fail_msg("expected \"%s\", found \"%s\"", complaint, e.message);
  model_close(m);
  arena_free(a);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  const char *mixed = write_model("mixed", DTYPE_Q4_K, DTYPE_Q6_K, 60), *wide = write_model("wide", DTYPE_F32, DTYPE_F32, 61);
  const vkift_train_options q4_k = options_of(VKIFT_WEIGHT_Q4_K, VKIFT_NO_QUANTIZE);
  const vkift_train_options nf4 = options_of(VKIFT_WEIGHT_AUTO, VKIFT_NF4);
  refuse(mixed, &q4_k, true, "tensor lm_head.weight: expected q4_k, as weight_dtype says, found q6_k");
  refuse(wide, &q4_k, true, "tensor model.embed_tokens.weight: expected q4_k, as weight_dtype says, found f32");
  refuse(mixed, &nf4, true, "expected 16 or 32 bits, of which nf4 is made, found q4_k");
  const char *tiny = tiny_model("tiny");
  refuse(tiny, &nf4, false, "q_proj.weight: expected rows in blocks of 64 elements, as nf4 has, found the shape [40, 44]");
  refuse(tiny, &q4_k, false,
         "model.embed_tokens.weight: expected rows in blocks of 256 elements, as q4_k has, found the shape [263, 44]");
}

int main(int argc, char **argv) {
  size_t n = argc > 1 && !strcmp(argv[1], "all") ? N_TYPES : N_ON_EACH_LANE;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(blocks_of_a_file, &n),
      cmocka_unit_test(nf4_made_at_load),
      cmocka_unit_test(what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
