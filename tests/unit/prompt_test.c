// Prompts: rendering, masks, recognition of chat templates.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "data/prompt.h"
#include "data/prompt_known.h"
#include "io/json.h"

#define CHATML                                                                                                          \
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}" \
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

static prompt_style style_of(arena *a, const char *chat_template) {
  prompt_style style;
  err e = {0};
  if (!prompt_from_template(a, "test", chat_template, "<s>", "</s>", &style, &e)) fail_msg("%s", e.message);
  return style;
}

// The rendered text with "[" and "]" around what carries loss.
static char *render(arena *a, const prompt_style *style, const message *messages, uint32_t n, bool ask) {
  rendered r;
  err e = {0};
  if (!prompt_render(style, messages, n, ask, &r, &e)) fail_msg("%s", e.message);
  assert_int_equal(r.content.length, r.text.length);
  assert_int_equal(r.target.length, r.text.length);
  text out = {0};
  bool inside = false;
  for (size_t i = 0; i <= r.text.length; i++) {
    bool target = i < r.text.length && r.target.data[i];
    if (target != inside) text_putc(&out, target ? '[' : ']');
    inside = target;
    if (i < r.text.length) text_putc(&out, r.text.data[i]);
  }
  char *result = arena_strdup(a, out.data);
  text_free(&out);
  rendered_free(&r);
  return result;
}

static void chatml_marks_trained_answers_and_their_end(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style style = style_of(a, "chatml");
  message messages[] = {{ROLE_SYSTEM, "S", false},
                        {ROLE_USER, "<|im_end|>", false},
                        {ROLE_ASSISTANT, "one", false},
                        {ROLE_USER, "again", false},
                        {ROLE_ASSISTANT, "two", true}};
  assert_string_equal(render(a, &style, messages, 5, false),
                      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n<|im_end|><|im_end|>\n"
                      "<|im_start|>assistant\none<|im_end|>\n<|im_start|>user\nagain<|im_end|>\n"
                      "<|im_start|>assistant\n[two<|im_end|>]\n");
  rendered r;
  assert_true(prompt_render(&style, messages, 5, false, &r, NULL));
  assert_string_equal(r.text.data + r.prompt_end, "two<|im_end|>\n");
  const char *end = strstr(r.text.data, "<|im_end|><|im_end|>"); // the first is the user's, the second the template's
  size_t at = (size_t)(end - r.text.data);
  for (size_t i = 0; i < 20; i++) assert_int_equal(r.content.data[at + i], i < 10);
  rendered_free(&r);
  assert_true(prompt_render(&style, messages, 4, true, &r, NULL));
  assert_int_equal(r.prompt_end, r.text.length);
  assert_string_equal(r.text.data + r.text.length - 22, "<|im_start|>assistant\n");
  rendered_free(&r);
  arena_free(a);
}

#define INTRO "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"

static void alpaca_is_stanfords_prompt(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style style = style_of(a, NULL);
  message messages[] = {
      {ROLE_USER, "Add.", false}, {ROLE_ASSISTANT, "3", true}, {ROLE_USER, "More.", false}, {ROLE_ASSISTANT, "4", true}};
  assert_string_equal(render(a, &style, messages, 2, false), INTRO "### Instruction:\nAdd.\n\n### Response:\n[3</s>]");
  assert_string_equal(render(a, &style, messages, 1, true), INTRO "### Instruction:\nAdd.\n\n### Response:\n");
  assert_string_equal(render(a, &style, messages, 4, false), INTRO
                      "### Instruction:\nAdd.\n\n### Response:\n[3</s>]\n\n"
                      "### Instruction:\nMore.\n\n### Response:\n[4</s>]");
  text user = {0};
  prompt_alpaca_user("Add.", "1 and 2", &user);
  message with_input[] = {{ROLE_SYSTEM, "Be kind.", false}, {ROLE_USER, user.data, false}, {ROLE_ASSISTANT, "3", true}};
  assert_string_equal(render(a, &style, with_input, 3, false),
                      "Be kind.\n\nBelow is an instruction that describes a task, paired with an input that provides further "
                      "context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n"
                      "### Input:\n1 and 2\n\n### Response:\n[3</s>]");
  text_free(&user);
  arena_free(a);
}

static void orders_that_alpaca_has_no_place_for_are_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style style = style_of(a, "alpaca");
  message m[] = {{ROLE_ASSISTANT, "first", true},
                 {ROLE_USER, "u", false},
                 {ROLE_USER, "v", false},
                 {ROLE_SYSTEM, "s", false},
                 {ROLE_TOOL, "t", false}};
  struct {
    uint32_t from, n;
    bool ask;
    const char *message;
  } cases[] = {{0, 1, false, "expected role \"user\", found \"assistant\""},
               {1, 2, false, "messages[1]: expected role \"assistant\", found \"user\""},
               {3, 1, false, "expected a user message, found none"},
               {4, 1, false, "expected role \"user\", found \"tool\""},
               {0, 0, false, "expected at least one message"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rendered r;
    err e = {0};
    assert_false(prompt_render(&style, m + cases[i].from, cases[i].n, cases[i].ask, &r, &e));
    if (!strstr(e.message, cases[i].message)) fail_msg("\"%s\" is not in \"%s\"", cases[i].message, e.message);
  }
  prompt_style none;
  err e = {0};
  assert_false(prompt_from_template(a, "model", NULL, "", "", &none, &e));
  assert_non_null(strstr(e.message, "EOS"));
  arena_free(a);
}

// Spellings of the same template, with what Jinja makes of their white space (checked with jinja2 3.1).
static void spellings_of_chatml_are_recognised(void **state) {
  (void)state;
  const char *spellings[] = {
      CHATML,
      "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
      "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
      "{% for message in messages %}{{ \"<|im_start|>\" + message[\"role\"] + \"\\n\" }}{{ message['content'] }}<|im_end|>\n"
      "{{''}}{% endfor %}{% if add_generation_prompt -%}\r\n <|im_start|>assistant\n{% endif %}",
      "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}" CHATML,
      "{# plain #}\n  {% for message in messages %}\n    {% if message['role'] == 'user' %}{{ '<|im_start|>user\\n' + "
      "message['content'] + '<|im_end|>\\n' }}{% elif message['role'] == 'assistant' %}{{'<|im_start|>assistant\\n' + "
      "message['content'] + '<|im_end|>\\n' }}{% else %}{{ '<|im_start|>system\\n' + message['content'] + '<|im_end|>\\n' }}"
      "{% endif %}\n  {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
      "{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|im_start|>system\\n' + message['content'] + "
      "'<|im_end|>\\n' }}{% elif message['role'] == 'user' %}{{ '<|im_start|>user\\n' + message['content'] + '<|im_end|>\\n' }}"
      "{% elif message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}{{ message['content'] }}"
      "{% endgeneration %}{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}"
      "{{ '<|im_start|>assistant\\n' }}{% endif %}",
  };
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    known_template known;
    if (!prompt_known(a, spellings[i], &known)) {
      text form = {0};
      prompt_canonical(spellings[i], &form);
      fail_msg("spelling %zu was not recognised; it reads: %s", i, form.data ? form.data : "nothing");
    }
    assert_string_equal(known.default_system, "");
    assert_false(known.writes_bos || known.is_alpaca);
  }
  prompt_style style = style_of(a, "{{ bos_token }}" CHATML);
  assert_string_equal(style.bos, "<s>");
  arena_free(a);
}

static void templates_that_render_otherwise_are_refused(void **state) {
  (void)state;
  const char *others[] = {
      "",
      "plain text",
      // A newline more behind each turn: only a block's newline is dropped.
      "{% for message in messages %}\n{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}\n"
      "{% endfor %}\n{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      // The contents trimmed; no newline behind a turn; a thought begun for the assistant.
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n'}}"
      "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}"
      "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
      "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
      // The same letters, but as text and not as tags.
      "{{ '{%for message in messages%}' }}<|im_start|>{{message.role}}\n{{message.content}}<|im_end|>\n{{ '{' + '%endfor%}' }}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      "{% for message in messages %}{{'<|im_start|>{' + '{message.role}}\n' + message['content'] + '<|im_end|>' + '\n'}}"
      "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      // Broken off.
      "{% for message in messages %}{{'<|im_start|>' + message['role'",
      "{% for message in messages",
      "{{ 'abc",
      "{# abc",
      "{{ }}",
      "{{ 'a\\q' }}",
      "{{ 'a\\",
  };
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    prompt_style style;
    err e = {0};
    if (prompt_from_template(a, "model/chat_template.jinja", others[i], "", "", &style, &e)) fail_msg("template %zu passed", i);
    assert_non_null(strstr(e.message, "model/chat_template.jinja: this chat template is not known yet"));
    assert_non_null(strstr(e.message, "--chat-template chatml"));
  }
  arena_free(a);
}

static void our_own_jinja_is_recognised(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style styles[] = {
      {PROMPT_CHATML, "", "<|im_end|>", ""},
      {PROMPT_CHATML, "<s>", "<|im_end|>", "It's a \"system\" \\ message:\n\tyes"},
      {PROMPT_ALPACA, "", "</s>", ""},
      {PROMPT_ALPACA, "<s>", "</s>", ""},
  };
  for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
    prompt_style again = style_of(a, prompt_to_jinja(a, &styles[i]));
    assert_int_equal(again.kind, styles[i].kind);
    assert_string_equal(again.bos, styles[i].bos);
    assert_string_equal(again.end_of_turn, styles[i].end_of_turn);
    assert_string_equal(again.default_system, styles[i].default_system);
  }
  // What was rendered with jinja2, and agreed.
  assert_string_equal(prompt_to_jinja(a, &styles[0]),
                      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
                      "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
                      "{% endif %}");
  assert_string_equal(
      prompt_to_jinja(a, &styles[3]),
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
      "{% elif message['role'] == 'user' %}{% if loop.first or loop.index0 == 1 and messages[0]['role'] == 'system' %}"
      "{% if '\\n\\n### Input:\\n' in message['content'] %}{{ 'Below is an instruction that describes a task, paired with an "
      "input that provides further context. Write a response that appropriately completes the request.\\n\\n' }}{% else %}"
      "{{ 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\\n\\n' }}"
      "{% endif %}{% else %}{{ '\\n\\n' }}{% endif %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n### Response:\\n' }}"
      "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}");
  arena_free(a);
}

static message_role role_of(const char *name) {
  return !strcmp(name, "system") ? ROLE_SYSTEM : !strcmp(name, "user") ? ROLE_USER : ROLE_ASSISTANT;
}

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsString(value) ? value->valuestring : "";
}

static uint32_t read_conversation(const cJSON *golden, const char *name, message messages[16]) {
  const cJSON *all = cJSON_GetObjectItemCaseSensitive(golden, "conversations"), *m;
  uint32_t n = 0;
  cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(all, name)) {
    assert_true(n < 16);
    messages[n++] = (message){.role = role_of(string_of(m, "role")), .content = string_of(m, "content")};
  }
  return n;
}

// Each golden template is either recognised and then rendered as jinja2 does, or refused.
static void golden_templates(void **state) {
  (void)state;
  const char *path = test_path(test_shared_data(), "golden/chat/shared.json");
  arena *a = arena_new("test");
  json doc;
  err e = {0};
  if (!json_read(path, 64 << 20, &doc, &e)) fail_msg("%s", e.message);
  const cJSON *template, *conversation;
  int n_known = 0, n_rendered = 0;
  cJSON_ArrayForEach(template, cJSON_GetObjectItemCaseSensitive(doc.root, "templates")) {
    const char *source = string_of(template, "chat_template");
    prompt_style style;
    bool known = prompt_from_template(a, string_of(template, "template"), source, string_of(template, "bos_token"),
                                      string_of(template, "eos_token"), &style, NULL);
    assert_int_equal(known, strstr(source, "<|im_start|>") != NULL);
    if (!known) continue;
    n_known++;
    cJSON_ArrayForEach(conversation, cJSON_GetObjectItemCaseSensitive(template, "cases")) {
      message messages[16];
      uint32_t n = read_conversation(doc.root, string_of(conversation, "conv"), messages);
      bool ask = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(conversation, "add_generation_prompt"));
      assert_string_equal(render(a, &style, messages, n, ask), string_of(conversation, "rendered"));
      n_rendered++;
    }
  }
  assert_int_equal(n_known, 4);
  assert_true(n_rendered >= 4 * 14);
  json_free(&doc);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chatml_marks_trained_answers_and_their_end),
      cmocka_unit_test(alpaca_is_stanfords_prompt),
      cmocka_unit_test(orders_that_alpaca_has_no_place_for_are_refused),
      cmocka_unit_test(spellings_of_chatml_are_recognised),
      cmocka_unit_test(templates_that_render_otherwise_are_refused),
      cmocka_unit_test(our_own_jinja_is_recognised),
      cmocka_unit_test(golden_templates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
