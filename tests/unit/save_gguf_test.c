// Models and adapters written as GGUF and opened again: every number, the configuration, and what cannot be written.
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "models/prompt_choice.h"
#include "models/save_gguf.h"
#include "support/byte_tokenizer.h"

enum { SEED = 5 };

// A model without files of weights: model_read_param draws them.
static model *open_made(arena *a, const char *config) {
  const char *dir = test_path(test_directory(), "made");
  text tokens = {0};
  model *m = NULL;
  err e = {0};
  test_ok(dir_make(dir, &e), &e);
  byte_tokenizer_json(false, &tokens);
  test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  text_free(&tokens);
  test_ok(model_open(a, dir, true, &m, &e), &e);
  return m;
}

#define LLAMA(hidden, intermediate, more)                                                                                \
  "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 270, \"hidden_size\": " hidden \
  ", \"intermediate_size\": " intermediate                                                                               \
  ", \"num_hidden_layers\": 2, \"num_attention_heads\": 4, "                                                             \
  "\"num_key_value_heads\": 2, \"head_dim\": 10, \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-5, "             \
  "\"rope_theta\": 5000, \"bos_token_id\": 259, \"eos_token_id\": [259, 261], \"pad_token_id\": 260" more "}"

static bool drawn_values(void *user, const model_param *p, float *out, err *e) {
  (void)e;
  model_read_param(user, p, SEED, out);
  return true;
}

static bool save(model *m, const char *path, dtype type, save_values *values, save_gguf_result *r, err *e) {
  arena *a = arena_new("prompt");
  prompt_style prompt;
  const bool ok = prompt_choose(a, m, "chatml", &prompt, e) && save_gguf(m, &prompt, path, type, values, m, r, e);
  arena_free(a);
  return ok;
}

static uint64_t elements_of(const model_param *p) {
  return (uint64_t)p->shape[0] * (p->n_dims > 1 ? p->shape[1] : 1);
}

// Within `relative` of each number's size, or of its row's largest.
static void check_params(arena *a, const model *m, const model *back, float relative) {
  assert_int_equal(m->n_params, back->n_params);
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i], *q = model_find(back, p->name);
    assert_non_null(q);
    const uint64_t n = elements_of(p), row = p->n_dims > 1 ? p->shape[1] : 1;
    float *x = ARENA_ARRAY(a, float, n), *y = ARENA_ARRAY(a, float, n);
    model_read_param(m, p, SEED, x);
    model_read_param(back, q, 0, y);
    for (uint64_t r = 0; r < n / row; r++) {
      float most = 0;
      for (uint64_t k = 0; k < row; k++) most = fmaxf(most, fabsf(x[r * row + k]));
      for (uint64_t k = 0; k < row; k++)
        if (!(fabsf(x[r * row + k] - y[r * row + k]) <= relative * most))
          fail_msg("%s: row %d, column %d: %g and %g", p->name, (int)r, (int)k, (double)x[r * row + k], (double)y[r * row + k]);
    }
  }
}

static void every_type_is_read_back(void **state) {
  (void)state;
  static const struct {
    dtype type;
    float relative;
    uint32_t n_f16;
  } rows[] = {{DTYPE_F32, 0, 0},           {DTYPE_F16, 0x1p-11f, 0},   {DTYPE_BF16, 0x1p-8f, 0},
              {DTYPE_Q8_0, 0.6f / 127, 4}, {DTYPE_Q4_0, 1.05f / 8, 4}, {DTYPE_COUNT, 0, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    model *m = open_made(a, LLAMA("64", "70", "")), *back = NULL;
    save_gguf_result r;
    err e = {0};
    const char *path = test_path(test_directory(), arena_printf(a, "%d.gguf", (int)i));
    test_ok(save(m, path, rows[i].type, drawn_values, &r, &e), &e);
    assert_int_equal(r.n_f16, rows[i].n_f16); // o_proj and down_proj, whose rows have 40 and 70 numbers, of two layers
    assert_int_equal(r.type, rows[i].type == DTYPE_COUNT ? DTYPE_F32 : rows[i].type);
    test_ok(model_open(a, path, false, &back, &e), &e);
    check_params(a, m, back, rows[i].relative);
    const model_config *c = &m->config, *d = &back->config;
    assert_true(c->vocab_size == d->vocab_size && c->hidden_size == d->hidden_size &&
                c->intermediate_size == d->intermediate_size);
    assert_true(c->n_layers == d->n_layers && c->n_heads == d->n_heads && c->n_kv_heads == d->n_kv_heads);
    assert_true(c->head_dim == d->head_dim && c->max_positions == d->max_positions && d->rope_theta == 5000);
    assert_true((float)c->rms_norm_eps == (float)d->rms_norm_eps && c->tie_embeddings == d->tie_embeddings);
    // The end of a turn first, then the model's other end.
    assert_true(d->bos_id == BYTE_EOS && d->n_eos == 2 && d->eos_ids[0] == BYTE_IM_END && d->eos_ids[1] == BYTE_EOS);
    assert_non_null(strstr(back->chat_template, "<|im_start|>"));
    if (rows[i].type == DTYPE_Q4_0) assert_int_equal(model_head(back)->source->type, DTYPE_Q8_0);
    model_close(back);
    model_close(m);
    arena_free(a);
  }
}

static void rope_scalings_come_along(void **state) {
  (void)state;
  static const char *const configs[] = {
      LLAMA("64", "70", ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 4.0}"),
      LLAMA("64", "70",
            ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, "
            "\"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 128}"),
      LLAMA("64", "70", ", \"tie_word_embeddings\": true"),
  };
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    arena *a = arena_new("test");
    model *m = open_made(a, configs[i]), *back = NULL;
    save_gguf_result r;
    err e = {0};
    enum { POSITIONS = 512, HALF = 5 };
    float tables[4][POSITIONS * HALF];
    const char *path = test_path(test_directory(), arena_printf(a, "scaled%d.gguf", (int)i));
    test_ok(save(m, path, DTYPE_F32, drawn_values, &r, &e), &e);
    test_ok(model_open(a, path, false, &back, &e), &e);
    check_params(a, m, back, 0);
    model_rotary_tables(&m->config, false, POSITIONS, POSITIONS, tables[0], tables[1]);
    model_rotary_tables(&back->config, false, POSITIONS, POSITIONS, tables[2], tables[3]);
    for (int k = 0; k < POSITIONS * HALF; k++)
      assert_true(fabsf(tables[0][k] - tables[2][k]) < 1e-4f && fabsf(tables[1][k] - tables[3][k]) < 1e-4f);
    // From the GGUF once more: everything is copied through.
    model *third = NULL;
    const char *again = test_path(test_directory(), "again.gguf");
    test_ok(save(back, again, DTYPE_F32, drawn_values, &r, &e), &e);
    test_ok(model_open(a, again, false, &third, &e), &e);
    assert_int_equal(third->gguf.n_values, back->gguf.n_values);
    assert_int_equal(third->gguf.weights.n, back->gguf.weights.n);
    for (uint64_t k = 0; k < back->gguf.weights.n; k++) {
      const weight *x = &back->gguf.weights.items[k], *y = &third->gguf.weights.items[k];
      assert_string_equal(x->name, y->name);
      assert_int_equal(x->bytes, y->bytes);
      assert_memory_equal(x->data, y->data, x->bytes);
    }
    model_close(third);
    model_close(back);
    model_close(m);
    arena_free(a);
  }
}

#define OTHER(architecture, type, more)                                                                           \
  "{\"architectures\": [\"" architecture "\"], \"model_type\": \"" type                                           \
  "\", \"vocab_size\": 270, \"hidden_size\": 64, "                                                                \
  "\"intermediate_size\": 96, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, " \
  "\"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-5, \"bos_token_id\": 259, \"eos_token_id\": 261" more "}"

static const char gpt2[] =
    "{\"architectures\": [\"GPT2LMHeadModel\"], \"model_type\": \"gpt2\", \"vocab_size\": 270, \"n_embd\": 64, "
    "\"n_layer\": 2, \"n_head\": 4, \"n_positions\": 128, \"layer_norm_epsilon\": 1e-5, "
    "\"activation_function\": \"gelu_new\", \"bos_token_id\": 259, \"eos_token_id\": 261}";

static void every_family_is_read_back(void **state) {
  (void)state;
  const char *const configs[] = {
      OTHER("LlamaForCausalLM", "llama", ""),
      OTHER("Qwen2ForCausalLM", "qwen2", ""),
      OTHER("Qwen3ForCausalLM", "qwen3", ", \"head_dim\": 32"),
      gpt2,
      OTHER("Gemma2ForCausalLM", "gemma2",
            ", \"head_dim\": 32, \"query_pre_attn_scalar\": 32, \"sliding_window\": 24, \"attn_logit_softcapping\": 40.0, "
            "\"final_logit_softcapping\": 20.0"),
      OTHER("Gemma3ForCausalLM", "gemma3_text",
            ", \"head_dim\": 32, \"query_pre_attn_scalar\": 32, \"sliding_window\": 24, \"sliding_window_pattern\": 2, "
            "\"rope_theta\": 20000.0, \"rope_local_base_freq\": 3000.0, \"rope_scaling\": {\"rope_type\": \"linear\", "
            "\"factor\": 8.0}"),
      OTHER("Phi3ForCausalLM", "phi3", ", \"pad_token_id\": 0, \"sliding_window\": 100"),
      OTHER("Phi3ForCausalLM", "phi3",
            ", \"pad_token_id\": 0, \"original_max_position_embeddings\": 128, \"partial_rotary_factor\": 0.5, \"rope_scaling\": "
            "{\"type\": \"longrope\", \"short_factor\": [1.0, 1.1, 1.2, 1.3], \"long_factor\": [1.0, 2.5, 3.5, 4.25]}"),
  };
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    arena *a = arena_new("test");
    model *m = open_made(a, configs[i]), *back = NULL;
    save_gguf_result r;
    err e = {0};
    const char *path = test_path(test_directory(), arena_printf(a, "family%d.gguf", (int)i));
    test_ok(save(m, path, DTYPE_F32, drawn_values, &r, &e) && model_open(a, path, false, &back, &e), &e);
    assert_ptr_equal(m->family, back->family);
    check_params(a, m, back, 1e-6f); // a norm that GGUF has as 1 + w loses a little
    const model_config *c = &m->config, *d = &back->config;
    assert_true(c->max_positions == d->max_positions && c->head_dim == d->head_dim && c->n_kv_heads == d->n_kv_heads);
    assert_true((float)c->rms_norm_eps == (float)d->rms_norm_eps && (float)c->rope_theta == (float)d->rope_theta);
    assert_true(c->sliding_window == d->sliding_window && (float)c->attention_cap == (float)d->attention_cap);
    assert_true((float)c->logits_cap == (float)d->logits_cap && c->gelu == d->gelu);
    const double head = c->head_dim; // whose root divides where nothing else is said
    assert_true((c->query_scalar > 0 ? c->query_scalar : head) == (d->query_scalar > 0 ? d->query_scalar : head));
    assert_true((float)c->rope_local_theta == (float)d->rope_local_theta && fabs(c->embedding_scale - d->embedding_scale) < 1e-5);
    assert_memory_equal(c->full_layers, d->full_layers, c->n_layers);
    assert_memory_equal(c->rope_long, d->rope_long, sizeof c->rope_long);
    assert_memory_equal(c->rope_short, d->rope_short, sizeof c->rope_short);
    model_close(back);
    model_close(m);
    arena_free(a);
  }
}

static void a_window_bounds_the_context(void **state) {
  (void)state;
  arena *a = arena_new("test");
  model *m = open_made(a, LLAMA("64", "70", "")), *back = NULL;
  save_gguf_result r;
  err e = {0};
  const char *path = test_path(test_directory(), "window.gguf");
  m->config.sliding_window = 100;
  test_ok(save(m, path, DTYPE_F16, drawn_values, &r, &e) && model_open(a, path, false, &back, &e), &e);
  assert_int_equal(back->config.max_positions, 100);
  model_close(back);
  model_close(m);
  arena_free(a);
}

// ---- what cannot be written ----

static float planted;
static bool planted_values(void *user, const model_param *p, float *out, err *e) {
  drawn_values(user, p, out, e);
  if (!strcmp(p->name, "model.layers.1.mlp.up_proj.weight")) out[3] = planted;
  return true;
}

static void values_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const struct {
    float value;
    dtype type;
    const char *message; // NULL: it fits
  } rows[] = {
      {NAN, DTYPE_F32, "element 3: expected a number that fits f32, found"},
      {INFINITY, DTYPE_Q8_0, "element 3: expected a number that fits q8_0, found inf"},
      {70000, DTYPE_F16, "blk.1.ffn_up.weight: element 3: expected a number that fits f16, found 70000 (--dtype bf16 holds it)"},
      {70000, DTYPE_BF16, NULL},
      {65504, DTYPE_F16, NULL}};
  arena *a = arena_new("test");
  model *m = open_made(a, LLAMA("64", "70", ""));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    save_gguf_result r;
    err e = {0};
    const char *path = test_path(test_directory(), "planted.gguf");
    planted = rows[i].value;
    const bool ok = save(m, path, rows[i].type, planted_values, &r, &e);
    if (ok != !rows[i].message || (!ok && !strstr(e.message, rows[i].message))) fail_msg("%d: %s", (int)i, e.message);
    assert_int_equal(file_exists(path), ok);
    if (ok) remove(path);
  }
  model_close(m);
  arena_free(a);
}

static void rows_that_no_block_fits_are_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  model *m = open_made(a, LLAMA("44", "61", ""));
  save_gguf_result r;
  err e = {0};
  assert_false(save(m, test_path(test_directory(), "odd.gguf"), DTYPE_Q8_0, drawn_values, &r, &e));
  assert_non_null(
      strstr(e.message, "tensor token_embd.weight: expected rows that are a multiple of 32 for q8_0, found shape [270, 44]"));
  model_close(m);
  arena_free(a);
}

static void what_gguf_takes_for_granted_is_checked(void **state) {
  (void)state;
  static const struct {
    const char *config, *message;
  } rows[] = {
      {OTHER("Gemma2ForCausalLM", "gemma2", ", \"head_dim\": 32, \"query_pre_attn_scalar\": 100, \"sliding_window\": 24"),
       "query_pre_attn_scalar: expected 32, which GGUF takes for granted, found 100"},
      {OTHER("Gemma2ForCausalLM", "gemma2",
             ", \"head_dim\": 32, \"query_pre_attn_scalar\": 32, \"sliding_window\": 24, "
             "\"layer_types\": [\"full_attention\", \"sliding_attention\"]"),
       "layer_types: expected each n-th layer to see all"},
      {OTHER("Gemma2ForCausalLM", "gemma2",
             ", \"head_dim\": 32, \"query_pre_attn_scalar\": 32, \"sliding_window\": 24, \"final_logit_softcapping\": null"),
       "final_logit_softcapping: expected a soft cap, which GGUF takes for granted in Gemma 2, found none"},
      {OTHER("Gemma2ForCausalLM", "gemma2",
             ", \"head_dim\": 32, \"query_pre_attn_scalar\": 32, \"sliding_window\": 24, \"attn_logit_softcapping\": null"),
       "attn_logit_softcapping: expected a soft cap"},
      {OTHER("Qwen2ForCausalLM", "qwen2",
             ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": "
             "4.0, "
             "\"original_max_position_embeddings\": 128}"),
       "rope_scaling: expected none or linear, since GGUF has no other for qwen2"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    model *m = open_made(a, rows[i].config);
    save_gguf_result r;
    err e = {0};
    assert_false(save(m, test_path(test_directory(), "granted.gguf"), DTYPE_F32, drawn_values, &r, &e));
    if (!strstr(e.message, rows[i].message)) fail_msg("%s", e.message);
    model_close(m);
    arena_free(a);
  }
}

// ---- adapters ----

static void an_adapter_is_what_peft_has(void **state) {
  (void)state;
  for (int rslora = 0; rslora < 2; rslora++) {
    arena *a = arena_new("test");
    model *m = open_made(a, LLAMA("64", "70", ""));
    err e = {0};
    const char *const targets[] = {"q_proj", "k_proj", "v_proj", "down_proj"};
    const adapter_config c = {.r = 3, .alpha = 12, .rslora = rslora, .targets = targets, .n_targets = 4};
    adapter *ad = NULL;
    test_ok(adapter_declare(a, m, &c, NULL, &ad, &e), &e);
    // Values of our own, as a PEFT file would have them.
    weights file = {.items = ARENA_ARRAY(a, weight, 2 * ad->n), .n = 2 * ad->n};
    rng r = rng_new(9, RNG_TEST);
    for (uint32_t i = 0; i < 2 * ad->n; i++) {
      const tensor *t = i % 2 ? ad->entries[i / 2].b : ad->entries[i / 2].a;
      const uint64_t n = tensor_elements(t);
      float *x = ARENA_ARRAY(a, float, n);
      for (uint64_t k = 0; k < n; k++) x[k] = (float)rng_normal(&r);
      file.items[i] = (weight){.name = t->name,
                               .type = DTYPE_F32,
                               .n_dims = 2,
                               .shape = {t->shape[0], t->shape[1]},
                               .data = (const uint8_t *)x,
                               .bytes = 4 * n,
                               .file = "made"};
    }
    test_ok(weights_sort(&file, &e), &e);
    prompt_style prompt;
    const char *path = test_path(test_directory(), "adapter.gguf"), *s;
    test_ok(prompt_choose(a, m, "chatml", &prompt, &e) && save_gguf_adapter(m, &prompt, ad, &file, path, DTYPE_F32, &e), &e);
    gguf g;
    float alpha = 0;
    test_ok(gguf_open(a, path, &g, &e) && gguf_get_f32(&g, "adapter.lora.alpha", &alpha, &e), &e);
    assert_true(fabsf(alpha - (rslora ? 12 * sqrtf(3) : 12)) < 1e-5f);
    test_ok(gguf_get_string(a, &g, "general.type", &s, &e), &e);
    assert_string_equal(s, "adapter");
    test_ok(gguf_get_string(a, &g, "general.architecture", &s, &e), &e);
    assert_string_equal(s, "llama");
    test_ok(gguf_get_string(a, &g, "adapter.type", &s, &e), &e);
    assert_string_equal(s, "lora");
    assert_int_equal(g.weights.n, 2 * ad->n);
    for (uint32_t i = 0; i < ad->n; i++) {
      const adapter_entry *x = &ad->entries[i];
      const weight *fa = weights_find(&file, x->a_name), *fb = weights_find(&file, x->b_name);
      const weight *ga = weights_find(&g.weights, arena_printf(a, "%s.lora_a", x->param->gguf_name));
      const weight *gb = weights_find(&g.weights, arena_printf(a, "%s.lora_b", x->param->gguf_name));
      assert_true(ga && gb && ga->shape[0] == 3 && ga->shape[1] == x->param->shape[1] && gb->shape[0] == x->param->shape[0] &&
                  gb->shape[1] == 3);
      assert_memory_equal(ga->data, fa->data, fa->bytes);
      // Rows of q and k: 2 i + j of a head of ten is i + 5 j.
      const uint32_t turned = strcmp(x->param->module, "q_proj") && strcmp(x->param->module, "k_proj") ? 0 : 10;
      for (uint32_t row = 0; row < x->param->shape[0]; row++) {
        const uint32_t in_head = turned ? row % 10 : 0, from = turned ? row - in_head + in_head / 2 + in_head % 2 * 5 : row;
        assert_memory_equal(gb->data + 12 * row, fb->data + 12 * from, 12);
      }
    }
    gguf_close(&g);
    model_close(m);
    arena_free(a);
  }
}

static void what_is_no_low_rank_term_has_to_be_merged(void **state) {
  (void)state;
  static const char *const names[] = {"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
                                      "base_model.model.lm_head.weight"};
  for (int i = 0; i < 2; i++) {
    arena *a = arena_new("test");
    model *m = open_made(a, LLAMA("64", "70", ""));
    err e = {0};
    const adapter_config c = {.r = 3, .alpha = 12};
    adapter *ad = NULL;
    weight one = {.name = names[i], .file = "made"};
    const weights file = {.items = &one, .n = 1};
    prompt_style prompt;
    test_ok(adapter_declare(a, m, &c, NULL, &ad, &e) && prompt_choose(a, m, "chatml", &prompt, &e), &e);
    const char *path = test_path(test_directory(), "whole.gguf");
    assert_false(save_gguf_adapter(m, &prompt, ad, &file, path, DTYPE_F32, &e));
    assert_non_null(strstr(e.message, names[i]));
    assert_non_null(strstr(e.message, "low-rank terms only: DoRA and modules_to_save have to be merged (--format gguf)"));
    assert_false(file_exists(path));
    model_close(m);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_is_read_back),
      cmocka_unit_test(rope_scalings_come_along),
      cmocka_unit_test(every_family_is_read_back),
      cmocka_unit_test(a_window_bounds_the_context),
      cmocka_unit_test(values_that_do_not_fit_are_refused),
      cmocka_unit_test(rows_that_no_block_fits_are_refused),
      cmocka_unit_test(what_gguf_takes_for_granted_is_checked),
      cmocka_unit_test(an_adapter_is_what_peft_has),
      cmocka_unit_test(what_is_no_low_rank_term_has_to_be_merged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
