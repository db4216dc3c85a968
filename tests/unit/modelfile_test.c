// Modelfiles: chat templates in Go's text/template. What they make of a conversation is worked out here by the rules of that
// language, as far as vkift uses it, and has to be what the chat template itself makes of it.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "eval/modelfile.h"
#include "io/json.h"
#include "support/byte_tokenizer.h"

// ---- text/template, a little of it ----

typedef struct go {
  const char *at;
  const message *messages; // without the system message
  uint32_t n, i;
  const char *system;
  text *out;
} go;

// The action at g->at, without its braces, into `action`; false where text stands there.
static bool next_action(go *g, char action[128]) {
  if (strncmp(g->at, "{{ ", 3)) return false;
  const char *end = strstr(g->at, " }}");
  assert_non_null(end);
  snprintf(action, 128, "%.*s", (int)(end - g->at - 3), g->at + 3);
  g->at = end + 3;
  return true;
}

static bool holds(const go *g, const char *condition) {
  const bool last = g->i + 1 == g->n;
  if (!strcmp(condition, ".System")) return *g->system;
  if (!strcmp(condition, "$last")) return last;
  if (!strcmp(condition, "not $last")) return !last;
  if (!strcmp(condition, "eq $m.Role \"user\"")) return g->messages[g->i].role == ROLE_USER;
  if (!strcmp(condition, "eq $m.Role \"assistant\"")) return g->messages[g->i].role == ROLE_ASSISTANT;
  fail_msg("the condition %s", condition);
  return false;
}

// Up to the else or end that belongs to it, which `ended_by` gets.
static void execute(go *g, bool write, char ended_by[128]) {
  char action[128];
  while (*g->at) {
    if (!next_action(g, action)) {
      if (write) text_putc(g->out, *g->at);
      g->at++;
    } else if (!strncmp(action, "else", 4) || !strcmp(action, "end")) {
      snprintf(ended_by, 128, "%s", action);
      return;
    } else if (!strncmp(action, "if ", 3)) {
      bool done = false, now = holds(g, action + 3);
      char by[128];
      for (;;) {
        execute(g, write && now && !done, by);
        done |= now;
        if (!strcmp(by, "end")) break;
        now = !strcmp(by, "else") || holds(g, by + 8); // "else if …"
      }
    } else if (!strcmp(action, "range $i, $m := .Messages")) {
      const char *body = g->at;
      char by[128] = "";
      for (g->i = 0; g->i < g->n; g->i++) {
        g->at = body;
        execute(g, write, by);
      }
      assert_string_equal(by, "end");
    } else if (write) {
      if (!strcmp(action, ".System")) text_puts(g->out, g->system);
      else if (!strcmp(action, "$m.Content")) text_puts(g->out, g->messages[g->i].content);
      else if (!strcmp(action, "\"{{\"")) text_puts(g->out, "{{");
      else assert_string_equal(action, "$last := eq (len (slice $.Messages $i)) 1");
    }
  }
  strcpy(ended_by, "");
}

static text run_go(const char *source, const message *messages, uint32_t n) {
  const bool system = messages[0].role == ROLE_SYSTEM;
  char by[128];
  text out = {0};
  go g = {.at = source, .messages = messages + system, .n = n - system, .system = system ? messages[0].content : "", .out = &out};
  text_puts(&out, "");
  execute(&g, true, by);
  assert_string_equal(by, "");
  return out;
}

// ---- templates ----

static const message talk[] = {{.role = ROLE_SYSTEM, .content = "Be brief."},
                               {.role = ROLE_USER, .content = "Hello {{ there }}"},
                               {.role = ROLE_ASSISTANT, .content = "Yes\n\nthat."},
                               {.role = ROLE_USER, .content = "and\nwhy?"},
                               {.role = ROLE_ASSISTANT, .content = "x"},
                               {.role = ROLE_USER, .content = "Go on."}};

static prompt_style open_style(arena *a, const char *source, const char *bos) {
  prompt_style style;
  err e = {0};
  test_ok(prompt_from_template(a, "test", source, bos, "<|endoftext|>", &style, &e), &e);
  return style;
}

// Every conversation that ends with a question, with and without a system message. Returns how many were compared.
static int check_talks(const prompt_style *style, const char *go_source, const char *bos) {
  int n_same = 0;
  for (uint32_t first = 0; first < 2; first++)
    for (uint32_t end = 2; end <= 6; end += 2) {
      rendered r;
      err e = {0};
      if (!prompt_render(style, talk + first, end - first, true, &r, &e)) continue;
      const bool has_bos = *bos && !strncmp(r.text.data, bos, strlen(bos));
      text made = run_go(go_source, talk + first, end - first);
      assert_string_equal(made.data, r.text.data + (has_bos ? strlen(bos) : 0));
      text_free(&made);
      rendered_free(&r);
      n_same++;
    }
  return n_same;
}

#define CHATML                                                                                                        \
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" \
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

static void templates_say_the_same_in_go(void **state) {
  (void)state;
  static const struct {
    const char *source;
    int talks; // 0: cannot be said in Go
  } cases[] = {
      {"chatml", 6},
      {"alpaca", 6},
      {CHATML, 6},
      // A default system message; a BOS; braces.
      {"{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}" CHATML, 6},
      {"{{ bos_token }}{{ '{{' }}" CHATML, 6},
      // Without a place for a system message, or with one inside of the first question.
      {"{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
       "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' }}{% endfor %}<|im_start|>assistant",
       3},
      {"{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n' %}{% set rest = messages[1:] %}"
       "{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}{{ '<|im_start|>' + m['role'] + ' ' "
       "+ (first if loop.first else '') + m['content'] + '<|im_end|>' }}{% endfor %}{{ '<|im_start|>assistant ' }}",
       6},
      // What depends on the number of turns, and messages that are left out or turned round.
      {"{% for m in messages %}{{ '<|im_start|>' + m['role'] + (loop.index | string) + m['content'] + '<|im_end|>' }}{% endfor "
       "%}",
       0},
      {"{% for m in messages %}{% if m['role'] != 'assistant' or loop.index > messages | length - 3 %}"
       "{{ '<|im_start|>' + m['role'] + m['content'] + '<|im_end|>' }}{% endif %}{% endfor %}",
       0},
  };
  arena *a = arena_new("test");
  tokenizer *t = byte_tokenizer(a, true);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const prompt_style style = open_style(a, cases[i].source, "<|endoftext|>");
    text source = {0};
    const bool ok = modelfile_template(&style, t, &source);
    if (ok != (cases[i].talks > 0)) fail_msg("case %d: %s", (int)i, ok ? source.data : "none");
    if (ok) assert_int_equal(check_talks(&style, source.data, "<|endoftext|>"), cases[i].talks);
    text_free(&source);
  }
  tokenizer_free(t);
  arena_free(a);
}

static void a_modelfile_has_all_that_ollama_needs(void **state) {
  (void)state;
  arena *a = arena_new("test");
  tokenizer *t = byte_tokenizer(a, false);
  const prompt_style style = open_style(a, CHATML, "");
  text out = {0};
  modelfile_print(&(modelfile){.from = "base.gguf", .adapter = "adapter.gguf", .note = "made so"}, &style, t, &out);
  assert_string_equal(
      out.data,
      "# ollama create NAME -f Modelfile\n# made so\nFROM ./base.gguf\nADAPTER ./adapter.gguf\nTEMPLATE \"\"\""
      "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ else }}<|im_start|>user\n"
      "{{ end }}{{ range $i, $m := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
      "{{ if eq $m.Role \"user\" }}{{ $m.Content }}{{ if $last }}<|im_end|>\n<|im_start|>assistant\n{{ end }}"
      "{{ else if eq $m.Role \"assistant\" }}<|im_end|>\n<|im_start|>assistant\n{{ $m.Content }}"
      "{{ if not $last }}<|im_end|>\n<|im_start|>user\n{{ end }}{{ end }}{{ end }}\"\"\"\n"
      "PARAMETER stop \"<|im_end|>\"\nPARAMETER stop \"<|endoftext|>\"\n");
  text_clear(&out);
  const prompt_style counted =
      open_style(a, "{% for m in messages %}{{ loop.index | string + m['content'] + eos_token }}{% endfor %}", "");
  modelfile_print(&(modelfile){.from = "model.gguf"}, &counted, t, &out);
  assert_non_null(strstr(out.data, "FROM ./model.gguf\n# No TEMPLATE: "));
  assert_null(strstr(out.data, "ADAPTER"));
  // A wide blank, which ollama's parser would lose.
  text_clear(&out);
  const prompt_style wide =
      open_style(a, "{% for m in messages %}{{ m['role'] + '\u3000' + m['content'] + eos_token }}{% endfor %}", "");
  modelfile_print(&(modelfile){.from = "model.gguf"}, &wide, t, &out);
  assert_non_null(strstr(out.data, "FROM ./model.gguf\n# No TEMPLATE: "));
  text_clear(&out);
  const prompt_style narrow =
      open_style(a, "{% for m in messages %}{{ m['role'] + '\u2581' + m['content'] + eos_token }}{% endfor %}", "");
  modelfile_print(&(modelfile){.from = "model.gguf"}, &narrow, t, &out);
  assert_non_null(strstr(out.data, "FROM ./model.gguf\nTEMPLATE "));
  text_free(&out);
  tokenizer_free(t);
  arena_free(a);
}

// Templates of real models (golden/chat/shared.json): most can be said in Go, and then say the same.
static void real_templates_say_the_same_in_go(void **state) {
  (void)state;
  arena *a = arena_new("test");
  json d;
  cJSON *templates;
  err e = {0};
  const char *path = arena_printf(a, "%s/golden/chat/shared.json", test_shared_data());
  test_ok(json_read(path, 1 << 26, &d, &e) && json_array(&d, d.root, "", "templates", &templates, &e), &e);
  tokenizer *t = byte_tokenizer(a, false);
  int n = 0, said = 0;
  for (const cJSON *one = templates->child; one; one = one->next) {
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(one, "chat_template");
    assert_true(cJSON_IsString(source));
    prompt_style style;
    n++;
    if (!prompt_from_template(a, "test", source->valuestring, "<s>", "</s>", &style, &e)) continue;
    text go_source = {0};
    if (modelfile_template(&style, t, &go_source)) {
      said++;
      assert_true(check_talks(&style, go_source.data, "") >= 3);
    }
    text_free(&go_source);
  }
  print_message("%d of %d templates\n", said, n);
  assert_true(2 * said > n);
  json_free(&d);
  tokenizer_free(t);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(templates_say_the_same_in_go),
      cmocka_unit_test(a_modelfile_has_all_that_ollama_needs),
      cmocka_unit_test(real_templates_say_the_same_in_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
