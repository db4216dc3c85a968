// tokenizer.json files that are wrong: each is refused with a message that names the file, the place, what was expected
// and what was found.
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/tokenizer.h"
#include "support/bad_files.h"

// A good file, in which each case replaces one part.
static const char good[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
    "\"added_tokens\":[{\"id\":4,\"content\":\"<end>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":"
    "false,"
    "\"special\":true}],"
    "\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"_\"},"
    "\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<end>\",\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
    "\"special_tokens\":{\"<end>\":{\"id\":\"<end>\",\"ids\":[4],\"tokens\":[\"<end>\"]}}},"
    "\"decoder\":{\"type\":\"Fuse\"},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"?\",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":"
    "\"\","
    "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,"
    "\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"ab\":3},\"merges\":[\"a b\"]}}";

typedef struct bad_file {
  const char *part, *instead, *message;
} bad_file;

static bool read_text(const char *source, size_t n, err *e) {
  const char *path = test_path(test_directory(), "tokenizer.json");
  test_write(path, source, n);
  arena *a = arena_new("test");
  tokenizer *t = NULL;
  bool ok = tokenizer_read(a, path, &t, e);
  if (ok) tokenizer_free(t);
  arena_free(a);
  return ok;
}

static text replaced(const char *part, const char *instead) {
  text t = {0};
  const char *at = strstr(good, part);
  if (!at) fail_msg("the good file has no %s", part);
  text_put(&t, good, (size_t)(at - good));
  text_puts(&t, instead);
  text_puts(&t, at + strlen(part));
  return t;
}

static const bad_file cases[] = {
    // the whole
    {"{\"version\"", "[\"version\"", "column 11"},
    {"\"1.0\"", "\"2.0\"", "version: expected \"1.0\", found \"2.0\""},
    {"\"model\":", "\"muddle\":", "model: expected an object, found nothing"},
    {"\"model\":{", "\"model\":[{", "column "},
    // the vocabulary
    {"\"model\":{\"type\":\"BPE\"", "\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.5]]},\"x\":{\"type\":\"BPE\"",
     "model.type: expected \"BPE\", found \"Unigram\""},
    {"\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"ab\":3}", "\"vocab\":{}", "model.vocab: expected tokens, found none"},
    {"\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"ab\":3}", "\"vocab\":[\"a\"]", "model.vocab: expected an object, found an array of 1"},
    {"\"a\":1,", "\"a\":-1,", "model.vocab: token \"a\": expected an id from 0 to 1048575, found the number -1"},
    {"\"a\":1,", "\"a\":1.5,", "model.vocab: token \"a\": expected an id from 0 to 1048575, found the number 1.5"},
    {"\"a\":1,", "\"a\":1048576,", "model.vocab: token \"a\": expected an id from 0 to 1048575, found the number 1048576"},
    {"\"a\":1,", "\"a\":1e300,", "model.vocab: token \"a\": expected an id from 0 to 1048575, found the number 1"},
    {"\"a\":1,", "\"a\":\"1\",", "model.vocab: token \"a\": expected an id from 0 to 1048575, found a string \"1\""},
    {"\"a\":1,", "\"a\":2,", "the tokens \"a\" and \"b\" both have the id 2"},
    {"\"a\":1,", "\"a\":1,\"a\":5,", "\"a\""},
    // the merges
    {"\"merges\":[\"a b\"]", "\"margins\":[]", "model.merges: expected an array, found nothing"},
    {"[\"a b\"]", "[\"a c\"]", "model.merges[0]: expected tokens of the vocabulary, found \"c\""},
    {"[\"a b\"]", "[\"a b\",\"b a\"]", "model.merges[1]: expected tokens of the vocabulary, found \"ba\""},
    {"[\"a b\"]", "[\"ab\"]", "model.merges[0]: expected two tokens, found a string \"ab\""},
    {"[\"a b\"]", "[\"a b c\"]", "model.merges[0]: expected two tokens, found a string \"a b c\""},
    {"[\"a b\"]", "[[\"a\",\"b\",\"c\"]]", "model.merges[0]: expected two tokens, found an array of 3"},
    {"[\"a b\"]", "[[\"a\",7]]", "model.merges[0]: expected two tokens, found an array of 2"},
    {"[\"a b\"]", "[7]", "model.merges[0]: expected two tokens, found the number 7"},
    // the options
    {"\"dropout\":null", "\"dropout\":0.1", "model.dropout: expected null, found 0.1"},
    {"\"unk_token\":\"?\"", "\"unk_token\":\"!\"", "model.unk_token: expected a token of the vocabulary, found \"!\""},
    {"\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"",
     "model.continuing_subword_prefix: expected null or \"\", found \"##\""},
    {"\"end_of_word_suffix\":\"\"", "\"end_of_word_suffix\":\"</w>\"",
     "model.end_of_word_suffix: expected null or \"\", found \"</w>\""},
    {"\"fuse_unk\":false", "\"fuse_unk\":0", "model.fuse_unk: expected true or false, found the number 0"},
    {"\"b\":2,", "\"b\":2,\"<0x01>\":5,", "added_tokens[0].id: expected 5"},
    // added tokens
    {"\"id\":4,\"content\"", "\"id\":7,\"content\"",
     "added_tokens[0].id: expected 4, which \"<end>\" has in the vocabulary or gets behind it, found 7"},
    {"\"id\":4,\"content\"", "\"content\"", "added_tokens[0].id: expected an id from 0 to 1048575, found nothing"},
    {"\"id\":4,\"content\"", "\"id\":2000000,\"content\"",
     "added_tokens[0].id: expected an id from 0 to 1048575, found the number 2000000"},
    {"\"content\":\"<end>\"", "\"content\":\"\"", "added_tokens[0].content: expected text, found none"},
    {"\"content\":\"<end>\"", "\"content\":7", "added_tokens[0].content: expected a string, found the number 7"},
    {"\"lstrip\":false,", "", "added_tokens[0].lstrip: expected true or false, found nothing"},
    {"\"added_tokens\":[", "\"added_tokens\":[7,", "added_tokens[0].id: expected an id from 0 to 1048575, found nothing"},
    {"\"added_tokens\":[{\"id\":4,\"content\":\"<end>\"",
     "\"added_tokens\":[{\"id\":4,\"content\":\"<end>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":"
     "false,"
     "\"special\":true},{\"id\":4,\"content\":\"<end>\"",
     "added_tokens[1]: the token \"<end>\" is added twice"},
    // stages
    {"\"type\":\"Prepend\"", "\"type\":\"Nmt\"", "normalizer: \"Nmt\" is not a component that vkift knows"},
    {"\"type\":\"Prepend\",", "", "normalizer.type: expected a string, found nothing"},
    {"\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"_\"}", "\"normalizer\":7",
     "normalizer: expected an object, found the number 7"},
    {"{\"type\":\"Prepend\",\"prepend\":\"_\"}",
     "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"NFKC\"}]}",
     "normalizer.normalizers[1]: \"NFKC\" is not a component that vkift knows"},
    {"{\"type\":\"Prepend\",\"prepend\":\"_\"}", "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\"_\"}",
     "normalizer.pattern: expected {\"String\": …}, found an object of 1"},
    {"{\"type\":\"Prepend\",\"prepend\":\"_\"}", "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"_\"}",
     "normalizer.pattern.String: expected a string of 1 to 256 bytes, found 0"},
    {"\"type\":\"Digits\"", "\"type\":\"BertPreTokenizer\"",
     "pre_tokenizer: \"BertPreTokenizer\" is not a component that vkift knows"},
    {"\"individual_digits\":true", "\"individual_digits\":\"yes\"",
     "pre_tokenizer.individual_digits: expected true or false, found a string"},
    {"{\"type\":\"Digits\",\"individual_digits\":true}",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Digits\","
     "\"individual_digits\":true}]}",
     "pre_tokenizer.pretokenizers[1]: expected nothing behind ByteLevel, found \"Digits\""},
    {"{\"type\":\"Digits\",\"individual_digits\":true}",
     "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"MergedWithNext\",\"invert\":false}",
     "pre_tokenizer.behavior: expected \"Isolated\", \"Removed\" or \"MergedWithPrevious\", found a string \"MergedWithNext\""},
    {"{\"type\":\"Digits\",\"individual_digits\":true}",
     "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a\"},\"behavior\":\"Isolated\",\"invert\":false}",
     "pre_tokenizer: the pattern does not compile (missing closing parenthesis): (a"},
    {"{\"type\":\"Digits\",\"individual_digits\":true}",
     "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\h+\"},\"behavior\":\"Isolated\",\"invert\":false}",
     "pre_tokenizer: the pattern has an escape at byte 0, which vkift does not support: \\h+"},
    {"{\"type\":\"Digits\",\"individual_digits\":true}", "{\"type\":\"Metaspace\",\"replacement\":\"ab\"}",
     "pre_tokenizer.replacement: expected one character, found a string \"ab\""},
    {"{\"type\":\"Digits\",\"individual_digits\":true}",
     "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}",
     "pre_tokenizer.prepend_scheme: expected \"always\", \"first\" or \"never\", found a string \"last\""},
    {"\"SpecialToken\":{\"id\":\"<end>\"", "\"SpecialToken\":{\"id\":\"<start>\"",
     "post_processor.special_tokens.<start>: expected an object, found nothing"},
    {"\"ids\":[4]", "\"ids\":[5]", "post_processor.special_tokens.<end>.ids: expected ids of the vocabulary, found the number 5"},
    {"\"ids\":[4]", "\"ids\":[-1]",
     "post_processor.special_tokens.<end>.ids: expected ids of the vocabulary, found the number -1"},
    {"\"id\":\"A\"", "\"id\":\"B\"", "post_processor.single: expected the sequence \"A\", once, found an array of 2"},
    {",{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}", "",
     "post_processor.single: expected the sequence \"A\", once, found an array of 1"},
    {"\"type\":\"TemplateProcessing\"", "\"type\":\"RobertaProcessing\"",
     "post_processor: \"RobertaProcessing\" is not a component that vkift knows"},
    {"\"type\":\"Fuse\"", "\"type\":\"WordPiece\"", "decoder: \"WordPiece\" is not a component that vkift knows"},
    {"{\"type\":\"Fuse\"}", "{\"type\":\"Strip\",\"content\":\" \",\"start\":-1,\"stop\":0}",
     "decoder.start: expected a whole number from 0 to 4294967295, found the number -1"},
};

static void bad_files_are_refused_by_place(void **state) {
  (void)state;
  err none = {0};
  if (!read_text(good, strlen(good), &none)) fail_msg("%s", none.message);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text t = replaced(cases[i].part, cases[i].instead);
    err e = {0};
    if (read_text(t.data, t.length, &e)) fail_msg("read: %s", t.data);
    if (!strstr(e.message, cases[i].message)) fail_msg("expected \"%s\", found \"%s\"", cases[i].message, e.message);
    if (!strstr(e.message, "tokenizer.json: ")) fail_msg("no file in \"%s\"", e.message);
    text_free(&t);
  }
}

// Part of the byte tokens is worse than none: the others would be lost.
static void byte_fallback_needs_all_bytes(void **state) {
  (void)state;
  text t = {0}, vocab = {0};
  err e = {0};
  text_puts(&vocab, "\"byte_fallback\":true,\"ignore_merges\":false,\"vocab\":{");
  for (int b = 0; b < 255; b++) text_printf(&vocab, "\"<0x%02X>\":%d,", (unsigned)b, 5 + b);
  // <end> is among the vocabulary here, so that its id stays.
  text_puts(&vocab, "\"<end>\":4,");
  t = replaced("\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{", vocab.data);
  assert_false(read_text(t.data, t.length, &e));
  assert_non_null(
      strstr(e.message, "model.byte_fallback: expected all of the tokens <0x00> to <0xFF>, found 255 of them, without <0xFF>"));
  text_free(&t);
  text_free(&vocab);
}

static void every_cut_of_a_file_is_refused(void **state) {
  (void)state;
  for (size_t n = 0; n < strlen(good); n++) {
    err e = {0};
    if (read_text(good, n, &e)) fail_msg("read with %zu of %zu bytes", n, strlen(good));
    assert_true(e.message[0]);
  }
}

// Opens, and where it can, uses.
static bool open_and_encode(const char *path, err *e) {
  arena *a = arena_new("test");
  tokenizer *t = NULL;
  token_list list = {0};
  bool ok = tokenizer_read(a, path, &t, e);
  if (ok) tokenizer_encode(t, "ab<end> a1b?", 12, (const uint8_t[12]){0, 1}, true, &list, NULL);
  token_list_free(&list);
  tokenizer_free(t);
  arena_free(a);
  return ok;
}

static void changed_bytes_never_crash(void **state) {
  (void)state;
  text t = {0};
  text_puts(&t, good);
  assert_true(bad_files_mutate(open_and_encode, "changed.json", &t, 2000) > 500);
  text_free(&t);
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  text deep = {0}, t;
  err e = {0};
  for (int i = 0; i < 100000; i++) text_puts(&deep, "{\"type\":\"Sequence\",\"normalizers\":[");
  t = replaced("{\"type\":\"Prepend\",\"prepend\":\"_\"}", deep.data);
  assert_false(read_text(t.data, t.length, &e));
  assert_non_null(strstr(e.message, "tokenizer.json: "));
  text_free(&t);
  text_free(&deep);
}

static void too_many_components_are_refused(void **state) {
  (void)state;
  static const char *const lists[][3] = {
      {"\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"_\"}", "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[",
       "{\"type\":\"NFC\"}"},
      {"\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true}",
       "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[", "{\"type\":\"Digits\",\"individual_digits\":true}"},
      {"\"decoder\":{\"type\":\"Fuse\"}", "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[", "{\"type\":\"Fuse\"}"}};
  for (int k = 0; k < 3; k++) {
    text many = {0};
    err e = {0};
    text_puts(&many, lists[k][1]);
    for (int i = 0; i < 65; i++) text_printf(&many, "%s%s", i ? "," : "", lists[k][2]);
    text_puts(&many, "]}");
    text t = replaced(lists[k][0], many.data);
    assert_false(read_text(t.data, t.length, &e));
    assert_non_null(strstr(e.message, "expected at most 64 components"));
    text_free(&t);
    text_free(&many);
  }
}

// A text that would grow without end is refused while it is small.
static void growth_has_a_limit(void **state) {
  (void)state;
  text steps = {0};
  text_puts(&steps, "{\"type\":\"Sequence\",\"normalizers\":[");
  for (int i = 0; i < 60; i++)
    text_printf(&steps, "%s{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}", i ? "," : "");
  text_puts(&steps, "]}");
  text t = replaced("{\"type\":\"Prepend\",\"prepend\":\"_\"}", steps.data);
  const char *path = test_path(test_directory(), "growing.json");
  test_write(path, t.data, t.length);
  arena *a = arena_new("test");
  tokenizer *read = NULL;
  token_list out = {0};
  err e = {0};
  assert_true(tokenizer_read(a, path, &read, &e));
  assert_false(tokenizer_encode(read, "a", 1, NULL, false, &out, &e));
  assert_non_null(strstr(e.message, "growing.json: the normalizer makes "));
  assert_int_equal(out.n, 0);
  tokenizer_free(read);
  token_list_free(&out);
  arena_free(a);
  text_free(&t);
  text_free(&steps);
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  arena *a = arena_new("test");
  tokenizer *t = NULL;
  err e = {0};
  assert_false(tokenizer_read(a, test_path(test_directory(), "nowhere.json"), &t, &e));
  assert_non_null(strstr(e.message, "nowhere.json"));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_files_are_refused_by_place),
      cmocka_unit_test(byte_fallback_needs_all_bytes),
      cmocka_unit_test(every_cut_of_a_file_is_refused),
      cmocka_unit_test(changed_bytes_never_crash),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(too_many_components_are_refused),
      cmocka_unit_test(growth_has_a_limit),
      cmocka_unit_test(a_missing_file_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
