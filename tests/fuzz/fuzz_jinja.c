// Chat templates: whatever the source, it is refused or renders within its limits, with one origin for each byte.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "jinja/jinja.h"

static value messages(arena *a) {
  static const char *const contents[] = {"You are kind.", " Hi, {{ you }}\n", "<think>Hm</think> Yes\xC3\xA9!", ""};
  static const char *const roles[] = {"system", "user", "assistant", "user"};
  value list = value_list_new(a, VALUE_LIST);
  for (uint32_t i = 0; i < 4; i++) {
    value m = value_dict_new(a);
    value_put_text(a, m, "role", value_text(roles[i]));
    value_put_text(a, m, "content", value_string(contents[i], strlen(contents[i]), i + 1));
    value_append(a, list, m);
  }
  return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena *a = arena_new("fuzzing");
  char *source = arena_strndup(a, (const char *)data, size);
  jinja_template *t;
  jinja_output out = {0};
  err e = {0};
  value variables = value_dict_new(a);
  value_put_text(a, variables, "messages", messages(a));
  value_put_text(a, variables, "x", value_text("a b"));
  bool ok = jinja_compile(a, "input", source, &t, &e) && jinja_render(t, variables, &out, &e);
  fuzz_check(ok, &e);
  REQUIRE(out.origins.length == out.text.length * sizeof(uint32_t), "%zu bytes, %zu of origins", out.text.length,
          out.origins.length);
  REQUIRE(utf8_valid(out.text.data ? out.text.data : "", out.text.length, NULL), "text that is not UTF-8");
  for (uint64_t i = 0; i < out.text.length; i++) REQUIRE(jinja_origin(&out, i) <= 4, "origin %u", jinja_origin(&out, i));
  jinja_output_free(&out);
  arena_free(a);
  return 0;
}
