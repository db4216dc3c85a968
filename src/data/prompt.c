// Rendering of the two prompt forms, and their Jinja for other tools.
//   ChatML:  <|im_start|>role\ncontent<|im_end|>\n  for each message (OpenAI; SmolLM2, Qwen2.5, …)
//   Alpaca:  the frame of Stanford Alpaca's train.py. Further turns follow as "\n\n### Instruction:\n…" without the
//            introduction; a system message stands in front as a paragraph of its own; each answer ends with EOS.
#include "data/prompt.h"

#include <string.h>

#include "data/prompt_known.h"

#define INTRODUCTION \
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
#define INTRODUCTION_WITH_INPUT                                                                         \
  "Below is an instruction that describes a task, paired with an input that provides further context. " \
  "Write a response that appropriately completes the request.\n\n"
#define INPUT_HEADING "\n\n### Input:\n"

static bool set_alpaca(const char *name, const char *bos, const char *eos, prompt_style *style, err *e) {
  if (!*eos) return ERR(e, "%s: the Alpaca prompt ends an answer with the model's EOS token, found none", name);
  *style = (prompt_style){.kind = PROMPT_ALPACA, .bos = bos, .end_of_turn = eos, .default_system = ""};
  return true;
}

static void set_chatml(const char *bos, const char *system, prompt_style *style) {
  *style = (prompt_style){.kind = PROMPT_CHATML, .bos = bos, .end_of_turn = "<|im_end|>", .default_system = system};
}

bool prompt_from_template(arena *a, const char *name, const char *chat_template, const char *bos, const char *eos,
                          prompt_style *style, err *e) {
  bos = arena_strdup(a, bos ? bos : "");
  eos = arena_strdup(a, eos ? eos : "");
  if (!chat_template || !strcmp(chat_template, "alpaca")) return set_alpaca(name, bos, eos, style, e);
  if (!strcmp(chat_template, "chatml")) return set_chatml("", "", style), true;
  known_template known;
  if (!prompt_known(a, chat_template, &known))
    return ERR(e,
               "%s: this chat template is not known yet: expected ChatML as SmolLM2, Qwen2.5 or plain ChatML write it, found "
               "another; use --chat-template chatml or --chat-template alpaca to force one of these prompts",
               name);
  if (known.is_alpaca) return set_alpaca(name, known.writes_bos ? bos : "", eos, style, e);
  set_chatml(known.writes_bos ? bos : "", known.default_system, style);
  return true;
}

// --- Jinja ---

// In single quotes.
static void put_jinja_string(text *t, const char *string) {
  for (; *string; string++) {
    if (*string == '\n') text_puts(t, "\\n");
    else if (*string == '\\' || *string == '\'') text_printf(t, "\\%c", *string);
    else text_putc(t, *string);
  }
}

static void put_chatml_jinja(text *t, const prompt_style *style) {
  text_puts(t, "{% for message in messages %}");
  if (*style->default_system) {
    text_puts(t, "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\n");
    put_jinja_string(t, style->default_system);
    text_puts(t, "<|im_end|>\\n' }}{% endif %}");
  }
  text_puts(t,
            "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
}

// The part between two texts that are quoted is Jinja's; `in` tells whether an instruction came with an input.
static void put_alpaca_jinja(text *t) {
  text_puts(t,
            "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
            "{% elif message['role'] == 'user' %}"
            "{% if loop.first or loop.index0 == 1 and messages[0]['role'] == 'system' %}{% if '");
  put_jinja_string(t, INPUT_HEADING);
  text_puts(t, "' in message['content'] %}{{ '");
  put_jinja_string(t, INTRODUCTION_WITH_INPUT);
  text_puts(t, "' }}{% else %}{{ '");
  put_jinja_string(t, INTRODUCTION);
  text_puts(t,
            "' }}{% endif %}{% else %}{{ '\\n\\n' }}{% endif %}"
            "{{ '### Instruction:\\n' + message['content'] + '\\n\\n### Response:\\n' }}"
            "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}");
}

const char *prompt_to_jinja(arena *a, const prompt_style *style) {
  text t = {0};
  if (*style->bos) text_puts(&t, "{{ bos_token }}");
  if (style->kind == PROMPT_CHATML) put_chatml_jinja(&t, style);
  else put_alpaca_jinja(&t);
  const char *jinja = arena_strdup(a, t.data);
  text_free(&t);
  return jinja;
}

// --- rendering ---

void rendered_free(rendered *r) {
  text_free(&r->text), text_free(&r->content), text_free(&r->target);
  r->prompt_end = 0;
}

static void put(rendered *r, const char *bytes, bool is_content, bool is_target) {
  size_t n = strlen(bytes);
  text_put(&r->text, bytes, n);
  for (size_t i = 0; i < n; i++) text_putc(&r->content, is_content), text_putc(&r->target, is_target);
}

static void put_answer(const prompt_style *style, const message *m, rendered *r) {
  r->prompt_end = r->text.length;
  put(r, m->content, true, m->train);
  put(r, style->end_of_turn, false, m->train);
}

static const char *role_name(message_role role) {
  return role == ROLE_SYSTEM ? "system" : role == ROLE_USER ? "user" : role == ROLE_ASSISTANT ? "assistant" : "tool";
}

static void render_chatml(const prompt_style *style, const message *messages, uint32_t n, bool ask, rendered *r) {
  put(r, style->bos, false, false);
  if (*style->default_system && messages[0].role != ROLE_SYSTEM) {
    put(r, "<|im_start|>system\n", false, false);
    put(r, style->default_system, false, false);
    put(r, "<|im_end|>\n", false, false);
  }
  for (uint32_t i = 0; i < n; i++) {
    const message *m = &messages[i];
    put(r, "<|im_start|>", false, false);
    put(r, role_name(m->role), false, false);
    put(r, "\n", false, false);
    if (m->role == ROLE_ASSISTANT) {
      put_answer(style, m, r);
    } else {
      put(r, m->content, true, false);
      put(r, "<|im_end|>", false, false);
    }
    put(r, "\n", false, false);
  }
  if (ask) put(r, "<|im_start|>assistant\n", false, false);
}

// Alpaca has places for: system?, then user and assistant in turn.
static bool check_alpaca(const message *messages, uint32_t n, bool ask, err *e) {
  uint32_t first = messages[0].role == ROLE_SYSTEM;
  for (uint32_t i = first; i < n; i++) {
    message_role expected = (i - first) % 2 ? ROLE_ASSISTANT : ROLE_USER;
    if (messages[i].role != expected)
      return ERR(e, "the Alpaca prompt takes user and assistant in turn: messages[%u]: expected role \"%s\", found \"%s\"", i,
                 role_name(expected), role_name(messages[i].role));
  }
  if (n == first) return ERR(e, "the Alpaca prompt needs an instruction: expected a user message, found none");
  if (ask && (n - first) % 2 == 0)
    return ERR(e, "the Alpaca prompt asks for an answer behind a user message: found an assistant message at the end");
  return true;
}

static void render_alpaca(const prompt_style *style, const message *messages, uint32_t n, rendered *r) {
  bool first = true;
  for (uint32_t i = 0; i < n; i++) {
    const message *m = &messages[i];
    if (m->role == ROLE_SYSTEM) {
      put(r, m->content, true, false);
      put(r, "\n\n", false, false);
    } else if (m->role == ROLE_USER) {
      const char *introduction = strstr(m->content, INPUT_HEADING) ? INTRODUCTION_WITH_INPUT : INTRODUCTION;
      put(r, first ? introduction : "\n\n", false, false);
      put(r, "### Instruction:\n", false, false);
      put(r, m->content, true, false);
      put(r, "\n\n### Response:\n", false, false);
      first = false;
    } else {
      put_answer(style, m, r);
    }
  }
}

bool prompt_render(const prompt_style *style, const message *messages, uint32_t n, bool add_generation_prompt, rendered *out,
                   err *e) {
  *out = (rendered){0};
  if (!n) return ERR(e, "a conversation: expected at least one message, found none");
  if (style->kind == PROMPT_CHATML) {
    render_chatml(style, messages, n, add_generation_prompt, out);
  } else {
    TRY(check_alpaca(messages, n, add_generation_prompt, e));
    render_alpaca(style, messages, n, out);
  }
  if (add_generation_prompt) out->prompt_end = out->text.length;
  return true;
}

void prompt_alpaca_user(const char *instruction, const char *input, text *out) {
  text_puts(out, instruction);
  if (*input) {
    text_puts(out, INPUT_HEADING);
    text_puts(out, input);
  }
}
