// Prompts: rendering and masks, by chat templates and by Alpaca's frame.
#include "support/test.h"

#include <string.h>

#include "data/prompt.h"

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
               {4, 1, false, "the role \"tool\" is not supported yet"},
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
static void spellings_of_chatml_have_the_same_mask(void **state) {
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
  message messages[] = {{ROLE_USER, " u ", false},
                        {ROLE_ASSISTANT, "", true},
                        {ROLE_USER, "v", false},
                        {ROLE_ASSISTANT, " w\n", true},
                        {ROLE_ASSISTANT, "x", false}};
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    prompt_style style = style_of(a, spellings[i]);
    assert_string_equal(style.end_of_turn, "<|im_end|>");
    assert_string_equal(style.end_between, "");
    bool marks = strstr(spellings[i], "{% generation %}") != NULL; // which leaves the end out
    const char *expected =
        marks ? "<|im_start|>user\n u <|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nv<|im_end|>\n"
                "<|im_start|>assistant\n[ w\n]<|im_end|>\n<|im_start|>assistant\nx<|im_end|>\n<|im_start|>assistant\n"
              : "<|im_start|>user\n u <|im_end|>\n<|im_start|>assistant\n[<|im_end|>]\n<|im_start|>user\nv<|im_end|>\n"
                "<|im_start|>assistant\n[ w\n<|im_end|>]\n<|im_start|>assistant\nx<|im_end|>\n<|im_start|>assistant\n";
    assert_string_equal(render(a, &style, messages, 5, true), expected);
  }
  arena_free(a);
}

// What the rules of the mask are for; the ends of turns that a probe finds.
static void masks_of_other_shapes(void **state) {
  (void)state;
#define EACH "{% for m in messages %}{% if m.role == 'assistant' %}"
#define ELSE "{% else %}<u>{{ m.content }}{% endif %}{% endfor %}"
  struct {
    const char *source, *end, *between, *answer, *rendered;
  } cases[] = {
      // Trimmed; upper case; cut and joined; written twice; replaced.
      {EACH "{{ m.content | trim }}</s>" ELSE, "</s>", "", "  a b \n", "<u>q[a b</s>]<u>q"},
      {EACH "{{ m.content.upper() + eos_token }}" ELSE, "</s>", "", "aé", "<u>q[AÉ</s>]<u>q"},
      {EACH "{{ m.content.split(' ') | join('-') }}</s>" ELSE, "</s>", "", "a b", "<u>q[a-b</s>]<u>q"},
      {EACH "{{ m.content[::-1] ~ '</s>' }}" ELSE, "</s>", "", "abc", "<u>q[cba</s>]<u>q"},
      {EACH "{{ m.content | replace('b', '<b>') }}</s>" ELSE, "</s>", "", "abc", "<u>q[a<b>c</s>]<u>q"},
      {EACH "{{ m.content }}!{{ m.content }}</s>" ELSE, "</s>", "", "a", "<u>q[a!a</s>]<u>q"},
      // Text and two tokens behind an answer; a newline between; an EOS at the very end of the text.
      {EACH "{{ m.content }} <e1><e2>" ELSE, "<e2>", "", "a", "<u>q[a <e1><e2>]<u>q"},
      {EACH "{{ m.content }}\n<e>\n" ELSE "</s>", "<e>", "", "a", "<u>q[a\n<e>]\n<u>q</s>"},
      // Two tokens, by the place; none at all.
      {EACH "{{ m.content }}{{ '<last>' if loop.last else '<more>' }}" ELSE, "<last>", "<more>", "a", "<u>q[a<more>]<u>q"},
      {EACH "{{ m.content }}\n" ELSE, "", "", "a", "<u>q[a]\n<u>q"},
      // A thought that is dropped, and one that is taken out and written again.
      {EACH "{{ m.content.split('</think>')[-1] }}</s>" ELSE, "</s>", "", "<think>t</think>a", "<u>q[a</s>]<u>q"},
      {EACH
       "{% if '</think>' in m.content %}<think>\n{{ m.content.split('</think>')[0].split('<think>')[-1].strip() }}\n</think>\n"
       "{% endif %}{{ m.content.split('</think>')[-1].strip() }}</s>" ELSE,
       "</s>", "", "<think>\nt\n</think>a", "<u>q[<think>\nt\n</think>\na</s>]<u>q"},
      // Contents in parts.
      {"{% for m in messages %}{{ m.role }}:{{ m.content[0].text }}<e>{% endfor %}", "<e>", "", "a",
       "user:q<e>assistant:[a<e>]user:q<e>"},
      // An end of turn in the content is not the turn's; a block in a macro, in a set block.
      {EACH "{{ m.content }}</s>" ELSE, "</s>", "", "a</s>b", "<u>q[a</s>b</s>]<u>q"},
      {"{% macro w(t) %}{% generation %}{{ t }}</s>{% endgeneration %}{% endmacro %}" EACH "{{ w(m.content) }}" ELSE, "</s>", "",
       "a", "<u>q[a</s>]<u>q"},
      {EACH "{% set x %}.{% generation %}{{ m.content }}{% endgeneration %}{% endset %}{{ x }}</s>" ELSE, "</s>", "", "a",
       "<u>q.[a]</s><u>q"},
  };
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    prompt_style style = style_of(a, cases[i].source);
    message messages[] = {{ROLE_USER, "q", false}, {ROLE_ASSISTANT, cases[i].answer, true}, {ROLE_USER, "q", false}};
    const char *found = render(a, &style, messages, 3, false);
    if (strcmp(found, cases[i].rendered)) fail_msg("case %zu: expected\n%s\nfound\n%s", i, cases[i].rendered, found);
    assert_string_equal(style.end_of_turn, cases[i].end);
    assert_string_equal(style.end_between, cases[i].between);
    assert_ptr_equal(prompt_to_jinja(a, &style), style.source);
    assert_string_equal(style.source, cases[i].source);
  }
  arena_free(a);
}

// Qwen2.5's form of a call, which the model has to write from <tool_call> on.
static void calls_are_learned_from_the_heading_on(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style style = style_of(a,
                                "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
                                "<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": "
                                "{{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
                                "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  assert_string_equal(style.heading, "<|im_start|>assistant\n");
  static const char calls[] = "[{\"function\": {\"name\": \"now\", \"arguments\": {\"zone\": \"<|im_end|>\", \"n\": 1}}}]";
  message messages[] = {{.role = ROLE_USER, .content = "u"},
                        {.role = ROLE_ASSISTANT, .content = "", .train = true, .tool_calls = calls},
                        {.role = ROLE_TOOL, .content = "noon"},
                        {.role = ROLE_ASSISTANT, .content = "Noon.", .train = true}};
  assert_string_equal(render(a, &style, messages, 4, false),
                      "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n[<tool_call>\n{\"name\": \"now\", \"arguments\": "
                      "{\"zone\": \"<|im_end|>\", \"n\": 1}}\n</tool_call><|im_end|>]\n<|im_start|>tool\nnoon<|im_end|>\n"
                      "<|im_start|>assistant\n[Noon.<|im_end|>]\n");
  rendered r; // the arguments are content, down to their braces: nothing in them is a control token
  assert_true(prompt_render(&style, messages, 4, false, &r, NULL));
  const char *arguments = strstr(r.text.data, "{\"zone\"");
  for (size_t i = 0; i < 29; i++) assert_int_equal(r.content.data[(size_t)(arguments - r.text.data) + i], 1);
  rendered_free(&r);
  arena_free(a);
}

// A call that the assistant makes is part of its answer; tools are content, like anything that a data set says.
static void calls_of_tools_are_learned(void **state) {
  (void)state;
  arena *a = arena_new("test");
  static const char calls[] = "[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"arguments\": {\"x\": 1}}}]";
  prompt_style style =
      style_of(a,
               "{% if tools %}<t>{{ tools | tojson }}{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
               "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }}{{ c.function.arguments | tojson }}"
               "{% endfor %}{% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}");
  message messages[] = {{.role = ROLE_USER, .content = "q", .tools = "[{\"name\": \"<add>\"}]"},
                        {.role = ROLE_ASSISTANT, .content = "", .train = true, .tool_calls = calls}};
  assert_string_equal(render(a, &style, messages, 2, false),
                      "<t>[{\"name\": \"<add>\"}]<user>q<assistant><call>[add{\"x\": 1}</s>]");
  prompt_style deaf = style_of(a, "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}");
  rendered out = {0};
  err e = {0};
  assert_false(prompt_render(&deaf, messages, 2, false, &out, &e));
  assert_non_null(strstr(e.message, "message 2: tool_calls: the chat template has no place for them"));
  arena_free(a);
}

static void templates_that_cannot_serve_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *source, *message;
  } cases[] = {
      {"",
       "model/chat_template.jinja: expected a chat template that writes the assistant's messages, found one that leaves them "
       "out"},
      {"plain text", "that leaves them out"},
      {"{% for m in messages %}{{ m.content if m.role == 'user' }}{% endfor %}", "that leaves them out"},
      {"{{ messages[0].content }\n}", "model/chat_template.jinja: line 1, column 24: unexpected '}'"},
      {"\n{{ raise_exception('Nobody may speak.') }}", "model/chat_template.jinja: line 2, column 4: Nobody may speak."},
      {"{% include 'other' %}", "model/chat_template.jinja: line 1, column 4: the statement \"include\" is not supported"},
  };
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    prompt_style style;
    err e = {0};
    if (prompt_from_template(a, "model/chat_template.jinja", cases[i].source, "", "", &style, &e))
      fail_msg("template %zu passed", i);
    if (!strstr(e.message, cases[i].message)) fail_msg("case %zu: expected\n%s\nfound\n%s", i, cases[i].message, e.message);
  }
  arena_free(a);
}

static void our_own_jinja_is_recognised(void **state) {
  (void)state;
  arena *a = arena_new("test");
  prompt_style styles[] = {{.kind = PROMPT_ALPACA, .bos = "", .eos = "</s>"},
                           {.kind = PROMPT_ALPACA, .bos = "<s>", .eos = "</s>"}};
  for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
    const char *jinja = prompt_to_jinja(a, &styles[i]);
    prompt_style again = style_of(a, jinja), file = style_of(a, arena_printf(a, "%s\n", jinja));
    assert_int_equal(again.kind, PROMPT_ALPACA);
    assert_int_equal(file.kind, PROMPT_ALPACA);
    assert_string_equal(again.bos, styles[i].bos);
    assert_string_equal(again.end_of_turn, "</s>");
    // As a template it renders the same.
    prompt_style other = style_of(a, arena_printf(a, "{# a template #}%s", jinja)), built_in = style_of(a, "alpaca");
    assert_int_equal(other.kind, PROMPT_TEMPLATE);
    message messages[] = {{ROLE_SYSTEM, "S", false},
                          {ROLE_USER, "U\n\n### Input:\nI", false},
                          {ROLE_ASSISTANT, "A", true},
                          {ROLE_USER, "V", false},
                          {ROLE_ASSISTANT, "B", true}};
    const char *found = render(a, &other, messages, 5, false);
    assert_string_equal(found + strlen(styles[i].bos), render(a, &built_in, messages, 5, false));
  }
  prompt_style chatml = style_of(a, "chatml");
  // What was rendered with jinja2, and agreed.
  assert_string_equal(prompt_to_jinja(a, &chatml),
                      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
                      "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
                      "{% endif %}");
  assert_string_equal(
      prompt_to_jinja(a, &styles[1]),
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
      "{% elif message['role'] == 'user' %}{% if loop.first or loop.index0 == 1 and messages[0]['role'] == 'system' %}"
      "{% if '\\n\\n### Input:\\n' in message['content'] %}{{ 'Below is an instruction that describes a task, paired with an "
      "input that provides further context. Write a response that appropriately completes the request.\\n\\n' }}{% else %}"
      "{{ 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\\n\\n' }}"
      "{% endif %}{% else %}{{ '\\n\\n' }}{% endif %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n### Response:\\n' }}"
      "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}");
  arena_free(a);
}

// A template may write the day, which is then the run's: else a resumed run would not have the data that it began with.
static void a_run_keeps_its_day(void **state) {
  (void)state;
  arena *a = arena_new("test");
  message messages[] = {{ROLE_USER, "u", false}, {ROLE_ASSISTANT, "a", true}};
  prompt_style style =
                   style_of(a, "{{ strftime_now('%d %b %Y, %H:%M') }}{% for m in messages %}[{{ m.content }}</s>]{% endfor %}"),
               plain = style_of(a, "chatml");
  err e = {0};
  assert_true(prompt_asks_date(&style));
  assert_false(prompt_asks_date(&plain));
  assert_true(prompt_set_date(&style, "2024-02-29", &e) && prompt_set_date(&plain, "1999-12-31", &e));
  assert_string_equal(render(a, &style, messages, 2, false), "29 Feb 2024, 12:00[u</s>][[a</s>]]");
  assert_true(prompt_fix_date(a, &style, NULL, &e));
  assert_string_equal(style.date, prompt_today(a));
  assert_true(prompt_fix_date(a, &style, "2025-01-31", &e));
  assert_string_equal(render(a, &style, messages, 2, false), "31 Jan 2025, 12:00[u</s>][[a</s>]]");
  static const char *const bad[] = {"", "2023-02-29", "2024-13-01", "2024-1-1", "24-01-01", "2024-01-01 ", "2024/01/01", "today"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    e = (err){0};
    assert_false(prompt_set_date(&style, bad[i], &e));
    assert_non_null(strstr(e.message, "chat_template_date: expected a day as in 2026-11-25, found"));
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_keeps_its_day),
      cmocka_unit_test(chatml_marks_trained_answers_and_their_end),
      cmocka_unit_test(alpaca_is_stanfords_prompt),
      cmocka_unit_test(orders_that_alpaca_has_no_place_for_are_refused),
      cmocka_unit_test(spellings_of_chatml_have_the_same_mask),
      cmocka_unit_test(masks_of_other_shapes),
      cmocka_unit_test(calls_are_learned_from_the_heading_on),
      cmocka_unit_test(calls_of_tools_are_learned),
      cmocka_unit_test(templates_that_cannot_serve_are_refused),
      cmocka_unit_test(our_own_jinja_is_recognised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
