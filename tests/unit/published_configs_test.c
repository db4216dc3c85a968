// What models are published with: the config.json of a model of each family (published_configs.jsonl, as they stand on the hub, with
// the number of parameters that is told of each) is taken as it is, and a tokenizer that has a token more than its model has rows.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/jsonl.h"
#include "support/byte_tokenizer.h"
#include "support/config_model.h"

static void check_row(arena *a, const cJSON *row) {
  char *config = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(row, "config"));
  const char *name = cJSON_GetObjectItemCaseSensitive(row, "name")->valuestring;
  err e = {0};
  model *m = config_model(a, config, &e);
  if (!m) fail_msg("%s: %s", name, e.message);
  const double told = cJSON_GetObjectItemCaseSensitive(row, "parameters")->valuedouble;
  if ((double)m->n_parameters != told) fail_msg("%s: expected %.0f parameters, found %.0f", name, told, (double)m->n_parameters);
  model_close(m);
  cJSON_free(config);
}

static void configs_are_taken(void **state) {
  (void)state;
  arena *a = arena_new("configurations");
  file_map map;
  jsonl rows;
  jsonl_item item;
  uint32_t n = 0;
  err e = {0};
  test_ok(file_map_open(path_join(a, getenv("VKIFT_SOURCE_DIR"), "tests/unit/published_configs.jsonl"), &map, &e), &e);
  test_ok(jsonl_open("configs", (const char *)map.data, map.size, &rows, &e), &e);
  while (jsonl_next(&rows, &item, &e) == JSONL_ITEM) {
    json d;
    test_ok(json_parse("configs", item.data, item.length, &d, &e), &e);
    check_row(a, d.root);
    json_free(&d);
    n++;
  }
  assert_int_equal(n, 17);
  file_unmap(&map);
  arena_free(a);
}

// --- a token without a row -----------------------------------------------------------------------------------------------

#define SOFT "<image_soft_token>"

static const char config[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"vocab_size\": 262, \"hidden_size\": 48, \"intermediate_size\": 100, "
    "\"num_hidden_layers\": 1, \"num_attention_heads\": 6}";

// The byte tokenizer with one more added token, behind its vocabulary.
static const char *make_model(const char *name, bool adds_it) {
  static const char end[] = "],\"normalizer\"", none[] = "\"post_processor\":null";
  static const char puts_it[] =
      "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"" SOFT
      "\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{"
      "\"" SOFT "\":{\"id\":\"" SOFT "\",\"ids\":[262],\"tokens\":[\"" SOFT "\"]}}}";
  const char *dir = test_path(test_directory(), name);
  text plain = {0}, made = {0};
  err e = {0};
  byte_tokenizer_json(false, &plain);
  const char *at = strstr(plain.data, end);
  assert_non_null(at);
  text_put(&made, plain.data, (size_t)(at - plain.data));
  text_printf(&made,
              ",{\"id\":%d,\"content\":\"" SOFT
              "\",\"single_word\":false,\"lstrip\":true,\"rstrip\":false,\"normalized\":false,"
              "\"special\":true}",
              BYTE_VOCAB);
  const char *post = strstr(at, none);
  assert_non_null(post);
  text_put(&made, at, (size_t)(post - at));
  text_puts(&made, adds_it ? puts_it : none);
  text_puts(&made, post + strlen(none));
  test_ok(dir_make(dir, &e), &e);
  test_write(test_path(dir, "config.json"), config, strlen(config));
  test_write(test_path(dir, "tokenizer.json"), made.data, made.length);
  text_free(&plain);
  text_free(&made);
  return dir;
}

static void a_token_without_a_row(void **state) {
  (void)state;
  arena *a = arena_new("rows");
  model *m;
  token_list tokens = {0};
  gguf_meta meta = {0};
  text again = {0};
  err e = {0};
  const gguf_special_ids ids = {.bos = -1, .eos = -1, .eom = -1, .pad = -1};
  test_ok(model_open(a, make_model("soft", false), true, &m, &e), &e);
  const tokenizer *t = m->tokenizer;
  assert_int_equal(tokenizer_vocab_size(t), BYTE_VOCAB);
  assert_int_equal(tokenizer_id(t, SOFT), -1);
  assert_null(tokenizer_content(t, BYTE_VOCAB));
  // As content it is letters, as before; in a prompt there is no row for it.
  uint8_t content[sizeof SOFT];
  memset(content, 1, sizeof content);
  test_ok(tokenizer_encode(t, SOFT, strlen(SOFT), content, true, &tokens, &e), &e);
  assert_int_equal(tokens.n, strlen(SOFT));
  assert_false(tokenizer_encode(t, "a " SOFT, strlen("a " SOFT), NULL, true, &tokens, &e));
  assert_non_null(strstr(e.message, "the text has \"" SOFT "\", token 262, for which the model has no row"));
  assert_int_equal(tokens.n, strlen(SOFT));
  // The file stays as it is; GGUF has as many tokens as rows.
  test_ok(tokenizer_to_json(t, &again, &e) && tokenizer_to_gguf(t, BYTE_VOCAB, &ids, &meta, &e), &e);
  assert_non_null(strstr(again.data, SOFT));
  gguf_meta_free(&meta);
  token_list_free(&tokens);
  text_free(&again);
  model_close(m);
  // Where the tokenizer itself puts it in front of a text, it has to have a row.
  e = (err){0};
  assert_false(model_open(a, make_model("puts", true), true, &m, &e));
  assert_non_null(strstr(e.message, "the tokenizer has ids up to 262, the model's vocabulary only 262"));
  arena_free(a);
}

static void rows_without_a_token(void **state) {
  (void)state;
  arena *a = arena_new("rows");
  text out = {0};
  err e = {0};
  model *m = config_model(a,
                          "{\"architectures\": [\"LlamaForCausalLM\"], \"vocab_size\": 300, \"hidden_size\": 48, "
                          "\"intermediate_size\": 100, \"num_hidden_layers\": 1, \"num_attention_heads\": 6}",
                          &e);
  test_ok(m != NULL, &e);
  test_ok(tokenizer_decode(m->tokenizer, (const int32_t[]){'a', BYTE_VOCAB, 299, 'b'}, 4, false, &out, &e), &e);
  assert_string_equal(out.data, "ab");
  assert_false(tokenizer_decode(m->tokenizer, (const int32_t[]){300}, 1, false, &out, &e));
  assert_false(tokenizer_decode(m->tokenizer, (const int32_t[]){-1}, 1, false, &out, &e));
  text_free(&out);
  model_close(m);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(configs_are_taken), cmocka_unit_test(a_token_without_a_row),
                                     cmocka_unit_test(rows_without_a_token)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
