// Chat templates as jinja2 renders them: the golden file of the shared data, or the one in $VKIFT_CHAT_CASES, which
// tests/reference/templates.py makes of a directory of templates. For each rendering: the text byte for byte, or that it
// fails; what {% generation %} covers; and that the bytes of contents, and those alone, have their message as origin.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "jinja/jinja.h"

typedef struct tally {
  int templates, rendered, refused, wrong;
} tally;

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsString(v) ? v->valuestring : "";
}

// The variables of apply_chat_template. Roles are no content: a template writes them into control text.
static value variables_of(arena *a, const cJSON *golden, const cJSON *tpl, const cJSON *one) {
  value variables = value_dict_new(a), messages = value_list_new(a, VALUE_LIST);
  const cJSON *all = cJSON_GetObjectItemCaseSensitive(golden, "conversations"), *m;
  uint32_t origin = 0;
  cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(all, string_of(one, "conv"))) {
    value v = value_from_json(a, m, ++origin);
    value_put_text(a, v, "role", value_text(string_of(m, "role")));
    value_append(a, messages, v);
  }
  value_put_text(a, variables, "messages", messages);
  value_put_text(a, variables, "bos_token", value_text(string_of(tpl, "bos_token")));
  value_put_text(a, variables, "eos_token", value_text(string_of(tpl, "eos_token")));
  value_put_text(a, variables, "tools", value_none());
  value_put_text(a, variables, "documents", value_none());
  value_put_text(a, variables, "add_generation_prompt",
                 value_bool(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "add_generation_prompt"))));
  cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(one, "variables"))
      value_put_text(a, variables, m->string, value_from_json(a, m, ORIGIN_TEMPLATE));
  return variables;
}

// Golden spans count characters; blocks that touch are one here.
static bool same_generation(const cJSON *one, const jinja_output *out) {
  const cJSON *spans = cJSON_GetObjectItemCaseSensitive(one, "generation_char_spans"), *span;
  if (!spans) return true;
  int character = -1;
  for (size_t i = 0; i < out->text.length; i++) {
    character += ((unsigned char)out->text.data[i] & 0xC0) != 0x80;
    bool inside = false;
    cJSON_ArrayForEach(span, spans) inside |= character >= span->child->valueint && character < span->child->next->valueint;
    if (inside != jinja_generated(out, i)) return false;
  }
  return true;
}

static const char *line_of(const char *rendered, size_t at, char line[100]) {
  size_t from = at < 30 ? 0 : at - 30;
  snprintf(line, 100, "%.60s", rendered + from);
  return line;
}

static void check(arena *a, const cJSON *golden, const cJSON *tpl, const jinja_template *compiled, const cJSON *one, tally *t) {
  jinja_output out = {0};
  err e = {0};
  bool ok = jinja_render(compiled, variables_of(a, golden, tpl, one), &out, &e);
  const cJSON *expected = cJSON_GetObjectItemCaseSensitive(one, "rendered");
  const char *error = string_of(one, "error"), *raised = strstr(error, "TemplateError: ") == error ? error + 15 : "";
  char wanted[100], found[100];
  if (ok && cJSON_IsString(expected)) {
    size_t at = 0;
    while (at < out.text.length && out.text.data[at] == expected->valuestring[at]) at++;
    bool same = at == out.text.length && !expected->valuestring[at];
    if (!same)
      print_error("%s, %s: expected …%s… found …%s…\n", string_of(tpl, "template"), string_of(one, "conv"),
                  line_of(expected->valuestring, at, wanted), line_of(out.text.data ? out.text.data : "", at, found));
    bool spans = same_generation(one, &out);
    if (!spans)
      print_error("%s, %s: {%% generation %%} covers other bytes\n", string_of(tpl, "template"), string_of(one, "conv"));
    t->wrong += !same || !spans;
    t->rendered++;
  } else if (ok || cJSON_IsString(expected) || !strstr(e.message, raised) || !strstr(e.message, ": line ")) {
    print_error("%s, %s: expected %.200s, found %s\n", string_of(tpl, "template"), string_of(one, "conv"),
                *error ? error : "a rendering", ok ? "a rendering" : e.message);
    t->wrong++;
  } else {
    t->refused++;
  }
  jinja_output_free(&out);
}

static void templates_render_as_jinja2_does(void **state) {
  (void)state;
  const char *path = getenv("VKIFT_CHAT_CASES");
  if (!path) path = test_path(test_shared_data(), "golden/chat/shared.json");
  json doc;
  err e = {0};
  if (!json_read(path, 256 << 20, &doc, &e)) fail_msg("%s", e.message);
  const cJSON *tpl, *one;
  tally t = {0};
  cJSON_ArrayForEach(tpl, cJSON_GetObjectItemCaseSensitive(doc.root, "templates")) {
    arena *a = arena_new("test");
    jinja_template *compiled;
    err why = {0};
    t.templates++;
    if (jinja_compile(a, string_of(tpl, "template"), string_of(tpl, "chat_template"), &compiled, &why)) {
      cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(tpl, "cases")) check(a, doc.root, tpl, compiled, one, &t);
    } else {
      print_error("%s\n", why.message);
      t.wrong++;
    }
    arena_free(a);
  }
  print_message("%d templates: %d renderings, %d refusals, %d wrong\n", t.templates, t.rendered, t.refused, t.wrong);
  assert_int_equal(t.wrong, 0);
  assert_true(t.templates >= 8 && t.rendered >= 8 * 14);
  json_free(&doc);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(templates_render_as_jinja2_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
