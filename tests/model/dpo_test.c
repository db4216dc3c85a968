// The gradient of the preference loss from those of the answers' own losses. With a = log π(c) − log π_ref(c), b likewise of r,
// and Δ = a − b, d loss / dθ = g · (Σ d loss_t / dθ over r − Σ d loss_t / dθ over c), where g = d loss / dΔ: what objective sft
// has of the two answers as examples of their own, weighted with −g and g. So packing, attention and the loss are seen together.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiny_model.h"
#include "train/preference.h"
#include "train/setup.h"

enum { N_PAIRS = 3, CAPACITY = 192 };
static const uint32_t chosen_n[N_PAIRS] = {19, 8, 30}, rejected_n[N_PAIRS] = {23, 31, 6};

static void fail_with(const err *e) {
  fail_msg("%s", e->message);
}

// Pairs of random tokens, whose halves begin with a token without loss.
static dataset make_pairs(arena *a) {
  uint32_t lengths[N_PAIRS];
  for (uint32_t i = 0; i < N_PAIRS; i++) lengths[i] = chosen_n[i] + rejected_n[i];
  dataset set = tiny_data(a, lengths, N_PAIRS, 3);
  for (uint32_t i = 0; i < N_PAIRS; i++) {
    example *x = &set.items[i];
    uint8_t *target = ARENA_ARRAY(a, uint8_t, x->n);
    memcpy(target, x->target, x->n);
    x->target = target;
    x->second = chosen_n[i];
    x->n_targets -= target[x->second];
    target[x->second] = 0;
    x->weight = 1 + 0.5f * (float)i;
    float *reference = ARENA_ARRAY(a, float, 2);
    x->reference = reference;
  }
  return set;
}

// The two answers of each pair as examples: [2 N_PAIRS].
static dataset apart(arena *a, const dataset *pairs) {
  dataset set = {.items = ARENA_ARRAY(a, example, 2 * N_PAIRS), .n = 2 * N_PAIRS};
  for (uint32_t i = 0; i < N_PAIRS; i++)
    for (uint32_t r = 0; r < 2; r++) {
      example *x = &set.items[2 * i + r];
      *x = pairs->items[i];
      const uint32_t from = r ? x->second : 0, to = r ? x->n : x->second;
      x->ids += from;
      x->target += from;
      x->n = to - from;
      x->second = x->n_targets = 0;
      x->index = 2 * i + r;
      for (uint32_t t = 0; t < x->n; t++) x->n_targets += x->target[t];
    }
  return set;
}

typedef struct one_side {
  model *m;
  setup s;
} one_side;

static one_side open_side(arena *a, gpu_device *d, const char *dir, const corpus *c, const vkift_train_options *o) {
  one_side x;
  err e = {0};
  text note = {0};
  if (!model_open(a, dir, true, &x.m, &e)) fail_with(&e);
  if (!setup_open(a, x.m, d, c, o, &(setup_choice){.capacity = CAPACITY}, &x.s, &note, &e)) fail_with(&e);
  text_free(&note);
  return x;
}

static bool sum_losses(void *user, const example *x, const float *losses, const float *logits, err *e) {
  (void)logits;
  (void)e;
  double *sums = user;
  for (uint32_t t = 0; t < x->n_targets; t++) sums[x->index] += losses[t];
  return true;
}

static void run_gradients(arena *a, one_side *x, const dataset *set) {
  const example **list = ARENA_ARRAY(a, const example *, set->n);
  for (uint32_t i = 0; i < set->n; i++) list[i] = &set->items[i];
  pack_row *rows;
  uint32_t n_rows;
  err e = {0};
  pack_examples(a, list, (uint32_t)set->n, &x->s.batch->limits, true, &rows, &n_rows);
  if (!step_gradients(x->s.step, rows, n_rows, 0, &e)) fail_with(&e);
}

static float *gradients_of(arena *a, gpu_device *d, const setup *s, uint32_t region, uint64_t *n) {
  const gpu_slice slice = s->params.regions[region].grad->memory;
  float *values = ARENA_ARRAY(a, float, slice.bytes / 4);
  err e = {0};
  if (!gpu_download(d, slice, values, slice.bytes, &e)) fail_with(&e);
  *n = slice.bytes / 4;
  return values;
}

static void compare(arena *a, gpu_device *d, const setup *found, const setup *wanted) {
  double squares = 0, difference = 0;
  assert_int_equal(found->params.n_regions, wanted->params.n_regions);
  for (uint32_t r = 0; r < found->params.n_regions; r++) {
    uint64_t n, m;
    const float *x = gradients_of(a, d, found, r, &n), *y = gradients_of(a, d, wanted, r, &m);
    assert_int_equal(n, m);
    for (uint64_t i = 0; i < n; i++) {
      squares += (double)y[i] * y[i];
      difference += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    }
  }
  const double relative = sqrt(difference / squares);
  print_message("%.2g away\n", relative);
  if (!(squares > 0 && relative <= 1e-5)) fail_msg("gradients are %g away from those of the answers apart", relative);
}

static void check(const char *dir, vkift_loss_type type, double smoothing, bool checkpointing) {
  arena *a = arena_new("preference gradients");
  gpu_device *d;
  err e = {0};
  if (!device_open(a, getenv("VKIFT_DEVICE"), &d, &e)) fail_with(&e);
  corpus pairs = {.train = make_pairs(a), .longest = 42}, answers = {.longest = 42};
  answers.train = apart(a, &pairs.train);
  vkift_train_options o = vkift_train_defaults();
  o.method = VKIFT_FULL;
  o.seed = 7;
  o.gradient_checkpointing = checkpointing ? VKIFT_ON : VKIFT_OFF;
  one_side sft = open_side(a, d, dir, &answers, &o);
  double sums[2 * N_PAIRS] = {0};
  score_total total;
  if (!score_dataset(sft.s.score, sft.s.batch, &answers.train, sum_losses, sums, &total, &e)) fail_with(&e);
  o.objective = VKIFT_DPO;
  o.beta = 0.3;
  o.label_smoothing = smoothing;
  o.loss_type = type;
  const dpo_options dpo = preference_options(&o);
  double loss = 0, of_all = 0;
  for (uint32_t i = 0; i < N_PAIRS; i++) {
    float *reference = (float *)pairs.train.items[i].reference;
    double delta = 0, share[2];
    for (uint32_t r = 0; r < 2; r++) {
      reference[r] = (float)(-sums[2 * i + r] + (i == 1 ? 4.5 : -2) * (r ? -1 : 1)); // of all signs
      share[r] = type == VKIFT_SIGMOID_NORM ? 1.0 / answers.train.items[2 * i + r].n_targets : 1;
      delta += (r ? -1 : 1) * share[r] * (-sums[2 * i + r] - reference[r]);
    }
    const double m = o.beta * delta, slope = o.beta * (-(1 - smoothing) / (1 + exp(m)) + smoothing / (1 + exp(-m)));
    const double of_pair = pairs.train.items[i].weight;
    for (uint32_t r = 0; r < 2; r++) answers.train.items[2 * i + r].weight = (float)(of_pair * slope * share[r] * (r ? 1 : -1));
    loss += of_pair * ((1 - smoothing) * log1p(exp(-m)) + smoothing * log1p(exp(m)));
    of_all += of_pair;
  }
  one_side both = open_side(a, d, dir, &pairs, &o);
  assert_int_equal(both.s.batch->longest, 31); // LongRoPE goes by the longest sequence
  run_gradients(a, &sft, &answers.train);
  run_gradients(a, &both, &pairs.train);
  compare(a, d, &both.s, &sft.s);
  // What evaluation says of the same pairs.
  const preference p = {.score = both.s.score, .batch = both.s.batch};
  double found;
  vkift_rewards rewards;
  if (!preference_score(&p, &dpo, &pairs.train, &found, &rewards, &total, &e)) fail_with(&e);
  print_message("loss %.7f, %.2g away\n", found, fabs(found - loss / of_all));
  assert_true(fabs(found - loss / of_all) <= 1e-5);
  assert_true(rewards.given && fabs(rewards.accuracy - 3 / 4.5) <= 1e-12);
  setup_close(&sft.s);
  setup_close(&both.s);
  model_close(sft.m);
  model_close(both.m);
  assert_int_equal(device_validation_messages(d), 0);
  device_close(d);
  arena_free(a);
}

static void plain(void **state) {
  (void)state;
  check(tiny_model("dpo"), VKIFT_SIGMOID, 0, false);
}

static void smoothed(void **state) {
  (void)state;
  check(tiny_model("dpo"), VKIFT_SIGMOID, 0.2, true);
}

static void by_length(void **state) {
  (void)state;
  check(tiny_model("dpo"), VKIFT_SIGMOID_NORM, 0, false);
}

// Families whose rows have more than Llama's: a table of positions, which begin anew with the second answer; windows of some
// layers, and soft caps in attention and head.
static void gpt2(void **state) {
  static const char config[] =
      "{\"architectures\": [\"GPT2LMHeadModel\"], \"model_type\": \"gpt2\", \"vocab_size\": 263, \"n_positions\": 64, "
      "\"n_embd\": 40, \"n_layer\": 2, \"n_head\": 4, \"n_inner\": 61, \"activation_function\": \"gelu_new\", "
      "\"layer_norm_epsilon\": 1e-5, \"initializer_range\": 0.2, \"bos_token_id\": 259, \"eos_token_id\": 261}";
  (void)state;
  check(tiny_model_of("gpt2", config), VKIFT_SIGMOID, 0, true);
}

static void gemma2(void **state) {
  static const char config[] =
      "{\"architectures\": [\"Gemma2ForCausalLM\"], \"model_type\": \"gemma2\", \"vocab_size\": 263, \"hidden_size\": 44, "
      "\"intermediate_size\": 61, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "
      "\"head_dim\": 10, \"hidden_activation\": \"gelu_pytorch_tanh\", \"max_position_embeddings\": 512, "
      "\"rms_norm_eps\": 1e-6, \"query_pre_attn_scalar\": 24, \"sliding_window\": 9, \"attn_logit_softcapping\": 3.0, "
      "\"final_logit_softcapping\": 2.0, \"initializer_range\": 0.2, \"bos_token_id\": 259, \"eos_token_id\": 261}";
  (void)state;
  check(tiny_model_of("gemma2", config), VKIFT_SIGMOID_NORM, 0.1, false);
}

// What ends the taking of a reference: nobody wants it any more, or there is no number to be had.
static bool always(void *user) {
  (void)user;
  return true;
}

static void a_reference_that_is_not_taken(void **state) {
  static const char huge[] =
      "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 263, \"hidden_size\": 44, "
      "\"intermediate_size\": 61, \"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "
      "\"head_dim\": 10, \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-5, \"initializer_range\": 1e18, "
      "\"tie_word_embeddings\": false, \"bos_token_id\": 259, \"eos_token_id\": 261}";
  static const char *const wanted[] = {"made:1: chosen: expected a finite log-likelihood under the reference model, found ",
                                       "stopped while the reference's log-likelihoods were taken"};
  (void)state;
  arena *a = arena_new("reference");
  gpu_device *d;
  err open = {0};
  if (!device_open(a, getenv("VKIFT_DEVICE"), &d, &open)) fail_with(&open);
  corpus c = {.train = make_pairs(a), .longest = 42};
  vkift_train_options o = vkift_train_defaults();
  o.method = VKIFT_FULL;
  o.objective = VKIFT_DPO;
  one_side x = open_side(a, d, tiny_model_of("huge", huge), &c, &o);
  for (int stopped = 0; stopped < 2; stopped++) {
    const preference p = {.memory = a,
                          .score = x.s.score,
                          .batch = x.s.batch,
                          .corpus = &c,
                          .path = test_path(test_directory(), "refused.safetensors"),
                          .stop = stopped ? always : NULL};
    err e = {0};
    assert_false(preference_take(&p, &e));
    if (!strstr(e.message, wanted[stopped])) fail_msg("expected \"%s\", found \"%s\"", wanted[stopped], e.message);
  }
  setup_close(&x.s);
  model_close(x.m);
  device_close(d);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain), cmocka_unit_test(smoothed), cmocka_unit_test(by_length),
      cmocka_unit_test(gpt2),  cmocka_unit_test(gemma2),   cmocka_unit_test(a_reference_that_is_not_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
