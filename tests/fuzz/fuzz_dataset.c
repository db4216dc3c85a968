// Data files: whatever the bytes, they are read or refused. The first byte picks the options.
#define _GNU_SOURCE
#include "fuzz.h"

#include "data/dataset.h"
#include "support/byte_tokenizer.h"

typedef struct setting {
  arena *memory;
  tokenizer *tokenizer;
  prompt_style styles[3];
} setting;

static void make_style(setting *s, int i, const char *template) {
  err e = {0};
  REQUIRE(prompt_from_template(s->memory, "fuzz", template, "", "<|endoftext|>", &s->styles[i], &e), "%s", e.message);
}

static const setting *make_setting(void) {
  static setting s; // made once
  if (s.memory) return &s;
  s.memory = arena_new("fuzzing");
  s.tokenizer = byte_tokenizer(s.memory, false);
  make_style(&s, 0, "chatml");
  make_style(&s, 1, "alpaca");
  make_style(&s, 2, "Be brief.{% for m in messages %}[{{ m.content | trim }}</s>]{% endfor %}");
  return &s;
}

// What every example must be, whatever it was read from.
static void check(const dataset *set, const dataset_options *o) {
  uint64_t n_tokens = 0, n_targets = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    uint32_t targets = 0;
    for (uint32_t k = 0; k < x->n; k++) {
      REQUIRE(x->ids[k] >= 0 && (uint32_t)x->ids[k] < o->vocab_size, "token %u is %d", k, x->ids[k]);
      targets += x->target[k];
    }
    REQUIRE(targets && targets == x->n_targets && !x->target[0], "%u targets, said to be %u", targets, x->n_targets);
    REQUIRE(x->index == i && x->prompt_n <= x->n && x->weight > 0, "index %u, prompt %u of %u", x->index, x->prompt_n, x->n);
    REQUIRE(!o->max_length || x->n <= o->max_length, "%u tokens", x->n);
    n_tokens += x->n, n_targets += targets;
  }
  REQUIRE(n_tokens == set->n_tokens && n_targets == set->n_targets, "%llu tokens", (unsigned long long)n_tokens);
}

static void read_as(const uint8_t *data, size_t size, const dataset_options *options) {
  arena *a = arena_new("one input");
  dataset set = {0};
  err e = {0};
  bool ok = dataset_read_memory(a, "fuzz.jsonl", data, size, options, &set, &e);
  fuzz_check(ok, &e);
  if (ok) check(&set, options);
  arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  const setting *s = make_setting();
  uint8_t pick = data[0];
  dataset_options options = {
      .tokenizer = s->tokenizer,
      .prompt = &s->styles[pick % 3],
      .eos_id = pick & 4 ? BYTE_EOS : -1,
      .vocab_size = BYTE_VOCAB,
      .max_length = pick & 8 ? 40 : 0,
      .excess = (excess_length)(pick >> 4 & 3),
      .skip_bad_examples = pick & 64,
      .train_on_last = pick & 128,
      .strip_suffix = "b",
      .superni = {.n_pos = SUPERNI_POS_EXAMPLES, .n_neg = 1, .explanations = pick & 4},
      .max_instances = pick & 128 ? 2 : 0,
      .sketches = true,
  };
  read_as(data + 1, size - 1, &options);
  options.augment = (augmentation){.n_demonstrations = 2, .persona = 1, .definition = 1, .length_constraint = 1};
  read_as(data + 1, size - 1, &options);
  return 0;
}
