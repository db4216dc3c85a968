// Tokenizers in GGUF files: what is refused, what a pre-tokenizer's name stands for, and scores instead of merges.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/tokenizer.h"
#include "io/json.h"
#include "support/bad_files.h"

static void must(bool ok, const err *e) {
  if (!ok) fail_msg("%s", e->message);
}

// ---- building ----

enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 }; // GGUF's numbers of types

typedef struct file {
  text values;
  uint64_t n;
} file;

static void put_string(text *t, const char *s) {
  put_u64(t, strlen(s));
  text_puts(t, s);
}

static void put_key(file *f, const char *name, uint32_t type) {
  put_u64(&f->values, strlen("tokenizer.ggml.") + strlen(name));
  text_printf(&f->values, "tokenizer.ggml.%s", name);
  put_u32(&f->values, type);
  f->n++;
}

static void put_array(file *f, const char *name, uint32_t type, uint64_t n) {
  put_key(f, name, ARRAY);
  put_u32(&f->values, type);
  put_u64(&f->values, n);
}

static void put_name(file *f, const char *name, const char *value) {
  put_key(f, name, STRING);
  put_string(&f->values, value);
}

static void put_number(file *f, const char *name, uint32_t value) {
  put_key(f, name, U32);
  put_u32(&f->values, value);
}

static void put_bool(file *f, const char *name, bool value) {
  put_key(f, name, BOOL);
  text_putc(&f->values, value);
}

static void put_strings(file *f, const char *name, const char *const *items, uint64_t n) {
  put_array(f, name, STRING, n);
  for (uint64_t i = 0; i < n; i++) put_string(&f->values, items[i]);
}

static void put_floats(file *f, const char *name, const float *items, uint64_t n) {
  put_array(f, name, F32, n);
  for (uint64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &items[i], sizeof bits);
    put_u32(&f->values, bits);
  }
}

static void put_types(file *f, const int32_t *items, uint64_t n) {
  put_array(f, "token_type", I32, n);
  for (uint64_t i = 0; i < n; i++) put_u32(&f->values, (uint32_t)items[i]);
}

static text finish(file *f) {
  text t = {0};
  text_puts(&t, "GGUF");
  put_u32(&t, 3);
  put_u64(&t, 0);
  put_u64(&t, f->n);
  text_put(&t, f->values.data, f->values.length);
  while (t.length % 32) text_putc(&t, 0);
  text_free(&f->values);
  return t;
}

static bool open_path(arena *a, const char *path, tokenizer **t, err *e) {
  gguf g;
  TRY(gguf_open(a, path, &g, e));
  bool ok = tokenizer_from_gguf(a, &g, t, e);
  gguf_close(&g);
  return ok;
}

static bool open_and_close(const char *path, err *e) {
  arena *a = arena_new("test");
  tokenizer *t = NULL;
  bool ok = open_path(a, path, &t, e);
  tokenizer_free(t);
  arena_free(a);
  return ok;
}

static tokenizer *open_file(arena *a, file *f) {
  text bytes = finish(f);
  tokenizer *t = NULL;
  err e = {0};
  const char *path = test_path(test_directory(), "made.gguf");
  test_write(path, bytes.data, bytes.length);
  must(open_path(a, path, &t, &e), &e);
  text_free(&bytes);
  return t;
}

// ---- what is refused ----

static const char *const tokens[] = {"a", "b", "ab", "<s>"};
static const int32_t types[] = {1, 1, 1, 3};
static const float scores[] = {-1, -2, -3, 0};
static const char *const merges[] = {"a b"};

typedef enum fault {
  NO_MODEL,
  OTHER_MODEL,
  OTHER_PRE,
  NO_TOKENS,
  NUMBER_TOKENS,
  FEW_TYPES,
  FLOAT_TYPES,
  BAD_TYPE,
  TWICE,
  NOT_UTF8,
  LONG_TOKEN,
  NO_MERGES,
  NO_SCORES,
  FEW_SCORES,
  INFINITE_SCORE,
  BAD_MERGE,
  UNKNOWN_MERGE,
  BAD_BOS,
  NO_BOS,
  FAULTS
} fault;

static const char *const messages[FAULTS] = {
    [NO_MODEL] = "tokenizer.ggml.model",
    [OTHER_MODEL] = "tokenizer.ggml.model: expected \"gpt2\" or \"llama\", found \"t5\"",
    [OTHER_PRE] = "tokenizer.ggml.pre: \"dbrx\" is not a pre-tokenizer that vkift knows",
    [NO_TOKENS] = "tokenizer.ggml.tokens: expected 1 to 1048576 tokens, found 0",
    [NUMBER_TOKENS] = "tokenizer.ggml.tokens: expected an array of strings",
    [FEW_TYPES] = "tokenizer.ggml.token_type: expected 4 items, one for each token, found 3",
    [FLOAT_TYPES] = "tokenizer.ggml.token_type: expected integers",
    [BAD_TYPE] = "tokenizer.ggml.token_type[1]: expected a type from 1 to 6, found 7",
    [TWICE] = "tokenizer.ggml.tokens[1]: \"a\" stands there twice",
    [NOT_UTF8] = "tokenizer.ggml.tokens[0]: expected UTF-8 without NUL",
    [LONG_TOKEN] = "tokenizer.ggml.tokens[0]: expected at most 4096 bytes, found 5000",
    [NO_MERGES] = "expected tokenizer.ggml.merges, found none",
    [NO_SCORES] = "expected tokenizer.ggml.merges or tokenizer.ggml.scores, found none",
    [FEW_SCORES] = "tokenizer.ggml.scores: expected 4 items, one for each token, found 3",
    [INFINITE_SCORE] = "tokenizer.ggml.scores[2]: expected a finite number, found inf",
    [BAD_MERGE] = "tokenizer.ggml.merges[0]: expected two tokens, found \"ab\"",
    [UNKNOWN_MERGE] = "model.merges[0]: expected tokens of the vocabulary, found \"ba\"",
    [BAD_BOS] = "tokenizer.ggml.bos_token_id: expected an id below 4, found 4",
    [NO_BOS] = "expected tokenizer.ggml.bos_token_id, as the token is to be added, found none",
};

static text faulty(fault what) {
  file f = {0};
  bool scored = what == NO_SCORES || what == FEW_SCORES || what == INFINITE_SCORE;
  const char *changed[4];
  int32_t changed_types[4];
  float changed_scores[4];
  static char longest[5001];
  memset(longest, 'x', sizeof longest - 1);
  memcpy(changed, tokens, sizeof tokens);
  memcpy(changed_types, types, sizeof types);
  memcpy(changed_scores, scores, sizeof scores);
  if (what == TWICE) changed[1] = "a";
  if (what == NOT_UTF8) changed[0] = "\xFF";
  if (what == LONG_TOKEN) changed[0] = longest;
  if (what == BAD_TYPE) changed_types[1] = 7;
  if (what == INFINITE_SCORE) changed_scores[2] = INFINITY;
  if (what != NO_MODEL) put_name(&f, "model", what == OTHER_MODEL ? "t5" : scored ? "llama" : "gpt2");
  if (!scored) put_name(&f, "pre", what == OTHER_PRE ? "dbrx" : "gpt-2");
  if (what == NUMBER_TOKENS) put_floats(&f, "tokens", scores, 4);
  else if (what != NO_TOKENS) put_strings(&f, "tokens", changed, 4);
  if (what == FLOAT_TYPES) put_floats(&f, "token_type", scores, 4);
  else put_types(&f, changed_types, what == FEW_TYPES ? 3 : 4);
  if (scored && what != NO_SCORES) put_floats(&f, "scores", changed_scores, what == FEW_SCORES ? 3 : 4);
  const char *const bad_merges[] = {what == BAD_MERGE ? "ab" : "b a"};
  if (!scored && what != NO_MERGES)
    put_strings(&f, "merges", what == BAD_MERGE || what == UNKNOWN_MERGE ? bad_merges : merges, 1);
  if (what == BAD_BOS) put_number(&f, "bos_token_id", 4);
  if (what == NO_BOS) put_bool(&f, "add_bos_token", true);
  return finish(&f);
}

static void bad_files_are_refused_by_key(void **state) {
  (void)state;
  for (int k = 0; k < FAULTS; k++) {
    text bytes = faulty((fault)k);
    bad_files_refuse(open_and_close, "bad.gguf", &bytes, messages[k]);
    text_free(&bytes);
  }
  text good = faulty(FAULTS);
  const char *path = test_path(test_directory(), "good.gguf");
  err e = {0};
  test_write(path, good.data, good.length);
  must(open_and_close(path, &e), &e);
  bad_files_mutate(open_and_close, "mutated.gguf", &good, 500);
  text_free(&good);
}

// ---- pre-tokenizers and special tokens ----

static char letter[256][5];

// GPT-2's alphabet as tokens 0 to 255, and four more.
static void put_alphabet(file *f, const char *model, const char *pre) {
  const char *items[260] = {[256] = "aa", [257] = "<bos>", [258] = "<eos>", [259] = "<user>"};
  int32_t kinds[260];
  for (int b = 0, next = 256; b < 256; b++) {
    bool printable = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
    memset(letter[b], 0, sizeof letter[b]);
    utf8_encode((uint32_t)(printable ? b : next++), letter[b]);
    items[b] = letter[b];
  }
  for (int i = 0; i < 260; i++) kinds[i] = i < 257 ? 1 : i < 259 ? 3 : 4;
  put_name(f, "model", model);
  if (pre) put_name(f, "pre", pre);
  put_strings(f, "tokens", items, 260);
  put_types(f, kinds, 260);
  put_strings(f, "merges", (const char *const[]){"a a"}, 1);
}

static text ids_text(const tokenizer *t, const char *s) {
  text out = {0};
  token_list list = {0};
  err e = {0};
  must(tokenizer_encode(t, s, strlen(s), NULL, true, &list, &e), &e);
  for (uint64_t i = 0; i < list.n; i++) text_printf(&out, "%s%d", i ? " " : "", list.items[i].id);
  token_list_free(&list);
  return out;
}

static void tokens_are_added_as_the_file_says(void **state) {
  (void)state;
  static const struct {
    const char *pre;
    int add_bos, add_eos; // −1: not said
    const char *ids;      // of "aa<user>1"
  } rows[] = {{"gpt-2", -1, -1, "256 259 49"},         {NULL, -1, -1, "256 259 49"},
              {"smollm", 1, 0, "257 256 259 49"},      {"qwen2", 0, 1, "256 259 49 258"},
              {"llama-bpe", -1, -1, "257 256 259 49"}, {"llama-bpe", 0, -1, "256 259 49"},
              {"gpt-2", 1, 1, "257 256 259 49 258"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    file f = {0};
    put_alphabet(&f, "gpt2", rows[i].pre);
    put_number(&f, "bos_token_id", 257);
    put_number(&f, "eos_token_id", 258);
    if (rows[i].add_bos >= 0) put_bool(&f, "add_bos_token", rows[i].add_bos);
    if (rows[i].add_eos >= 0) put_bool(&f, "add_eos_token", rows[i].add_eos);
    tokenizer *t = open_file(a, &f);
    text got = ids_text(t, "aa<user>1");
    assert_string_equal(got.data, rows[i].ids);
    assert_true(tokenizer_is_special(t, 257));
    assert_true(tokenizer_is_added(t, 259));
    assert_false(tokenizer_is_special(t, 259));
    text_free(&got);
    tokenizer_free(t);
    arena_free(a);
  }
}

// The HF form of SmolLM2's vocabulary as GGUF has it: ids must not change.
static void smollm2_as_gguf_gives_the_same_ids(void **state) {
  (void)state;
  test_shared_data();
  arena *a = arena_new("test");
  json doc;
  err e = {0};
  const char *path = test_path(test_shared_data(), "tokenizers/smollm2/tokenizer.json");
  tokenizer *original = NULL;
  must(tokenizer_read(a, path, &original, &e), &e);
  must(json_read(path, 1 << 28, &doc, &e), &e);
  uint32_t n = tokenizer_vocab_size(original);
  const char **items = ARENA_ARRAY(a, const char *, n), **pairs;
  int32_t *kinds = ARENA_ARRAY(a, int32_t, n);
  for (uint32_t i = 0; i < n; i++) {
    items[i] = tokenizer_content(original, (int32_t)i);
    kinds[i] = tokenizer_is_added(original, (int32_t)i) ? 3 : 1;
  }
  const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(doc.root, "model"), "merges");
  uint64_t n_pairs = 0;
  pairs = ARENA_ARRAY(a, const char *, cJSON_GetArraySize(list));
  for (const cJSON *m = list->child; m; m = m->next)
    pairs[n_pairs++] = arena_printf(a, "%s %s", m->child->valuestring, m->child->next->valuestring);
  file f = {0};
  put_name(&f, "model", "gpt2");
  put_name(&f, "pre", "smollm");
  put_strings(&f, "tokens", items, n);
  put_types(&f, kinds, n);
  put_strings(&f, "merges", pairs, n_pairs);
  put_bool(&f, "add_bos_token", false);
  tokenizer *t = open_file(a, &f);
  static const char *const texts[] = {
      "<|im_start|>user\nHi 1234<|im_end|>\n", "I'm  here\t\xC2\xBD caf\xC3\xA9 \xE4\xBD\xA0\xE5\xA5\xBD 3.14\n\n",
      "def f(x):\n    return x**2  # 10", "<|im_end", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    text want = ids_text(original, texts[i]), got = ids_text(t, texts[i]);
    assert_string_equal(got.data, want.data);
    text_free(&want);
    text_free(&got);
  }
  json_free(&doc);
  tokenizer_free(original);
  tokenizer_free(t);
  arena_free(a);
}

// ---- scores ----

typedef struct symbol {
  char s[64];
} symbol;

// Sentencepiece's own way: of all neighbours that together are a token, the one of the highest score, the leftmost.
static uint64_t merge_by_score(const tokenizer *t, const gguf_value *all_scores, symbol *s, uint64_t n) {
  for (;;) {
    uint64_t best = n;
    float best_score = 0;
    for (uint64_t i = 0; i + 1 < n; i++) {
      char both[128];
      snprintf(both, sizeof both, "%s%s", s[i].s, s[i + 1].s);
      int32_t id = tokenizer_id(t, both);
      if (id < 0 || tokenizer_is_added(t, id)) continue;
      float score = gguf_float_at(all_scores, (uint64_t)id);
      if (best == n || score > best_score) best = i, best_score = score;
    }
    if (best == n) return n;
    assert_true(strlen(s[best].s) + strlen(s[best + 1].s) < sizeof s[best].s);
    memcpy(s[best].s + strlen(s[best].s), s[best + 1].s, strlen(s[best + 1].s) + 1);
    memmove(&s[best + 1], &s[best + 2], (size_t)(n - best - 2) * sizeof *s);
    n--;
  }
}

// Random words of stories260K's characters.
static void scores_merge_as_sentencepiece_does(void **state) {
  (void)state;
  test_shared_data();
  arena *a = arena_new("test");
  gguf g;
  err e = {0};
  tokenizer *t = NULL;
  must(gguf_open(a, test_path(test_shared_data(), "models/stories260K/gguf/stories260K.f32.gguf"), &g, &e), &e);
  must(tokenizer_from_gguf(a, &g, &t, &e), &e);
  const gguf_value *all_scores = gguf_find(&g, "tokenizer.ggml.scores");
  assert_non_null(all_scores);
  rng r = rng_new(5, RNG_TEST);
  for (int round = 0; round < 2000; round++) {
    symbol s[40];
    text word = {0};
    uint64_t n = 1;
    strcpy(s[0].s, "\xE2\x96\x81");
    for (uint64_t length = 1 + rng_below(&r, 30); n <= length; n++) {
      char c = "etaoinshrdlu ,.T'"[rng_below(&r, 17)];
      text_putc(&word, c);
      snprintf(s[n].s, sizeof s[n].s, c == ' ' ? "\xE2\x96\x81" : "%c", c);
    }
    n = merge_by_score(t, all_scores, s, n);
    token_list got = {0};
    must(tokenizer_encode(t, word.data, word.length, NULL, false, &got, &e), &e);
    assert_int_equal(got.n, n);
    for (uint64_t i = 0; i < n; i++) assert_string_equal(tokenizer_content(t, got.items[i].id), s[i].s);
    token_list_free(&got);
    text_free(&word);
  }
  gguf_close(&g);
  tokenizer_free(t);
  arena_free(a);
}

static void the_space_prefix_can_be_off(void **state) {
  (void)state;
  static const char *const items[] = {"<unk>",
                                      "<s>",
                                      "</s>",
                                      "\xE2\x96\x81",
                                      "a",
                                      "\xE2\x96\x81"
                                      "a"};
  static const int32_t kinds[] = {2, 3, 3, 1, 1, 1};
  static const float ranks[] = {0, 0, 0, -1, -2, -3};
  for (int prefix = 0; prefix < 2; prefix++) {
    arena *a = arena_new("test");
    file f = {0};
    put_name(&f, "model", "llama");
    put_strings(&f, "tokens", items, 6);
    put_types(&f, kinds, 6);
    put_floats(&f, "scores", ranks, 6);
    put_bool(&f, "add_space_prefix", prefix);
    tokenizer *t = open_file(a, &f);
    text got = ids_text(t, "a a?</s>a"), back = {0};
    err e = {0};
    assert_string_equal(got.data, prefix ? "1 5 5 0 2 5" : "1 4 5 0 2 4");
    must(tokenizer_decode(t, (const int32_t[]){5, 5}, 2, true, &back, &e), &e);
    assert_string_equal(back.data, prefix ? "a a" : " a a");
    text_free(&got);
    text_free(&back);
    tokenizer_free(t);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_files_are_refused_by_key),       cmocka_unit_test(tokens_are_added_as_the_file_says),
      cmocka_unit_test(smollm2_as_gguf_gives_the_same_ids), cmocka_unit_test(scores_merge_as_sentencepiece_does),
      cmocka_unit_test(the_space_prefix_can_be_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
