#include "support/tiny_model.h"

#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "support/byte_tokenizer.h"
#include "support/test.h"

static const char llama[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 263, \"hidden_size\": 44,\n"
    " \"intermediate_size\": 61, \"num_hidden_layers\": 3, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": "
    "10,\n"
    " \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-5, \"initializer_range\": 0.2, \"tie_word_embeddings\": false,\n"
    " \"bos_token_id\": 259, \"eos_token_id\": 261}\n";

const char *tiny_model(const char *name) {
  return tiny_model_of(name, llama);
}

const char *tiny_model_of(const char *name, const char *config) {
  const char *dir = test_path(test_directory(), name);
  text tokens = {0};
  err e = {0};
  assert_true(dir_make(dir, &e));
  byte_tokenizer_json(false, &tokens);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
  text_free(&tokens);
  return dir;
}

static const example_origin made = {.file = "made", .task = "", .cluster = "", .source = ""};

dataset tiny_data(arena *a, const uint32_t *lengths, uint32_t n, uint64_t seed) {
  dataset set = {.items = ARENA_ARRAY(a, example, n), .n = n};
  rng r = rng_new(seed, RNG_TEST);
  for (uint32_t i = 0; i < n; i++) {
    example *x = &set.items[i];
    *x = (example){.index = i, .n = lengths[i], .weight = 1, .origin = &made, .answer = "", .line = i + 1};
    int32_t *ids = ARENA_ARRAY(a, int32_t, x->n);
    uint8_t *target = ARENA_ARRAY(a, uint8_t, x->n);
    for (uint32_t k = 0; k < x->n; k++) {
      ids[k] = (int32_t)rng_below(&r, 263);
      target[k] = k % 2;
      x->n_targets += k % 2;
    }
    x->ids = ids;
    x->target = target;
    x->hash = dataset_hash_example(x);
    set.n_tokens += x->n;
    set.n_targets += x->n_targets;
  }
  return set;
}
