// JSON text: what the check lets through cJSON reads, and the walk without a tree sees the same members.
#define _GNU_SOURCE
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "io/json.h"
#include "io/json_text.h"

static void walk(const char *source, size_t size, const cJSON *root) {
  json_slice at = {source, size}, key, value;
  text name = {0};
  const cJSON *expected = root->child;
  for (; json_text_member(&at, &key, &value); expected = expected->next) {
    text_clear(&name);
    json_text_unescape(key, &name);
    REQUIRE(expected && !strcmp(name.data, expected->string), "key \"%s\"", name.data);
  }
  REQUIRE(!expected, "the walk ended before \"%s\"", expected->string);
  text_free(&name);
}

// What is written of a string is read as the same string.
static void write_again(const char *string) {
  text t = {0};
  json doc;
  err e = {0};
  json_put_string(&t, string);
  REQUIRE(json_parse("written", t.data, t.length, &doc, &e) && !strcmp(doc.root->valuestring, string), "%s", e.message);
  json_free(&doc);
  text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *source = malloc(size ? size : 1); // exactly as long as it says, so that a byte too many is seen
  REQUIRE(source, "%zu bytes", size);
  memcpy(source, data, size);
  json doc;
  err e = {0};
  bool ok = json_parse("input", source, size, &doc, &e);
  fuzz_check(ok, &e);
  size_t mark = size >= 3 && !memcmp(source, "\xEF\xBB\xBF", 3) ? 3 : 0;
  if (ok && cJSON_IsObject(doc.root)) walk(source + mark, size - mark, doc.root);
  if (ok && cJSON_IsString(doc.root)) write_again(doc.root->valuestring);
  json_free(&doc);
  free(source);
  return 0;
}
