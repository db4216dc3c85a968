// Gemma 2, Gemma 3 and Phi-3: what their configs say, in the forms of transformers 4 and 5, and what is refused.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "support/config_model.h"

#define SIZES                                                                                                                    \
  "\"vocab_size\": 300, \"hidden_size\": 48, \"intermediate_size\": 100, \"num_hidden_layers\": 7, \"num_attention_heads\": 6, " \
  "\"num_key_value_heads\": 2"
#define GEMMA2 "{\"architectures\": [\"Gemma2ForCausalLM\"], \"model_type\": \"gemma2\", " SIZES
#define GEMMA3 "{\"architectures\": [\"Gemma3ForCausalLM\"], \"model_type\": \"gemma3_text\", " SIZES
#define PHI3 "{\"architectures\": [\"Phi3ForCausalLM\"], \"model_type\": \"phi3\", " SIZES
#define LONG_FACTORS "\"short_factor\": [1, 1, 1, 2], \"long_factor\": [1, 2, 4, 8]"

static void with(const char *config, void (*check)(const model *m)) {
  arena *a = arena_new("configuration");
  err e = {0};
  model *m = config_model(a, config, &e);
  if (!m) fail_msg("%s: %s", config, e.message);
  check(m);
  model_close(m);
  arena_free(a);
}

static void check_layers(const model *m, const char *windows) {
  for (uint32_t l = 0; l < m->config.n_layers; l++) assert_int_equal(model_has_window(&m->config, l), windows[l] == 'w');
}

// The angles of pair `pair` at position 1.
static void check_angle(const model *m, bool local, uint32_t longest, uint32_t pair, double frequency, double factor) {
  enum { POSITIONS = 2 };
  float cosines[POSITIONS * MODEL_MAX_PAIRS], sines[POSITIONS * MODEL_MAX_PAIRS];
  const uint32_t half = model_rotary_dim(&m->config) / 2;
  model_rotary_tables(&m->config, local, longest, POSITIONS, cosines, sines);
  const double found[] = {cosines[half + pair], sines[half + pair]}, want[] = {factor * cos(frequency), factor * sin(frequency)};
  for (int i = 0; i < 2; i++)
    if (!(fabs(found[i] - want[i]) <= 1e-7)) fail_msg("pair %u: expected %.9g, found %.9g", pair, want[i], found[i]);
}

// --- Gemma 2 -----------------------------------------------------------------------------------------------------------

static void check_gemma2(const model *m) {
  const model_config *c = &m->config;
  assert_int_equal(c->head_dim, 256);
  assert_int_equal(c->sliding_window, 4096);
  assert_true(c->attention_cap == 50 && c->logits_cap == 30 && c->query_scalar == 256 && c->tie_embeddings && c->gelu);
  assert_true(fabs(c->embedding_scale - sqrt(48)) < 1e-12 && c->rope_theta == 10000);
  check_layers(m, "w.w.w.w");
  assert_true(model_mixes_windows(c));
  const model_param *p = model_find(m, "model.layers.6.post_feedforward_layernorm.weight");
  assert_true(p && p->offset == 1);
  assert_string_equal(p->gguf_name, "blk.6.post_ffw_norm.weight");
  assert_string_equal(model_find(m, "model.layers.0.pre_feedforward_layernorm.weight")->gguf_name, "blk.0.ffn_norm.weight");
  assert_string_equal(model_find(m, "model.layers.0.post_attention_layernorm.weight")->gguf_name,
                      "blk.0.post_attention_norm.weight");
  assert_true(model_find(m, "model.norm.weight")->offset == 1);
  assert_null(model_find(m, "model.layers.0.self_attn.q_norm.weight"));
  float norm[48];
  model_read_param(m, p, 1, norm);
  assert_true(norm[0] == 0 && norm[47] == 0); // at random: 1 + 0
}

static void check_gemma2_given(const model *m) {
  const model_config *c = &m->config;
  assert_true(c->attention_cap == 0 && c->logits_cap == 2.5 && c->query_scalar == 144 && !c->tie_embeddings);
  assert_int_equal(c->sliding_window, 9);
  check_layers(m, "..ww..w");
}

static void check_no_window(const model *m) {
  check_layers(m, ".......");
  assert_false(model_mixes_windows(&m->config));
}

static void gemma2(void **state) {
  (void)state;
  with(GEMMA2 "}", check_gemma2);
  with(GEMMA2
       ", \"hidden_act\": \"gelu_pytorch_tanh\", \"hidden_activation\": \"gelu_pytorch_tanh\", \"cache_implementation\": "
       "\"hybrid\", \"use_bidirectional_attention\": null, \"attention_bias\": false}",
       check_gemma2);
  with(GEMMA2
       ", \"attn_logit_softcapping\": null, \"final_logit_softcapping\": 2.5, \"query_pre_attn_scalar\": 144, "
       "\"sliding_window\": 9, \"tie_word_embeddings\": false, \"layer_types\": [\"full_attention\", \"full_attention\", "
       "\"sliding_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\", \"sliding_attention\"]}",
       check_gemma2_given);
  with(GEMMA2
       ", \"sliding_window\": null, \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", "
       "\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]}",
       check_no_window);
  static const config_case rows[] = {
      {GEMMA2 ", \"hidden_activation\": \"gelu\"}", "hidden_activation: expected \"gelu_pytorch_tanh\", found a string \"gelu\""},
      {GEMMA2 ", \"attention_bias\": true}", "attention_bias: expected none or false, found true"},
      {GEMMA2 ", \"use_bidirectional_attention\": true}", "use_bidirectional_attention: expected none or false"},
      {GEMMA2 ", \"attn_logit_softcapping\": -1}", "attn_logit_softcapping: expected a positive number, or null for none"},
      {GEMMA2 ", \"final_logit_softcapping\": \"30\"}", "final_logit_softcapping: expected a finite number"},
      {GEMMA2 ", \"query_pre_attn_scalar\": -2}", "query_pre_attn_scalar: expected a positive number, found the number -2"},
      {GEMMA2 ", \"query_pre_attn_scalar\": 0}", "query_pre_attn_scalar: expected a positive number, found the number 0"},
      {GEMMA2 ", \"query_pre_attn_scalar\": 1e7}", "query_pre_attn_scalar: expected 0 to 1e+06, found 1e+07"},
      {GEMMA2 ", \"attn_logit_softcapping\": 0}", "attn_logit_softcapping: expected a positive number, or null for none, found"},
      {GEMMA2 ", \"attn_logit_softcapping\": 1e7}", "soft cap of attention: expected 0 to 1e+06, found 1e+07"},
      {GEMMA2 ", \"sliding_window\": null}", "sliding_window: expected a number, since layer 0 has a window, found none"},
      {GEMMA2 ", \"layer_types\": [\"full_attention\"]}",
       "layer_types: expected a list of 7, one for each layer, found an array of 1"},
      {GEMMA2 ", \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", \"chunked_attention\", "
              "\"full_attention\", \"full_attention\", \"full_attention\"]}",
       "layer_types[3]: expected \"full_attention\" or \"sliding_attention\", found a string \"chunked_attention\""},
      {GEMMA2 ", \"attn_temperature\": 0.5}", "\"attn_temperature\": found the number 0.5: a setting that vkift does not know"},
  };
  config_model_cases(rows, sizeof rows / sizeof *rows);
}

// --- Gemma 3 -----------------------------------------------------------------------------------------------------------

static void check_gemma3(const model *m) {
  const model_config *c = &m->config;
  check_layers(m, "wwwww.w");
  assert_true(c->rope_theta == 1e6 && c->rope_local_theta == 1e4 && c->scaling == ROPE_PLAIN && c->logits_cap == 0);
  const model_param *q = model_find(m, "model.layers.3.self_attn.q_norm.weight");
  assert_true(q && q->offset == 1 && q->shape[0] == 256);
}

// Of heads of 8: 1e6^(−2/8) / 8 in the layers that see all, 1e4^(−2/8) in the others.
static void check_gemma3_rope(const model *m) {
  check_angle(m, false, 2, 1, pow(1e6, -0.25) / 8, 1);
  check_angle(m, true, 2, 1, 0.1, 1);
}

static void check_every_third(const model *m) {
  check_layers(m, "ww.ww.w");
}

static void gemma3(void **state) {
  (void)state;
  with(GEMMA3 "}", check_gemma3);
  with(GEMMA3
       ", \"head_dim\": 8, \"rope_theta\": 1000000.0, \"rope_local_base_freq\": 10000.0, "
       "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8.0}}",
       check_gemma3_rope);
  with(GEMMA3
       ", \"head_dim\": 8, \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 8.0, "
       "\"rope_theta\": 1000000.0}, \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0}}}",
       check_gemma3_rope);
  with(GEMMA3 ", \"sliding_window_pattern\": 3}", check_every_third);
  with(GEMMA3
       ", \"_sliding_window_pattern\": 6, \"layer_types\": [\"sliding_attention\", \"sliding_attention\", "
       "\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\", \"sliding_attention\"]}",
       check_every_third);
  static const config_case rows[] = {
      {GEMMA3 ", \"attn_logit_softcapping\": 50.0}", "attn_logit_softcapping: expected none or false, found the number 50"},
      {GEMMA3 ", \"rope_local_base_freq\": 1e13}", "base of layers with a window: expected 0 to 1e+12, found 1e+13"},
      {GEMMA3 ", \"_sliding_window_pattern\": 3}", "_sliding_window_pattern: expected layer_types beside it, or 6, found 3"},
      {GEMMA3 ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8, \"partial_rotary_factor\": 0.5}}",
       "rope_scaling: \"partial_rotary_factor\": found the number 0.5: a setting that vkift does not know"},
      {GEMMA3 ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 1e6}}", "rope_parameters"},
      {GEMMA3 ", \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\", \"factor\": 2}}}",
       "rope_parameters.full_attention.rope_type: expected default, linear or llama3, found \"yarn\""},
      {GEMMA3 ", \"rope_parameters\": {\"sliding_attention\": {\"rope_type\": \"linear\", \"factor\": 2}}}",
       "the layers with a window to have rope_type default"},
  };
  config_model_cases(rows, sizeof rows / sizeof *rows);
}

// --- Phi-3 ---------------------------------------------------------------------------------------------------------------

static void check_phi3(const model *m) {
  const model_config *c = &m->config;
  assert_true(!c->tie_embeddings && c->rms_norm_eps == 1e-5 && c->sliding_window == 0 && model_rotary_dim(c) == 8);
  const model_param *qkv = model_find(m, "model.layers.2.self_attn.qkv_proj.weight");
  const model_param *both = model_find(m, "model.layers.2.mlp.gate_up_proj.weight");
  assert_true(qkv && qkv->shape[0] == 48 + 2 * 16 && both && both->shape[0] == 200);
  assert_string_equal(qkv->gguf_name, "blk.2.attn_qkv.weight");
  assert_string_equal(both->gguf_name, "blk.2.ffn_up.weight");
  assert_null(model_find(m, "model.layers.2.self_attn.q_proj.weight"));
}

// Half of each head of 8: pairs at 10000^(−2i/4).
static void check_partial(const model *m) {
  assert_int_equal(model_rotary_dim(&m->config), 4);
  check_angle(m, false, 2, 1, 0.01, 1);
}

// A context of 8,192, trained for 4,096: √(1 + ln 2 / ln 4096). The long factors from a sequence of 4,097 tokens on.
static void check_long(const model *m) {
  const double factor = sqrt(1 + log(2) / log(4096));
  check_angle(m, false, 4096, 3, 0.001 / 2, factor);
  check_angle(m, false, 4097, 3, 0.001 / 8, factor);
  check_angle(m, false, 4097, 1, 0.1 / 2, factor);
}

#define CONTEXT ", \"max_position_embeddings\": 8192, \"original_max_position_embeddings\": 4096"

static void phi3(void **state) {
  (void)state;
  with(PHI3 ", \"resid_pdrop\": 0.1, \"embd_pdrop\": 0.0, \"sliding_window\": null}", check_phi3);
  with(PHI3 ", \"partial_rotary_factor\": 0.5}", check_partial);
  with(PHI3 ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0, \"partial_rotary_factor\": 0.5}}",
       check_partial);
  with(PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"longrope\", " LONG_FACTORS "}}", check_long);
  with(PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"su\", " LONG_FACTORS "}}", check_long);
  with(PHI3
       ", \"max_position_embeddings\": 8192, \"rope_parameters\": {\"rope_type\": \"longrope\", \"rope_theta\": 10000.0, "
       "\"original_max_position_embeddings\": 4096, \"factor\": 2.0, " LONG_FACTORS "}}",
       check_long);
  static const config_case rows[] = {
      {PHI3 ", \"hidden_act\": \"gelu\"}", "hidden_act: expected \"silu\""},
      {PHI3 ", \"lm_head_bias\": true}", "lm_head_bias: expected none or false, found true"},
      {PHI3 ", \"partial_rotary_factor\": 1.5}", "partial_rotary_factor: expected a part of heads of 8, found 1.5"},
      {PHI3 ", \"partial_rotary_factor\": 0.4}", "features of a head that rope turns: expected an even number up to 8, found 3"},
      {PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"yarn\", " LONG_FACTORS "}}",
       "rope_scaling.rope_type: expected default or longrope, found \"yarn\""},
      {PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1, 1, 2], \"long_factor\": [1, 2, 4]}}",
       "rope_scaling.long_factor: expected 4 numbers, one for each pair that turns, found 3"},
      {PHI3 CONTEXT
       ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1, 0, 2], \"long_factor\": [1, 2, 4, 8]}}",
       "short and long factors: expected 4 numbers of 0.001 to 1000000, found 0 and 4 at 2"},
      {PHI3 CONTEXT
       ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, \"1\", 1, 1], \"long_factor\": [1, 2, 4, 8]}}",
       "rope_scaling.short_factor: expected numbers, found a string \"1\""},
      {PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"longrope\", \"factor\": 4, " LONG_FACTORS "}}",
       "rope_scaling.factor: expected max_position_embeddings / original_max_position_embeddings, 2, found 4"},
      {PHI3 CONTEXT ", \"rope_scaling\": {\"type\": \"longrope\", \"long_mscale\": 1.2, " LONG_FACTORS "}}",
       "rope_scaling: \"long_mscale\": found the number 1.2: a setting that vkift does not know"},
      {PHI3 ", \"full_attn_mod\": 2}", "full_attn_mod: expected 1, found the number 2"},
      {PHI3 ", \"num_local_experts\": 16}", "\"num_local_experts\": found the number 16: a setting that vkift does not know"},
  };
  config_model_cases(rows, sizeof rows / sizeof *rows);
}

// --- GGUF ------------------------------------------------------------------------------------------------------------------

// A file of metadata: the sizes that all need, heads of 16, and one key more, a text, a whole number (u), or another.
static const char *write_gguf(arena *a, const char *architecture, const char *key, char kind, double number, const char *text_) {
  static const char *const keys[] = {"embedding_length",     "feed_forward_length",     "block_count",
                                     "attention.head_count", "attention.head_count_kv", "vocab_size"};
  static const uint32_t values[] = {64, 96, 2, 4, 2, 270};
  const char *path = test_path(test_directory(), "settings.gguf");
  gguf_meta meta = {0};
  gguf_writer w;
  err e = {0};
  gguf_put_string(&meta, "general.architecture", architecture);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    gguf_put_u32(&meta, arena_printf(a, "%s.%s", architecture, keys[i]), values[i]);
  const char *whole = arena_printf(a, "%s.%s", architecture, key);
  if (text_) gguf_put_string(&meta, whole, text_);
  else if (kind == 'u') gguf_put_u32(&meta, whole, (uint32_t)number);
  else gguf_put_f32(&meta, whole, (float)number);
  test_ok(gguf_create(path, &meta, NULL, 0, &w, &e) && gguf_commit(&w, &e), &e);
  gguf_meta_free(&meta);
  return path;
}

static void settings_of_gguf(void **state) {
  (void)state;
  static const char taken[] = "tensor token_embd.weight: expected by the config, found none of that name";
  static const struct {
    const char *architecture, *key;
    char kind;
    double number;
    const char *text, *message;
  } rows[] = {
      {"llama", "rope.dimension_count", 'u', 16, NULL, taken},
      {"llama", "rope.dimension_count", 'u', 8, NULL, "llama.rope.dimension_count: expected 16, found 8"},
      {"qwen2", "rope.dimension_count", 'u', 8, NULL, "qwen2.rope.dimension_count: expected 16, found 8"},
      {"qwen3", "rope.dimension_count", 'u', 8, NULL, "qwen3.rope.dimension_count: expected 16, found 8"},
      {"gemma3", "rope.dimension_count", 'u', 8, NULL, "gemma3.rope.dimension_count: expected 16, found 8"},
      {"phi3", "rope.dimension_count", 'u', 8, NULL, taken},
      {"phi3", "rope.dimension_count", 'u', 18, NULL, "expected an even number up to 16, found 18"},
      {"llama", "rope.scaling.factor", 'f', 1, NULL, taken},
      {"llama", "rope.scaling.factor", 'f', 4, NULL, taken},
      {"llama", "rope.scaling.factor", 'f', 0.5, NULL, "rope_scaling.factor: expected 1 to 10000, found 0.5"}, // linear by itself
      {"llama", "rope.scaling.type", 's', 0, "none", taken},
      {"llama", "rope.scaling.type", 's', 0, "linear", "llama.rope.scaling.factor"},
      {"qwen2", "rope.scaling.type", 's', 0, "yarn", "qwen2.rope.scaling.type: expected none or linear, found \"yarn\""},
      {"qwen2", "attention.clamp_kqv", 'f', 0.5, NULL, "\"qwen2.attention.clamp_kqv\": a setting that vkift does not know"},
      {"qwen2", "attention.clamp_kqv", 'f', 0, NULL, taken},
      {"llama", "attention.sliding_window", 'u', 4096, NULL, "llama.attention.sliding_window: expected 0, found 4096"},
      {"llama", "expert_count", 'u', 8, NULL, "llama.expert_count: expected 0, found 8"},
      {"gemma2", "attention.value_length", 'u', 8, NULL, "gemma2.attention.value_length: expected 16, found 8"},
      {"gemma2", "rope.freq_base_swa", 'f', 10000, NULL, taken},
      {"gemma2", "rope.freq_base_swa", 'f', 20000, NULL, "rope.freq_base_swa: expected 10000, as in the layers without"},
      {"gpt2", "attention.key_length", 'u', 32, NULL, "expected heads that share the width of 64, found 4 heads of another size"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("settings");
    model *m;
    err e = {0};
    const char *path = write_gguf(a, rows[i].architecture, rows[i].key, rows[i].kind, rows[i].number, rows[i].text);
    assert_false(model_open_shape(a, path, false, &m, &e));
    if (!strstr(e.message, rows[i].message)) fail_msg("expected %s, found %s", rows[i].message, e.message);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gemma2),
      cmocka_unit_test(gemma3),
      cmocka_unit_test(phi3),
      cmocka_unit_test(settings_of_gguf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
