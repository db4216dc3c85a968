// A model's configuration: transformers' defaults, bounds at their edges, rotary frequencies, and its list of parameters.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/config_model.h"

#define SIZES(vocabulary, hidden, intermediate, layers, heads)                                        \
  "\"vocab_size\": " vocabulary ", \"hidden_size\": " hidden ", \"intermediate_size\": " intermediate \
  ", \"num_hidden_layers\": " layers ", \"num_attention_heads\": " heads
#define LLAMA "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", "
#define MISTRAL "{\"architectures\": [\"MistralForCausalLM\"], \"model_type\": \"mistral\", "
#define USUAL SIZES("300", "48", "100", "2", "6")

static void with(const char *config, void (*check)(const model *m)) {
  arena *a = arena_new("configuration");
  err e = {0};
  model *m = config_model(a, config, &e);
  if (!m) fail_msg("%s: %s", config, e.message);
  check(m);
  model_close(m);
  arena_free(a);
}

static void check_defaults(const model *m) {
  const model_config *c = &m->config;
  assert_int_equal(c->n_kv_heads, 6); // no num_key_value_heads: every head has its own
  assert_int_equal(c->head_dim, 8);   // hidden_size / num_attention_heads
  assert_int_equal(c->max_positions, 2048);
  assert_int_equal(c->sliding_window, 0);
  assert_true(c->rms_norm_eps == 1e-6 && c->rope_theta == 10000 && c->initializer_range == 0.02);
  assert_int_equal(c->scaling, ROPE_PLAIN);
  assert_false(c->tie_embeddings);
  assert_int_equal(c->bos_id, -1);
  assert_int_equal(c->n_eos, 0);
}

static void check_given(const model *m) {
  const model_config *c = &m->config;
  assert_int_equal(c->n_kv_heads, 2);
  assert_int_equal(c->head_dim, 10);
  assert_int_equal(c->max_positions, 77);
  assert_int_equal(c->sliding_window, 0); // llama has none, whatever the file says
  assert_true(c->rms_norm_eps == 1e-5 && c->rope_theta == 5e5);
  assert_true(c->tie_embeddings);
  assert_int_equal(c->bos_id, 259);
  assert_int_equal(c->n_eos, 2);
  assert_true(model_is_eos(m, 261) && model_is_eos(m, 260) && !model_is_eos(m, 259));
  assert_ptr_equal(model_head(m), model_find(m, "model.embed_tokens.weight"));
  assert_null(model_find(m, "lm_head.weight"));
  const model_param *k = model_find(m, "model.layers.1.self_attn.k_proj.weight");
  assert_true(k && k->shape[0] == 20 && k->shape[1] == 48 && k->role == PARAM_LINEAR);
  assert_int_equal(m->n_params, 1 + 2 * 9 + 1);
  // embedding, q and o (60 wide), k and v (20 wide), three of the MLP, norms
  assert_int_equal(m->n_parameters, 300 * 48 + 2 * (2 * 60 * 48 + 2 * 20 * 48 + 3 * 100 * 48 + 2 * 48) + 48);
}

static void check_window(const model *m) {
  assert_int_equal(m->config.sliding_window, 4096);
}

static void check_no_window(const model *m) {
  assert_int_equal(m->config.sliding_window, 0);
}

static void check_untied(const model *m) {
  assert_string_equal(model_head(m)->name, "lm_head.weight");
  assert_int_equal(model_head(m)->shape[0], 300);
}

static void defaults_and_given_values(void **state) {
  (void)state;
  with(LLAMA USUAL "}", check_defaults);
  with(LLAMA USUAL
       ", \"num_key_value_heads\": null, \"head_dim\": null, \"rope_scaling\": null, \"sliding_window\": null, "
       "\"quantization_config\": null, \"bos_token_id\": null, \"eos_token_id\": null}",
       check_defaults);
  with(LLAMA USUAL
       ", \"num_key_value_heads\": 2, \"head_dim\": 10, \"max_position_embeddings\": 77, \"sliding_window\": 9, "
       "\"rms_norm_eps\": 1e-5, \"rope_theta\": 500000.0, \"tie_word_embeddings\": true, \"bos_token_id\": 259, "
       "\"eos_token_id\": [261, 260, 261], \"attention_bias\": false, \"hidden_act\": \"silu\", "
       "\"_model_name_or_path\": \"org/name\"}",
       check_given);
  with(LLAMA USUAL "}", check_untied);
  with(MISTRAL USUAL ", \"sliding_window\": 4096}", check_window);
  with(MISTRAL USUAL "}", check_window); // which transformers takes where the file says nothing
  with("{\"architectures\": [\"MistralForCausalLM\"], " USUAL "}", check_window);
  with(MISTRAL USUAL ", \"sliding_window\": null}", check_no_window);
  with(LLAMA USUAL ", \"rope_parameters\": {\"rope_type\": \"default\", \"partial_rotary_factor\": 1.0}, \"rope_scaling\": {}}",
       check_defaults);
}

static void bounds(void **state) {
  (void)state;
  static const config_case rows[] = {
      {LLAMA SIZES("262", "48", "100", "2", "6") "}", NULL},
      {LLAMA SIZES("261", "48", "100", "2", "6") "}", "the tokenizer has ids up to 261, the model's vocabulary only 261"},
      {LLAMA SIZES("1048576", "48", "100", "2", "6") "}", NULL},
      {LLAMA SIZES("1048577", "48", "100", "2", "6") "}", "vocabulary size: expected 1 to 1048576, found 1048577"},
      {LLAMA SIZES("300", "65536", "100", "2", "256") "}", NULL},
      {LLAMA SIZES("300", "65536", "100", "2", "128") "}", "head size: expected 1 to 256, found 512"},
      {LLAMA SIZES("300", "65537", "100", "2", "1024") "}", "hidden size: expected 1 to 65536, found 65537"},
      {LLAMA SIZES("300", "48", "262145", "2", "6") "}", "intermediate size: expected 1 to 262144"},
      {LLAMA SIZES("300", "48", "0", "2", "6") "}", "intermediate size: expected 1"},
      {LLAMA SIZES("300", "48", "100", "1024", "6") "}", NULL},
      {LLAMA SIZES("300", "48", "100", "1025", "6") "}", "number of layers: expected 1 to 1024, found 1025"},
      {LLAMA SIZES("300", "48", "100", "2", "0") "}", "attention heads: expected 1 to 1024, found 0"},
      {LLAMA SIZES("300", "48", "100", "2", "16") "}", "head size: expected an even number (rotary embedding), found 3"},
      {LLAMA SIZES("300", "48", "100", "2", "49") "}", "head size: expected 1 to 256, found 0"},
      {LLAMA USUAL ", \"num_key_value_heads\": 4}", "multiple of key-value heads, found 6 and 4"},
      {LLAMA USUAL ", \"num_key_value_heads\": 12}", "multiple of key-value heads, found 6 and 12"},
      {LLAMA USUAL ", \"head_dim\": 258}", "head size: expected 1 to 256, found 258"},
      {LLAMA USUAL ", \"rms_norm_eps\": 0}", "rms_norm_eps: expected a small positive number, found 0"},
      {LLAMA USUAL ", \"rms_norm_eps\": 1e999}", "rms_norm_eps"},
      {LLAMA USUAL ", \"rope_theta\": 0.5}", "rope_theta: expected 1 to 1e12, found 0.5"},
      {LLAMA USUAL ", \"rope_theta\": 1}", NULL},
      {LLAMA USUAL ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 0.5}}",
       "rope_scaling.factor: expected 1 to 10000, found 0.5"},
      {LLAMA USUAL ", \"rope_scaling\": {\"type\": \"linear\"}}", "rope_scaling.factor: expected a finite number, found nothing"},
      {LLAMA USUAL ", \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}",
       "expected default, linear or llama3, found \"dynamic\""},
      {LLAMA USUAL
       ", \"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, "
       "\"original_max_position_embeddings\": 8192}}",
       "expected 0 < low_freq_factor < high_freq_factor, found 4 and 4"},
      {LLAMA USUAL ", \"rope_parameters\": \"default\"}", "rope_parameters: expected an object or null, found a string"},
      {LLAMA USUAL ", \"rope_parameters\": {\"rope_theta\": 1e4}, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}",
       "expected rope_parameters or rope_scaling, found both"},
      {LLAMA USUAL ", \"rope_parameters\": {\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5}}",
       "rope_parameters: \"partial_rotary_factor\": found the number 0.5: a setting that vkift does not know"},
      {LLAMA USUAL ", \"residual_multiplier\": 0.22}",
       "\"residual_multiplier\": found the number 0.22: a setting that vkift does not"},
      {LLAMA USUAL ", \"residual_multiplier\": null, \"use_mrope\": false, \"pruned_heads\": {}, \"skipped\": 0}", NULL},
      {LLAMA USUAL ", \"attention_dropout\": 0.1, \"pad_token_id\": 7, \"transformers_version\": \"4.56\"}", NULL},
      {LLAMA USUAL ", \"eos_token_id\": 300}", "eos_token_id: expected token ids below 300, found the number 300"},
      {LLAMA USUAL ", \"eos_token_id\": [261, -1]}", "eos_token_id: expected token ids below 300, found the number -1"},
      {LLAMA USUAL ", \"eos_token_id\": 1.5}", "eos_token_id"},
      {LLAMA USUAL, "config.json: column "},
      {"[]", "config.json"},
  };
  config_model_cases(rows, sizeof rows / sizeof *rows);
}

// --- families ----------------------------------------------------------------------------------------------------------

#define QWEN2 "{\"architectures\": [\"Qwen2ForCausalLM\"], \"model_type\": \"qwen2\", "
#define QWEN3 "{\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\", "
#define GPT2 "{\"architectures\": [\"GPT2LMHeadModel\"], \"vocab_size\": 300, \"n_embd\": 48, \"n_layer\": 2, \"n_head\": 6"

static void check_qwen2(const model *m) {
  assert_int_equal(m->config.max_positions, 32768);
  assert_int_equal(m->n_params, 1 + 2 * 12 + 2);
  const model_param *k = model_find(m, "model.layers.1.self_attn.k_proj.weight"),
                    *o = model_find(m, "model.layers.1.self_attn.o_proj.weight");
  assert_ptr_equal(k->bias, model_find(m, "model.layers.1.self_attn.k_proj.bias"));
  assert_true(k->bias->n_dims == 1 && k->bias->shape[0] == 16 && k->bias->role == PARAM_BIAS);
  assert_string_equal(k->bias->gguf_name, "blk.1.attn_k.bias");
  assert_null(o->bias);
}

static void check_qwen3(const model *m) {
  assert_int_equal(m->config.head_dim, 128); // whatever the width is
  assert_int_equal(m->n_params, 1 + 2 * 11 + 2);
  const model_param *norm = model_find(m, "model.layers.0.self_attn.q_norm.weight");
  assert_true(norm->shape[0] == 128 && norm->role == PARAM_NORM);
}

static void check_gpt2(const model *m) {
  const model_config *c = &m->config;
  assert_int_equal(c->max_positions, 1024);
  assert_int_equal(c->intermediate_size, 192);
  assert_true(c->tie_embeddings && c->learned_positions && c->rms_norm_eps == 1e-5);
  assert_int_equal(m->n_params, 2 + 2 * 12 + 2);
  const model_param *fused = model_find(m, "transformer.h.1.attn.c_attn.weight");
  assert_true(fused->shape[0] == 144 && fused->shape[1] == 48 && fused->hf_transposed && fused->bias);
  assert_string_equal(model_embedding(m)->name, "transformer.wte.weight");
  assert_ptr_equal(model_head(m), model_embedding(m));
}

static void check_gpt2_given(const model *m) {
  assert_int_equal(m->config.max_positions, 70);
  assert_int_equal(m->config.intermediate_size, 50);
  assert_false(m->config.tie_embeddings);
  assert_string_equal(model_head(m)->name, "lm_head.weight");
}

static void families_have_their_own_parameters(void **state) {
  (void)state;
  with(QWEN2 USUAL
       ", \"num_key_value_heads\": 2, \"use_sliding_window\": false, \"sliding_window\": 32768, "
       "\"max_window_layers\": 28, \"use_mrope\": false}",
       check_qwen2);
  with(QWEN3 USUAL ", \"attention_bias\": false, \"layer_types\": [\"full_attention\", \"full_attention\"]}", check_qwen3);
  with(GPT2
       ", \"n_ctx\": 1024, \"n_inner\": null, \"resid_pdrop\": 0.1, \"task_specific_params\": {\"text-generation\": "
       "{\"do_sample\": true, \"max_length\": 50}}}",
       check_gpt2);
  with(GPT2
       ", \"n_positions\": 70, \"n_inner\": 50, \"tie_word_embeddings\": false, \"activation_function\": "
       "\"gelu_pytorch_tanh\"}",
       check_gpt2_given);
}

static void other_tokenizers_are_refused_by_name(void **state) {
  (void)state;
  static const char config[] = QWEN2 USUAL "}", *const names[] = {"vocab.txt", "vocab.json", "tokenizer.model"};
  const char *dir = test_path(test_directory(), "other");
  arena *a = arena_new("configuration");
  model *m;
  err e = {0};
  test_ok(dir_make(dir, &e), &e);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  for (int i = 0; i < 3; i++) {
    e = (err){0};
    test_write(test_path(dir, names[i]), "", 0);
    assert_false(model_open(a, dir, true, &m, &e));
    assert_non_null(strstr(e.message, arena_printf(a, "expected tokenizer.json, found only %s", names[i])));
  }
  arena_free(a);
}

static void families_refuse_what_they_lack(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {QWEN2 USUAL ", \"use_sliding_window\": true}", "use_sliding_window: expected none or false, found true"},
      {QWEN2 USUAL ", \"hidden_act\": \"gelu\"}", "hidden_act: expected \"silu\", found a string \"gelu\""},
      {QWEN2 USUAL ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}}",
       "expected default, linear or llama3, found \"yarn\""},
      {QWEN2 USUAL ", \"quantization_config\": {\"bits\": 4}}", "quantization_config: expected none or false"},
      {QWEN2 USUAL ", \"num_experts\": 8}", "\"num_experts\": found the number 8: a setting that vkift does not know"},
      {QWEN3 USUAL ", \"attention_bias\": true}", "attention_bias: expected none or false, found true"},
      {QWEN3 USUAL ", \"head_dim\": 300}", "head size: expected 1 to 256, found 300"},
      {GPT2 ", \"activation_function\": \"gelu\"}", "activation_function: expected \"gelu_new\", found a string \"gelu\""},
      {GPT2 ", \"scale_attn_weights\": false}", "scale_attn_weights: expected true, found false"},
      {GPT2 ", \"scale_attn_by_inverse_layer_idx\": true}", "scale_attn_by_inverse_layer_idx: expected none or false"},
      {GPT2 ", \"add_cross_attention\": true}", "add_cross_attention: expected none or false, found true"},
      {GPT2 ", \"n_head\": 6}", "n_head"}, // twice
      {GPT2 ", \"rotary_dim\": 8}", "\"rotary_dim\": found the number 8: a setting that vkift does not know"},
      {GPT2 ", \"hidden_size\": 64}", "hidden_size: expected 48, which GPT-2's own key says, found 64"},
      {"{\"architectures\": [\"GPT2LMHeadModel\"], \"vocab_size\": 300, \"n_embd\": 50, \"n_layer\": 2, \"n_head\": 6}",
       "expected heads that share the width of 50, found 6 heads"},
      {GPT2 ", \"n_positions\": 0}", "number of positions: expected 1 to"},
      {GPT2 ", \"layer_norm_epsilon\": \"small\"}", "layer_norm_epsilon: expected a finite number"},
      {"{\"architectures\": [\"MambaForCausalLM\"]}", "expected one of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, "},
      {"{\"architectures\": [\"MambaForCausalLM\"]}", "found \"MambaForCausalLM\": that family is not supported yet"},
      {"{\"architectures\": [7]}", "found \"none\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("configuration");
    err e = {0};
    if (config_model(a, rows[i][0], &e)) fail_msg("%s: expected to be refused: %s", rows[i][0], rows[i][1]);
    if (!strstr(e.message, rows[i][1])) fail_msg("%s: expected %s, found %s", rows[i][0], rows[i][1], e.message);
    arena_free(a);
  }
}

// --- rotary tables -----------------------------------------------------------------------------------------------------

// How fast a pair of elements turns, in radians a position.
typedef struct turning {
  uint32_t pair;
  double frequency;
} turning;

static void check_tables(const model_config *c, const turning *want, int n) {
  enum { POSITIONS = 1001 };
  const uint32_t half = c->head_dim / 2;
  float *cosines = malloc(POSITIONS * half * sizeof *cosines), *sines = malloc(POSITIONS * half * sizeof *sines);
  model_rotary_tables(c, false, POSITIONS, POSITIONS, cosines, sines);
  static const uint32_t positions[] = {0, 1, 1000};
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) {
      const uint32_t at = positions[k] * half + want[i].pair;
      const double angle = positions[k] * want[i].frequency;
      if (!(fabs(cosines[at] - cos(angle)) <= 1e-7) || !(fabs(sines[at] - sin(angle)) <= 1e-7))
        fail_msg("pair %u, position %u: expected cos %.9g and sin %.9g, found %.9g and %.9g", want[i].pair, positions[k],
                 cos(angle), sin(angle), (double)cosines[at], (double)sines[at]);
    }
  free(cosines);
  free(sines);
}

static void check_plain(const model *m) {
  check_tables(&m->config, (const turning[]){{0, 1}, {1, 0.1}, {2, 0.01}, {3, 0.001}}, 4); // 10000^(−2i/8)
}

static void check_linear(const model *m) {
  check_tables(&m->config, (const turning[]){{0, 0.25}, {1, 0.025}, {2, 0.0025}, {3, 0.00025}}, 4);
}

// Llama 3.1's own settings, by transformers' _compute_llama3_parameters in f64: up to pair 28 as they are, from pair 35
// divided by 8, smoothed between.
static const turning llama31[] = {{0, 1},
                                  {1, 0.814617233857},
                                  {28, 0.00321144599475},
                                  {29, 0.0021665707635},
                                  {31, 0.00085675141292},
                                  {32, 0.000524846160993},
                                  {34, 0.000178507812768},
                                  {35, 9.55621235396e-05},
                                  {40, 3.42810219595e-05},
                                  {63, 3.06892598891e-07}};

static void check_llama3(const model *m) {
  assert_int_equal(m->config.head_dim, 128);
  check_tables(&m->config, llama31, sizeof llama31 / sizeof *llama31);
}

#define LLAMA31                                                                                                        \
  "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 8192, " \
  "\"rope_type\": \"llama3\""

static void rotary_tables(void **state) {
  (void)state;
  with(LLAMA USUAL "}", check_plain);
  with(LLAMA USUAL ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 4.0}}", check_linear);
  with(LLAMA USUAL ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}}", check_linear);
  with(LLAMA SIZES("300", "256", "8", "1", "2") ", \"rope_theta\": 500000.0, \"rope_scaling\": {" LLAMA31 "}}", check_llama3);
  with(LLAMA SIZES("300", "256", "8", "1", "2") ", \"rope_parameters\": {\"rope_theta\": 500000.0, " LLAMA31 "}}", check_llama3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_and_given_values),          cmocka_unit_test(bounds),
      cmocka_unit_test(families_have_their_own_parameters), cmocka_unit_test(other_tokenizers_are_refused_by_name),
      cmocka_unit_test(families_refuse_what_they_lack),     cmocka_unit_test(rotary_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
