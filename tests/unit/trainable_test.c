// Which parameters train whole: patterns of method freeze, the last layers, modules_to_save as PEFT reads it.
#include "support/test.h"

#include <string.h>

#include "models/trainable.h"
#include "support/tiny_model.h"

// tiny_model: 3 layers of 9 parameters, an embedding, a final norm and a head of its own.
enum { LAYER = 9, ALL = 3 * LAYER + 3 };

static model *open_tiny(arena *a, bool tied) {
  model *m;
  err e = {0};
  if (!model_open(a, tiny_model("tiny"), true, &m, &e)) fail_msg("%s", e.message);
  m->config.tie_embeddings = tied;
  if (tied) m->n_params--; // the head, which comes last
  return m;
}

static uint32_t chosen(const model *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->n_params; i++) n += m->params[i].whole;
  return n;
}

static bool is_chosen(const model *m, const char *name) {
  const model_param *p = model_find(m, name);
  assert_non_null(p);
  return p->whole;
}

static void patterns_name_parameters(void **state) {
  (void)state;
  static const struct {
    const char *pattern;
    uint32_t n;
    const char *one; // of them
  } rows[] = {
      {"model.norm.weight", 1, "model.norm.weight"},
      {"norm", 1, "model.norm.weight"},
      {"model.norm", 1, "model.norm.weight"},
      {"*norm", 7, "model.layers.2.input_layernorm.weight"},
      {"q_proj", 3, "model.layers.1.self_attn.q_proj.weight"},
      {"?_proj", 12, "model.layers.0.self_attn.o_proj.weight"},
      {"mlp", 9, "model.layers.1.mlp.down_proj.weight"},
      {"model.layers.1", LAYER, "model.layers.1.mlp.up_proj.weight"},
      {"model.layers.1.*", LAYER, "model.layers.1.input_layernorm.weight"},
      {"*.2.*_proj*", 7, "model.layers.2.mlp.gate_proj.weight"},
      {"*e*d_t*s*", 1, "model.embed_tokens.weight"},
      {"lm_head", 1, "lm_head.weight"},
      {"model", ALL - 1, "model.embed_tokens.weight"},
      {"*", ALL, "lm_head.weight"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    model *m = open_tiny(a, false);
    err e = {0};
    if (!trainable_choose(m, &rows[i].pattern, 1, 0, &e)) fail_msg("%s", e.message);
    if (chosen(m) != rows[i].n || !is_chosen(m, rows[i].one))
      fail_msg("%s: expected %u with %s, found %u", rows[i].pattern, rows[i].n, rows[i].one, chosen(m));
    model_close(m);
    arena_free(a);
  }
}

static void layers_are_the_last(void **state) {
  (void)state;
  arena *a = arena_new("test");
  model *m = open_tiny(a, false);
  static const char *const more[] = {"lm_head", "model.layers.2"};
  assert_true(trainable_choose(m, NULL, 0, 2, NULL));
  assert_int_equal(chosen(m), 2 * LAYER);
  assert_false(is_chosen(m, "model.layers.0.mlp.up_proj.weight"));
  assert_true(is_chosen(m, "model.layers.1.mlp.up_proj.weight") && is_chosen(m, "model.layers.2.input_layernorm.weight"));
  assert_false(is_chosen(m, "model.norm.weight"));
  assert_true(trainable_choose(m, more, 2, 2, NULL));
  assert_int_equal(chosen(m), 2 * LAYER + 1); // both together
  err e = {0};
  assert_false(trainable_choose(m, NULL, 0, 4, &e));
  assert_string_equal(e.message, "trainable_layers: expected at most 3, the layers of the model, found 4");
  model_close(m);
  arena_free(a);
}

static void refuse(bool modules, bool tied, const char *const *names, uint32_t n, const char *wanted) {
  arena *a = arena_new("test");
  model *m = open_tiny(a, tied);
  err e = {0};
  if (modules ? trainable_choose_modules(m, names, n, &e) : trainable_choose(m, names, n, 0, &e))
    fail_msg("expected to be refused: %s", wanted);
  if (!strstr(e.message, wanted)) fail_msg("expected %s, found %s", wanted, e.message);
  model_close(m);
  arena_free(a);
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__})

static void what_names_nothing_is_refused(void **state) {
  (void)state;
  refuse(false, false, NAMES("norm", "q_prj"), 2,
         "trainable: expected names of parameters or modules (near: q_proj), found \"q_prj\"");
  refuse(false, false, NAMES("q_prj"), 1, "), found \"q_prj\", which names nothing");
  refuse(false, false, NAMES("model.layers.3"), 1, "model.layers.0, model.layers.1, model.layers.2");
  refuse(false, false, NAMES("Norm"), 1, "(near: norm");
  refuse(
      false, false, NAMES("*.experts.*"), 1,
      "there are: embed_tokens, input_layernorm, q_proj, k_proj, v_proj, o_proj, post_attention_layernorm, gate_proj, up_proj");
  refuse(false, false, NAMES(""), 1, "found \"\", which names nothing");
  refuse(false, false, NAMES("a\033[2J"), 1, "found \"a\\x1B[2J\"");
  char longest[4000];
  memset(longest, '*', sizeof longest);
  memcpy(longest + sizeof longest - 2, "!", 2);
  refuse(false, false, NAMES(longest), 1, "which names nothing");
  refuse(false, true, NAMES("lm_head"), 1,
         "trainable: expected embed_tokens, which is the head too in this model, found \"lm_head\"");
  refuse(false, true, NAMES("lm_*"), 1, "which is the head too in this model, found \"lm_*\"");
}

static void modules_to_save_as_peft_reads_them(void **state) {
  (void)state;
  static const struct {
    const char *name;
    bool tied;
    uint32_t n;
    const char *one;
  } rows[] = {
      {"norm", false, 7, "model.layers.0.input_layernorm.weight"}, // what ends so
      {"model.norm", false, 1, "model.norm.weight"},
      {"post_attention_layernorm", false, 3, "model.layers.2.post_attention_layernorm.weight"},
      {"down_proj", false, 3, "model.layers.1.mlp.down_proj.weight"},
      {"1.mlp.down_proj", false, 1, "model.layers.1.mlp.down_proj.weight"},
      {"head", false, 1, "lm_head.weight"},
      {"embed_tokens", false, 1, "model.embed_tokens.weight"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    model *m = open_tiny(a, rows[i].tied);
    err e = {0};
    if (!trainable_choose_modules(m, &rows[i].name, 1, &e)) fail_msg("%s", e.message);
    if (chosen(m) != rows[i].n || !is_chosen(m, rows[i].one))
      fail_msg("%s: expected %u with %s, found %u", rows[i].name, rows[i].n, rows[i].one, chosen(m));
    model_close(m);
    arena_free(a);
  }
  refuse(true, false, NAMES("mlp"), 1, "modules_to_save: expected modules with weights of their own, found \"mlp\", which holds");
  refuse(true, false, NAMES("layers.1"), 1, "\"layers.1\", which holds other modules");
  refuse(true, false, NAMES("model"), 1, "\"model\", which holds other modules");
  refuse(true, false, NAMES("norm", "scroe"), 2, "modules_to_save: expected modules of the model (there are: embed_tokens, ");
  refuse(true, false, NAMES("down_prj"), 1, "(near: down_proj");
  refuse(true, false, NAMES("model.norn"), 1, "(near: model.norm), found \"model.norn\"");
  refuse(true, false, NAMES("model.norm.weight"), 1, "found \"model.norm.weight\", which names nothing");
  refuse(true, false, NAMES("*norm"), 1, "found \"*norm\", which names nothing"); // PEFT knows no patterns here
  refuse(true, false, NAMES(""), 1, "modules_to_save: expected names of modules, found an empty one");
  refuse(true, true, NAMES("lm_head"), 1, "expected both embed_tokens and lm_head");
  refuse(true, true, NAMES("embed_tokens", "norm"), 2, "found embed_tokens alone");
}

static void knows_whether_tokens_are_trained(void **state) {
  (void)state;
  arena *a = arena_new("test");
  model *m = open_tiny(a, false);
  assert_true(trainable_has_embedding(m, NAMES("norm", "embed_tokens"), 2) && trainable_has_embedding(m, NAMES("model.*"), 1));
  assert_false(trainable_has_embedding(m, NAMES("lm_head", "model.layers.*"), 2) || trainable_has_embedding(m, NULL, 0));
  assert_true(trainable_saves_embedding(m, NAMES("lm_head", "embed_tokens"), 2) &&
              trainable_saves_embedding(m, NAMES("_tokens"), 1));
  assert_false(trainable_saves_embedding(m, NAMES("norm", "lm_head"), 2) ||
               trainable_saves_embedding(m, NAMES("embed_tokens.weight"), 1));
  model_close(m);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_name_parameters),         cmocka_unit_test(layers_are_the_last),
      cmocka_unit_test(what_names_nothing_is_refused),    cmocka_unit_test(modules_to_save_as_peft_reads_them),
      cmocka_unit_test(knows_whether_tokens_are_trained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
