// Tokenizers written as GGUF's metadata and read back: the same ids for the same texts; and what GGUF cannot express.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/tokenizer.h"
#include "io/json.h"
#include "support/byte_tokenizer.h"

// Writes the keys into a file without tensors and opens the tokenizer that it has.
static bool through_gguf(arena *a, const tokenizer *t, uint32_t n_ids, const gguf_special_ids *ids, gguf *g, tokenizer **back,
                         err *e) {
  gguf_meta meta = {0};
  gguf_writer w;
  const char *path = test_path(test_directory(), "tokens.gguf");
  bool ok = tokenizer_to_gguf(t, n_ids, ids, &meta, e) && gguf_create(path, &meta, NULL, 0, &w, e) && gguf_commit(&w, e) &&
            gguf_open(a, path, g, e);
  gguf_meta_free(&meta);
  if (ok && !tokenizer_from_gguf(a, g, back, e)) {
    gguf_close(g);
    ok = false;
  }
  return ok;
}

static const gguf_special_ids no_ids = {.bos = -1, .eos = -1, .eom = -1, .pad = -1, .begins_with_text = true};

static void check_same(const tokenizer *t, const tokenizer *back, const char *s, uint64_t n, bool special) {
  token_list x = {0}, y = {0};
  err e = {0};
  test_ok(tokenizer_encode(t, s, n, NULL, special, &x, &e) && tokenizer_encode(back, s, n, NULL, special, &y, &e), &e);
  assert_int_equal(x.n, y.n);
  for (uint64_t i = 0; i < x.n; i++)
    if (x.items[i].id != y.items[i].id) fail_msg("%s: token %d: %d and %d", s, (int)i, x.items[i].id, y.items[i].id);
  token_list_free(&x);
  token_list_free(&y);
}

static void a_byte_level_tokenizer_comes_back(void **state) {
  (void)state;
  for (int bos = 0; bos < 2; bos++) {
    arena *a = arena_new("test");
    err e = {0};
    gguf g;
    tokenizer *t = byte_tokenizer(a, bos), *back = NULL;
    const gguf_special_ids ids = {.bos = BYTE_EOS, .eos = BYTE_IM_END, .eom = BYTE_EOS, .pad = BYTE_EOS};
    test_ok(through_gguf(a, t, BYTE_VOCAB + 3, &ids, &g, &back, &e), &e);
    static const char *const texts[] = {"the other theatre\n\n", "<|im_start|>user\nhe<|im_end|>",
                                        "12 345's \xC3\xA9\xE2\x82\xAC", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
      for (int special = 0; special < 2; special++) check_same(t, back, texts[i], strlen(texts[i]), special);
    uint32_t id = 0;
    bool added = !bos;
    test_ok(gguf_get_u32(&g, "tokenizer.ggml.eos_token_id", &id, &e) &&
                gguf_get_bool_or(&g, "tokenizer.ggml.add_bos_token", &added, &e),
            &e);
    assert_true(id == BYTE_IM_END && added == bos);
    test_ok(gguf_get_u32(&g, "tokenizer.ggml.padding_token_id", &id, &e), &e);
    assert_int_equal(id, BYTE_EOS);
    const gguf_value *types = gguf_find(&g, "tokenizer.ggml.token_type");
    assert_int_equal(types->n, BYTE_VOCAB + 3);
    assert_int_equal(gguf_int_at(types, 'a'), 1);
    assert_int_equal(gguf_int_at(types, BYTE_IM_END), 3);
    assert_int_equal(gguf_int_at(types, BYTE_VOCAB), 5); // a row of the model that no token has
    tokenizer_free(back);
    tokenizer_free(t);
    gguf_close(&g);
    arena_free(a);
  }
}

static void bos_may_be_left_out(void **state) {
  (void)state;
  arena *a = arena_new("test");
  err e = {0};
  gguf g;
  bool added = true;
  tokenizer *t = byte_tokenizer(a, true), *back = NULL;
  gguf_special_ids ids = no_ids;
  ids.without_bos = true;
  test_ok(through_gguf(a, t, BYTE_VOCAB, &ids, &g, &back, &e), &e);
  test_ok(gguf_get_bool_or(&g, "tokenizer.ggml.add_bos_token", &added, &e), &e);
  assert_false(added);
  tokenizer_free(back);
  tokenizer_free(t);
  gguf_close(&g);
  arena_free(a);
}

// ---- what has no place ----

// A small vocabulary of pieces with byte fall-back.
static const char pieces[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"single_"
    "word\":false,"
    "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":{\"type\":\"Sequence\","
    "\"normalizers\":"
    "[{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
    "\"},\"content\":\"\xE2\x96\x81\"}]},"
    "\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_"
    "token\":\"<unk>\","
    "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":true,\"byte_fallback\":true,\"ignore_merges\":"
    "false,"
    "\"vocab\":{\"<unk>\":0,@BYTES\"\xE2\x96\x81\":257,\"a\":258,\"b\":259,\"c\":260,\"ab\":261,\"bc\":262,\"abc\":263},"
    "\"merges\":[[\"a\",\"b\"],[\"b\",\"c\"],[\"ab\",\"c\"],[\"a\",\"bc\"]]}}";

static void put_source(bool sentencepiece, text *out) {
  if (!sentencepiece) {
    byte_tokenizer_json(false, out);
    return;
  }
  const char *bytes = strstr(pieces, "@BYTES");
  text_put(out, pieces, (size_t)(bytes - pieces));
  for (int i = 0; i < 256; i++) text_printf(out, "\"<0x%02X>\":%d,", i, i + 1);
  text_puts(out, bytes + 6);
}

// Puts `to` in the place of `from`.
static void change(text *source, const char *from, const char *to) {
  text changed = {0};
  const char *place = strstr(source->data, from);
  if (!place) fail_msg("no %s in %s", from, source->data);
  text_put(&changed, source->data, (size_t)(place - source->data));
  text_puts(&changed, to);
  text_puts(&changed, place + strlen(from));
  text_free(source);
  *source = changed;
}

// A tokenizer.json with one thing changed is refused with `message`.
static void refused(bool sentencepiece, const char *from, const char *to, const char *message) {
  text source = {0};
  put_source(sentencepiece, &source);
  change(&source, from, to);
  arena *a = arena_new("test");
  const char *path = test_path(test_directory(), "tokenizer.json");
  test_write(path, source.data, source.length);
  tokenizer *t = NULL, *back = NULL;
  err e = {0};
  gguf g;
  test_ok(tokenizer_read(a, path, &t, &e), &e);
  const bool ok = through_gguf(a, t, tokenizer_vocab_size(t), &no_ids, &g, &back, &e);
  if (!message) test_ok(ok, &e);
  else if (ok || !strstr(e.message, message) || !strstr(e.message, "GGUF cannot express this tokenizer"))
    fail_msg("expected %s, found %s", message, ok ? "nothing" : e.message);
  if (ok) check_same(t, back, "abcab cb  aabbcc", 16, false);
  if (ok) gguf_close(&g);
  tokenizer_free(back);
  tokenizer_free(t);
  arena_free(a);
  text_free(&source);
}

static void what_gguf_lacks_is_refused_by_name(void **state) {
  (void)state;
  refused(false, "\"version\"", "\"version\"", NULL);
  refused(true, "\"pre_tokenizer\":null",
          "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" "
          "\"},\"behavior\":\"MergedWithPrevious\",\"invert\":false}",
          NULL);
  refused(false, "\"use_regex\":true", "\"use_regex\":false", "its pre_tokenizer");
  refused(false, "\"normalizer\":null", "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"b\"}",
          "its normalizer is not NFC");
  refused(false, "\"ignore_merges\":false", "\"ignore_merges\":true", "its pre_tokenizer");
  refused(false, "\"lstrip\":false", "\"lstrip\":true", "<|endoftext|>\" is matched with the white space before it");
  refused(false, "\"rstrip\":false", "\"rstrip\":true", "with the white space behind it");
  refused(false, "\"single_word\":false", "\"single_word\":true", "only as a whole word");
  refused(true, "\"version\"", "\"version\"", NULL);
  refused(true, "\"unk_token\":\"<unk>\"", "\"unk_token\":null", "it has no unk_token");
  refused(true, "{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"}", "{\"type\":\"Prepend\",\"prepend\":\"a\"}",
          "its normalizer and");
  refused(true, "[\"ab\",\"c\"],[\"a\",\"bc\"]", "[\"ab\",\"c\"]", "\"a\" and \"bc\" are not merged, though \"abc\" is a token");
  refused(true, "[[\"a\",\"b\"],[\"b\",\"c\"],[\"ab\",\"c\"],[\"a\",\"bc\"]]",
          "[[\"a\",\"b\"],[\"ab\",\"c\"],[\"b\",\"c\"],[\"a\",\"bc\"]]", "the merges of \"abc\" do not stand together");
  refused(true, "\"ignore_merges\":false", "\"ignore_merges\":true", "byte fall-back with ignore_merges");
  refused(true, "\"byte_fallback\":true", "\"byte_fallback\":false", "neither byte-level nor with byte_fallback");
}

// As Gemma has it: runs of ▁ are added tokens that merges make of spaces. GGUF has them as runs of spaces.
static void runs_of_spaces_come_back(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text source = {0};
  put_source(true, &source);
  change(&source, "{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},", "");
  change(
      &source, "\"special\":true}]",
      "\"special\":true},{\"id\":264,\"content\":\"\xE2\x96\x81\xE2\x96\x81\",\"single_word\":false,\"lstrip\":false,\"rstrip\":"
      "false,\"normalized\":false,\"special\":false},{\"id\":266,\"content\":\"\xE2\x96\x81x\",\"single_word\":false,\"lstrip\":"
      "false,"
      "\"rstrip\":false,\"normalized\":false,\"special\":false}]");
  change(&source, "\"abc\":263", "\"abc\":263,\"\xE2\x96\x81\xE2\x96\x81\":264,\"\xE2\x96\x81\x61\":265,\"\xE2\x96\x81x\":266");
  change(&source, "\"merges\":[", "\"merges\":[[\"\xE2\x96\x81\",\"\xE2\x96\x81\"],");
  change(&source, "[\"a\",\"bc\"]]", "[\"a\",\"bc\"],[\"\xE2\x96\x81\",\"a\"]]");
  const char *path = test_path(test_directory(), "runs.json"),
             *texts[] = {"a  abc b", "  a", " a   c ", "b  ", "a x\xE2\x96\x81x"};
  tokenizer *t = NULL, *back = NULL;
  err e = {0};
  gguf g;
  test_write(path, source.data, source.length);
  test_ok(tokenizer_read(a, path, &t, &e) && through_gguf(a, t, tokenizer_vocab_size(t), &no_ids, &g, &back, &e), &e);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_same(t, back, texts[i], strlen(texts[i]), false);
  const gguf_value *tokens = gguf_find(&g, "tokenizer.ggml.tokens"), *scores = gguf_find(&g, "tokenizer.ggml.scores");
  assert_memory_equal(tokens->strings[264].data, "  ", 2);
  assert_int_equal(tokens->strings[264].length, 2);
  assert_memory_equal(tokens->strings[266].data, "\xE2\x96\x81x", 4); // which no merge makes of a space
  assert_true(gguf_float_at(scores, 264) == -1 && gguf_float_at(scores, 0) < gguf_float_at(scores, 265));
  gguf_close(&g);
  tokenizer_free(back);
  tokenizer_free(t);
  text_free(&source);
  arena_free(a);
}

// Phi-3's control tokens take white space behind them. llama.cpp goes by the model's name, so the reader does, too.
static void phi3_goes_by_its_name(void **state) {
  (void)state;
  for (int named = 0; named < 2; named++) {
    arena *a = arena_new("test");
    text source = {0};
    byte_tokenizer_json(false, &source);
    for (char *p = source.data; (p = strstr(p, "\"rstrip\":false")); p++) {
      const char *content = p; // <|endoftext|> is one of those that do not
      while (strncmp(content, "\"content\"", 9)) content--;
      if (strncmp(content + 11, "<|endoftext|>", 13)) memcpy(p, "\"rstrip\":true ", 14);
    }
    const char *path = test_path(test_directory(), "phi3.json");
    test_write(path, source.data, source.length);
    tokenizer *t = NULL, *back = NULL;
    gguf_meta meta = {0};
    gguf_writer w;
    gguf g;
    err e = {0};
    test_ok(tokenizer_read(a, path, &t, &e), &e);
    assert_true(tokenizer_is_phi3(t));
    gguf_put_string(&meta, "general.name", named ? "My Phi-3 mini" : "mine");
    const char *file = test_path(test_directory(), "phi3.gguf");
    test_ok(tokenizer_to_gguf(t, BYTE_VOCAB, &no_ids, &meta, &e) && gguf_create(file, &meta, NULL, 0, &w, &e) &&
                gguf_commit(&w, &e) && gguf_open(a, file, &g, &e) && tokenizer_from_gguf(a, &g, &back, &e),
            &e);
    assert_int_equal(tokenizer_is_phi3(back), named);
    if (named) check_same(t, back, "<|im_start|> \n he<|im_end|>\n<|endoftext|>\nthe", 45, false);
    tokenizer_free(back);
    tokenizer_free(t);
    gguf_close(&g);
    gguf_meta_free(&meta);
    text_free(&source);
    arena_free(a);
  }
  assert_true(tokenizer_gguf_phi3_name("PHI-3") && tokenizer_gguf_phi3_name("xphi3") && !tokenizer_gguf_phi3_name("phi-2") &&
              !tokenizer_gguf_phi3_name("") && !tokenizer_gguf_phi3_name("phi"));
}

static void what_stands_around_a_text_is_bos_and_eos(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text source = {0};
  byte_tokenizer_json(true, &source);
  const char *special = strstr(source.data, "{\"SpecialToken\"");
  assert_non_null(special);
  const char *end = strstr(special, "}}") + 2;
  text twice = {0};
  text_put(&twice, source.data, (size_t)(end - source.data));
  text_putc(&twice, ',');
  text_puts(&twice, special);
  const char *path = test_path(test_directory(), "twice.json");
  test_write(path, twice.data, twice.length);
  tokenizer *t = NULL, *back;
  err e = {0};
  gguf g;
  test_ok(tokenizer_read(a, path, &t, &e), &e);
  assert_false(through_gguf(a, t, BYTE_VOCAB, &no_ids, &g, &back, &e));
  assert_non_null(strstr(e.message, "puts more than one token around a text"));
  tokenizer_free(t);
  text_free(&source);
  text_free(&twice);
  arena_free(a);
}

// ---- real ones ----

// mistral01 puts ▁ in front of the first word alone, and not in front of a space: GGUF says the same of other texts only.
static bool is_comparable(const tokenizer *t, const char *name, const char *s) {
  token_list tokens = {0};
  err e = {0};
  bool plain = *s != ' ' && strncmp(s, "\xE2\x96\x81", 3);
  test_ok(tokenizer_encode(t, s, strlen(s), NULL, false, &tokens, &e), &e);
  for (uint64_t i = 0; i < tokens.n; i++) plain &= !tokenizer_is_added(t, tokens.items[i].id);
  token_list_free(&tokens);
  return plain || strcmp(name, "mistral01");
}

static void real_tokenizers_come_back(void **state) {
  (void)state;
  static const struct {
    const char *name, *path, *pre;
  } reals[] = {{"gpt2", "tokenizers/gpt2/tokenizer.json", "gpt-2"},
               {"smollm2", "tokenizers/smollm2/tokenizer.json", "smollm"},
               {"mistral01", "tokenizers/mistral01/tokenizer.json", "default"},
               {"stories260K", "models/stories260K/hf/tokenizer.json", "default"}};
  const char *shared = test_shared_data();
  for (size_t r = 0; r < sizeof reals / sizeof *reals; r++) {
    arena *a = arena_new("test");
    err e = {0};
    gguf g;
    json golden;
    cJSON *cases;
    const char *pre, *path = arena_printf(a, "%s/golden/tokenizer/shared/%s.json", shared, reals[r].name);
    tokenizer *t = NULL, *back = NULL;
    test_ok(tokenizer_read(a, arena_printf(a, "%s/%s", shared, reals[r].path), &t, &e), &e);
    test_ok(through_gguf(a, t, tokenizer_vocab_size(t), &no_ids, &g, &back, &e), &e);
    test_ok(gguf_get_string(a, &g, "tokenizer.ggml.pre", &pre, &e), &e);
    assert_string_equal(pre, reals[r].pre);
    char *source;
    uint64_t n;
    test_ok(file_read(a, path, 1 << 24, &source, &n, &e), &e);
    for (char *p = source; (p = strstr(p, "\\u0000")); p += 6) memcpy(p, "\\ufdd0", 6); // NUL is none of a C string
    test_ok(json_parse(path, source, n, &golden, &e) && json_array(&golden, golden.root, "", "cases", &cases, &e), &e);
    for (const cJSON *one = cases->child; one; one = one->next) {
      const char *s = cJSON_GetObjectItemCaseSensitive(one, "text")->valuestring;
      for (int special = 0; special < 2 && is_comparable(t, reals[r].name, s); special++)
        check_same(t, back, s, strlen(s), special);
    }
    json_free(&golden);
    tokenizer_free(back);
    tokenizer_free(t);
    gguf_close(&g);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_byte_level_tokenizer_comes_back),
      cmocka_unit_test(bos_may_be_left_out),
      cmocka_unit_test(what_gguf_lacks_is_refused_by_name),
      cmocka_unit_test(runs_of_spaces_come_back),
      cmocka_unit_test(phi3_goes_by_its_name),
      cmocka_unit_test(what_stands_around_a_text_is_bos_and_eos),
      cmocka_unit_test(real_tokenizers_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
