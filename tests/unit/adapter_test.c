// PEFT's adapter_config.json as it is met, what is refused in it, and what an adapter adds to a model.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "models/adapter.h"
#include "models/load.h"
#include "models/trainable.h"
#include "support/byte_tokenizer.h"
#include "support/tiny_model.h"

// As PEFT 0.15 writes it, with everything that it has.
#define PEFT(r, targets, more)                                                                                              \
  "{\"alpha_pattern\": {}, \"auto_mapping\": null, \"base_model_name_or_path\": \"org/name\", \"bias\": \"none\", "         \
  "\"corda_config\": null, \"eva_config\": null, \"exclude_modules\": null, \"fan_in_fan_out\": false, "                    \
  "\"inference_mode\": true, \"init_lora_weights\": true, \"layer_replication\": null, \"layers_pattern\": null, "          \
  "\"layers_to_transform\": null, \"loftq_config\": {}, \"lora_alpha\": 24, \"lora_bias\": false, \"lora_dropout\": 0.05, " \
  "\"megatron_config\": null, \"megatron_core\": \"megatron.core\", \"modules_to_save\": null, \"peft_type\": \"LORA\", "   \
  "\"rank_pattern\": {}, \"revision\": null, \"task_type\": \"CAUSAL_LM\", \"trainable_token_indices\": null, "             \
  "\"use_dora\": false, \"r\": " r ", \"target_modules\": " targets more "}"

static bool read(arena *a, const char *config, adapter_config *c, err *e) {
  const char *dir = test_path(test_directory(), "adapter");
  assert_true(dir_make(dir, NULL));
  test_write(test_path(dir, "adapter_config.json"), config, strlen(config));
  return adapter_read_config(a, dir, c, e);
}

static void reads_what_peft_writes(void **state) {
  (void)state;
  arena *a = arena_new("adapter");
  adapter_config c;
  err e = {0};
  if (!read(a, PEFT("6", "[\"v_proj\", \"q_proj\"]", ", \"use_rslora\": false"), &c, &e)) fail_msg("%s", e.message);
  assert_int_equal(c.r, 6);
  assert_true(c.alpha == 24 && c.dropout == 0.05 && !c.rslora);
  assert_int_equal(c.n_targets, 2);
  assert_string_equal(c.targets[0], "v_proj");
  assert_true(adapter_scale(&c) == 4);
  if (!read(a, PEFT("9", "\"all-linear\"", ", \"use_rslora\": true"), &c, &e)) fail_msg("%s", e.message);
  assert_int_equal(c.n_targets, 0);    // all seven
  assert_true(adapter_scale(&c) == 8); // 24 / √9
  arena_free(a);
}

static void refuses_what_would_change_the_result(void **state) {
  (void)state;
  static const struct {
    const char *config, *wanted;
  } rows[] = {
      {PEFT("0", "[\"q_proj\"]", ""), "r: expected 1 to 4096, found 0"},
      {PEFT("4097", "[\"q_proj\"]", ""), "r: expected 1 to 4096, found 4097"},
      {PEFT("2.5", "[\"q_proj\"]", ""), "r: expected"},
      {PEFT("4", "[]", ""), "target_modules: expected a list of module names"},
      {PEFT("4", "[7]", ""), "target_modules: expected names, found the number 7"},
      {PEFT("4", "null", ""), "target_modules: expected a list of module names, found null"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}",
       "target_modules: expected a list of module names, found nothing"},
      {"{\"peft_type\": \"PROMPT_TUNING\", \"r\": 4}", "peft_type: expected LORA, found PROMPT_TUNING"},
      {"{\"r\": 4}", "peft_type"},
      {"{\"peft_type\": \"LORA\", \"bias\": \"lora_only\"}", "bias: expected none, found lora_only"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"use_dora\": 1, \"target_modules\": [\"q_proj\"]}",
       "use_dora: expected"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"fan_in_fan_out\": 1}",
       "fan_in_fan_out: expected true or false, found the number 1"},
      {"{\"peft_type\": \"LORA\", \"lora_bias\": true}", "lora_bias: expected false, found true"},
      {"{\"peft_type\": \"LORA\", \"rank_pattern\": {\"q_proj\": 3}}", "rank_pattern: expected null or empty"},
      {"{\"peft_type\": \"LORA\", \"alpha_pattern\": {\"q_proj\": 3}}", "alpha_pattern: expected null or empty"},
      {"{\"peft_type\": \"LORA\", \"layers_to_transform\": [1]}", "layers_to_transform: expected null or empty"},
      {"{\"peft_type\": \"LORA\", \"layers_to_transform\": 1}",
       "layers_to_transform: expected null or empty, found the number 1"},
      {"{\"peft_type\": \"LORA\", \"exclude_modules\": \"q_proj\"}", "exclude_modules: expected null or empty"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": \"8\"}", "lora_alpha: expected a finite number, found a string"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"lora_dropout\": 1, \"target_modules\": [\"q_proj\"]}",
       "lora_dropout: expected 0 to below 1, found 1"},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"q_proj\"], \"modules_to_save\": "
       "\"lm_head\"}",
       "modules_to_save: expected a list of module names, found a string \"lm_head\""},
      {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"q_proj\"], \"modules_to_save\": [3]}",
       "modules_to_save: expected names, found the number 3"},
      {"{\"peft_type\": \"LORA\", \"alora_invocation_tokens\": [1, 2]}", "alora_invocation_tokens: expected null or empty"},
      {"{\"peft_type\": \"LORA\", \"kasa_config\": {\"beta\": 1}}", "kasa_config: expected null or empty"},
      {"{\"peft_type\": \"LORA\"", "column 21"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("adapter");
    adapter_config c;
    err e = {0};
    if (read(a, rows[i].config, &c, &e)) fail_msg("%s: expected to be refused: %s", rows[i].config, rows[i].wanted);
    if (!strstr(e.message, rows[i].wanted) || !strstr(e.message, "adapter_config.json"))
      fail_msg("%s: expected %s, found %s", rows[i].config, rows[i].wanted, e.message);
    arena_free(a);
  }
}

static model *open_tiny(arena *a) {
  model *m;
  err e = {0};
  if (!model_open(a, tiny_model("tiny"), true, &m, &e)) fail_msg("%s", e.message);
  return m;
}

// tiny_model: 3 layers, 44 wide, 4 heads and 2 key-value heads of 10, 61 in the MLP.
static void adds_to_the_weights_that_it_names(void **state) {
  (void)state;
  arena *a = arena_new("adapter");
  model *m = open_tiny(a);
  params p;
  params_init(&p, a);
  adapter *ad;
  err e = {0};
  const adapter_config c = {.r = 5, .alpha = 10, .targets = (const char *const[]){"down_proj", "k_proj"}, .n_targets = 2};
  if (!adapter_declare(a, m, &c, &p, &ad, &e)) fail_msg("%s", e.message);
  assert_int_equal(ad->n, 6);
  assert_int_equal(p.n, 12);
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    const bool down = i % 2;
    const char *path = arena_printf(a, "base_model.model.model.layers.%u.%s", i / 2, down ? "mlp.down_proj" : "self_attn.k_proj");
    assert_string_equal(x->a_name, arena_printf(a, "%s.lora_A.weight", path));
    assert_string_equal(x->b_name, arena_printf(a, "%s.lora_B.weight", path));
    assert_true(x->a->shape[0] == 5 && x->a->shape[1] == (down ? 61 : 44));
    assert_true(x->b->shape[0] == (down ? 44 : 20) && x->b->shape[1] == 5);
    assert_true(x->a->needs_grad && x->a->grad_sum && x->b->needs_grad);
    assert_ptr_equal(x->param->lora->a, x->a);
    assert_true(x->param->lora->scale == 2);
    assert_int_equal(x->param->lora->module, i); // keys dropout: a number of its own
  }
  for (uint32_t i = 0; i < m->n_params; i++)
    assert_int_equal(m->params[i].lora != NULL,
                     !strcmp(m->params[i].module, "k_proj") || !strcmp(m->params[i].module, "down_proj"));
  model_close(m);
  arena_free(a);
}

static void all_linear_is_seven_projections_a_layer(void **state) {
  (void)state;
  arena *a = arena_new("adapter");
  model *m = open_tiny(a);
  adapter *ad;
  err e = {0};
  const adapter_config c = {.r = 2, .alpha = 2};
  if (!adapter_declare(a, m, &c, NULL, &ad, &e)) fail_msg("%s", e.message);
  assert_int_equal(ad->n, 21);
  assert_int_equal(ad->config.n_targets, 7);
  assert_null(model_head(m)->lora);
  assert_false(ad->entries[0].a->needs_grad); // frozen: for generation and evaluation
  static const char *const wrong[] = {"q_proj", "lm_head", "embed_tokens", "norm", "qproj"};
  for (int i = 1; i < 5; i++) {
    const adapter_config bad = {.r = 2, .alpha = 2, .targets = (const char *const[]){wrong[0], wrong[i]}, .n_targets = 2};
    model *other = open_tiny(a);
    err why = {0};
    assert_false(adapter_declare(a, other, &bad, NULL, &ad, &why));
    assert_non_null(strstr(why.message, wrong[i]));
    model_close(other);
  }
  adapter_config turned = {.r = 2, .alpha = 2, .fan_in_fan_out = true};
  err why = {0};
  assert_false(adapter_declare(a, m, &turned, NULL, &ad, &why));
  assert_string_equal(why.message, "fan_in_fan_out: expected false, since this model's weights are not transposed, found true");
  model_close(m);
  arena_free(a);
}

// GPT-2 of 2 layers: Conv1D's weights, another embedding's name, modules of one name in two places.
static void names_are_those_of_the_family(void **state) {
  (void)state;
  arena *a = arena_new("adapter");
  static const char config[] =
      "{\"architectures\": [\"GPT2LMHeadModel\"], \"vocab_size\": 263, \"n_embd\": 12, \"n_layer\": 2, \"n_head\": 3}";
  const char *dir = test_path(test_directory(), "gpt2");
  text tokens = {0};
  model *m;
  adapter *ad;
  params p;
  err e = {0};
  test_ok(dir_make(dir, &e), &e);
  byte_tokenizer_json(false, &tokens);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
  text_free(&tokens);
  test_ok(model_open(a, dir, true, &m, &e), &e);
  adapter_config c = {.r = 5, .alpha = 5};
  test_ok(adapter_declare(a, m, &c, NULL, &ad, &e), &e);
  assert_int_equal(ad->n, 8);
  assert_int_equal(ad->config.n_targets, 3); // c_attn, c_proj, c_fc
  assert_true(ad->config.fan_in_fan_out);
  assert_string_equal(ad->entries[2].b_name, "base_model.model.transformer.h.0.mlp.c_fc.lora_B.weight");
  assert_true(ad->entries[2].a->shape[1] == 12 && ad->entries[2].b->shape[0] == 48);             // as of an untransposed weight
  c.targets = (const char *const[]){"attn.c_proj", "transformer.h.1.mlp.c_fc"}, c.n_targets = 2; // ends of paths, and a whole one
  test_ok(adapter_declare(a, m, &c, NULL, &ad, &e), &e);
  assert_int_equal(ad->n, 3);
  c.targets = (const char *const[]){"ttn.c_proj"}, c.n_targets = 1;
  assert_false(adapter_declare(a, m, &c, NULL, &ad, &e));
  assert_string_equal(e.message,
                      "target_modules: expected linear layers of the model (c_attn, c_proj, c_fc), found \"ttn.c_proj\"");
  const adapter_config whole = {.whole = (const char *const[]){"lm_head", "wte"}, .n_whole = 2},
                       wrong = {.whole = (const char *const[]){"embed_tokens"}, .n_whole = 1};
  e = (err){0};
  assert_false(adapter_choose_whole(a, m, &wrong, &e));
  assert_non_null(strstr(e.message, "found \"embed_tokens\", which names nothing"));
  test_ok(adapter_choose_whole(a, m, &whole, &e), &e);
  assert_true(model_find(m, "transformer.wte.weight")->whole);
  params_init(&p, a);
  load_declare(a, m, &p, true, LOAD_AUTO);
  for (uint64_t i = 0; i < p.n; i++) { // no weight decay of norms and biases
    const char *name = p.items[i].name;
    assert_int_equal(p.items[i].decay, !strstr(name, ".bias") && !strstr(name, "ln_"));
  }
  model_close(m);
  arena_free(a);
}

static void has_parameters_whole(void **state) {
  (void)state;
  arena *a = arena_new("adapter");
  static const char *const both[] = {"lm_head", "embed_tokens"}, *const head[] = {"lm_head"},
                           *const wrong[] = {"embed_tokens", "score"};
  adapter_config c = {
      .r = 2, .alpha = 2, .targets = (const char *const[]){"q_proj"}, .n_targets = 1, .whole = both, .n_whole = 2};
  for (int tied = 0; tied < 2; tied++) {
    model *m = open_tiny(a);
    m->config.tie_embeddings = tied;
    if (tied) m->n_params--; // the head, which comes last
    params p;
    adapter *ad;
    err e = {0};
    params_init(&p, a);
    if (!trainable_choose_modules(m, c.whole, c.n_whole, &e)) fail_msg("%s", e.message);
    load_declare(a, m, &p, false, LOAD_F16);
    if (!adapter_declare(a, m, &c, &p, &ad, &e)) fail_msg("%s", e.message);
    assert_int_equal(p.n, 2 * 3 + (tied ? 1 : 2));
    assert_int_equal(ad->n_whole, 2);
    assert_string_equal(ad->whole[0].name, "base_model.model.model.embed_tokens.weight");
    assert_string_equal(ad->whole[1].name, "base_model.model.lm_head.weight");
    assert_int_equal(ad->whole[0].param == ad->whole[1].param, tied);
    for (uint32_t i = 0; i < m->n_params; i++) {
      const model_param *x = &m->params[i];
      const bool whole = x->role == PARAM_EMBEDDING || x->role == PARAM_HEAD;
      assert_int_equal(x->t->needs_grad, whole);
      assert_int_equal(x->t->type, whole ? DTYPE_F32 : DTYPE_F16);
    }
    err why = {0};
    const adapter_config half = {.whole = head, .n_whole = 1}, unknown = {.whole = wrong, .n_whole = 2}, none = {0};
    assert_int_equal(trainable_choose_modules(m, half.whole, half.n_whole, &why), !tied);
    if (tied)
      assert_non_null(
          strstr(why.message,
                 "expected both embed_tokens and lm_head, since this model has one matrix for the two, found lm_head alone"));
    why = (err){0};
    assert_false(trainable_choose_modules(m, unknown.whole, unknown.n_whole, &why));
    if (strncmp(why.message, "modules_to_save: expected modules of the model (there are: embed_tokens, input_layernorm, ", 83) ||
        !strstr(why.message, "), found \"score\", which names nothing"))
      fail_msg("%s", why.message);
    assert_true(trainable_choose_modules(m, none.whole, none.n_whole, NULL));
    assert_false(model_head(m)->whole);
    model_close(m);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_parameters_whole),
      cmocka_unit_test(reads_what_peft_writes),
      cmocka_unit_test(refuses_what_would_change_the_result),
      cmocka_unit_test(adds_to_the_weights_that_it_names),
      cmocka_unit_test(names_are_those_of_the_family),
      cmocka_unit_test(all_linear_is_seven_projections_a_layer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
