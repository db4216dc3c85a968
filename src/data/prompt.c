// Which prompt a model has, and Alpaca's, which is built in with its Jinja for other tools. Templates: prompt_template.c.
//   Alpaca:  the frame of Stanford Alpaca's train.py. Further turns follow as "\n\n### Instruction:\n…" without the
//            introduction; a system message stands in front as a paragraph of its own; each answer ends with EOS.
#define _GNU_SOURCE // timegm
#include "data/prompt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "data/prompt_template.h"
#include "jinja/jinja.h"

#define INTRODUCTION \
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
#define INTRODUCTION_WITH_INPUT                                                                         \
  "Below is an instruction that describes a task, paired with an input that provides further context. " \
  "Write a response that appropriately completes the request.\n\n"
#define INPUT_HEADING "\n\n### Input:\n"

// <|im_start|>role\ncontent<|im_end|>\n  for each message (OpenAI)
static const char chatml[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static bool set_alpaca(const char *name, const char *bos, const char *eos, prompt_style *style, err *e) {
  if (!*eos) return ERR(e, "%s: the Alpaca prompt ends an answer with the model's EOS token, found none", name);
  *style = (prompt_style){.kind = PROMPT_ALPACA, .bos = bos, .eos = eos, .end_of_turn = eos, .end_between = ""};
  return true;
}

// Whether it is Alpaca's own Jinja, with or without a BOS.
static bool is_alpaca(arena *a, const char *chat_template, bool with_bos) {
  const prompt_style alpaca = {.kind = PROMPT_ALPACA, .bos = with_bos ? "<s>" : ""};
  const char *jinja = prompt_to_jinja(a, &alpaca);
  size_t n = strlen(jinja);
  return !strncmp(jinja, chat_template, n) && strspn(chat_template + n, "\r\n") == strlen(chat_template + n);
}

bool prompt_from_template(arena *a, const char *name, const char *chat_template, const char *bos, const char *eos,
                          prompt_style *style, err *e) {
  bos = arena_strdup(a, bos ? bos : "");
  eos = arena_strdup(a, eos ? eos : "");
  if (!chat_template || !strcmp(chat_template, "alpaca")) return set_alpaca(name, bos, eos, style, e);
  if (is_alpaca(a, chat_template, true)) return set_alpaca(name, bos, eos, style, e);
  if (is_alpaca(a, chat_template, false)) return set_alpaca(name, "", eos, style, e);
  if (!strcmp(chat_template, "chatml")) chat_template = chatml;
  return prompt_template_open(a, name, chat_template, bos, eos, style, e);
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
  if (style->kind == PROMPT_TEMPLATE) return style->source;
  text t = {0};
  if (*style->bos) text_puts(&t, "{{ bos_token }}");
  put_alpaca_jinja(&t);
  const char *jinja = arena_strdup(a, t.data);
  text_free(&t);
  return jinja;
}

// --- rendering ---

void rendered_free(rendered *r) {
  text_free(&r->text), text_free(&r->content), text_free(&r->target), text_free(&r->origins);
  r->prompt_end = 0;
}

uint32_t rendered_origin(const rendered *r, uint64_t byte) {
  uint32_t origin;
  memcpy(&origin, r->origins.data + byte * sizeof origin, sizeof origin);
  return origin;
}

// origin: 0, or i + 1 where the bytes are the content of message i.
static void put(rendered *r, const char *bytes, uint32_t origin, bool is_target) {
  size_t n = strlen(bytes);
  text_put(&r->text, bytes, n);
  for (size_t i = 0; i < n; i++) {
    text_putc(&r->content, origin != 0), text_putc(&r->target, is_target);
    text_put(&r->origins, (const char *)&origin, sizeof origin);
  }
}

static void put_answer(const prompt_style *style, const message *m, uint32_t origin, rendered *r) {
  r->prompt_end = r->text.length;
  put(r, m->content, origin, m->train);
  put(r, style->end_of_turn, 0, m->train);
}

// Alpaca has places for: system?, then user and assistant in turn.
static bool check_alpaca(const message *messages, uint32_t n, bool ask, err *e) {
  uint32_t first = messages[0].role == ROLE_SYSTEM;
  for (uint32_t i = first; i < n; i++) {
    message_role expected = (i - first) % 2 ? ROLE_ASSISTANT : ROLE_USER;
    if (messages[i].role != expected)
      return ERR(e, "the Alpaca prompt takes user and assistant in turn: messages[%u]: expected role \"%s\", found \"%s\"", i,
                 prompt_role_name(expected), prompt_role_name(messages[i].role));
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
      put(r, m->content, i + 1, false);
      put(r, "\n\n", 0, false);
    } else if (m->role == ROLE_USER) {
      const char *introduction = strstr(m->content, INPUT_HEADING) ? INTRODUCTION_WITH_INPUT : INTRODUCTION;
      put(r, first ? introduction : "\n\n", 0, false);
      put(r, "### Instruction:\n", 0, false);
      put(r, m->content, i + 1, false);
      put(r, "\n\n### Response:\n", 0, false);
      first = false;
    } else {
      put_answer(style, m, i + 1, r);
    }
  }
}

bool prompt_render(const prompt_style *style, const message *messages, uint32_t n, bool add_generation_prompt, rendered *out,
                   err *e) {
  *out = (rendered){0};
  if (!n) return ERR(e, "a conversation: expected at least one message, found none");
  if (style->kind == PROMPT_TEMPLATE) {
    TRY(prompt_template_render(style, messages, n, add_generation_prompt, out, e));
  } else {
    for (uint32_t i = 0; i < n; i++) {
      if (messages[i].role == ROLE_TOOL) return ERR(e, "messages[%u]: the role \"tool\" is not supported yet by this prompt", i);
      if (messages[i].tool_calls)
        return ERR(e, "message %u: tool_calls: the Alpaca prompt has no place for them; a chat template of the model's may have",
                   i + 1);
    }
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

// --- the day -----------------------------------------------------------------------------------------------------------

bool prompt_asks_date(const prompt_style *style) {
  return style->kind == PROMPT_TEMPLATE && style->compiled && jinja_asks_time(style->compiled);
}

bool prompt_set_date(prompt_style *style, const char *date, err *e) {
  struct tm day = {.tm_hour = 12};
  int end = 0;
  const bool read = strlen(date) == 10 && sscanf(date, "%4d-%2d-%2d%n", &day.tm_year, &day.tm_mon, &day.tm_mday, &end) == 3;
  const int month = day.tm_mon, in_month = day.tm_mday;
  day.tm_year -= 1900, day.tm_mon -= 1;
  const time_t seconds = read && end == 10 ? timegm(&day) : -1;
  if (seconds < 0 || day.tm_mon + 1 != month || day.tm_mday != in_month)
    return ERR(e, "chat_template_date: expected a day as in 2026-11-25, found %s", date);
  style->date = date;
  if (prompt_asks_date(style)) jinja_set_time(style->compiled, (int64_t)seconds);
  return true;
}

bool prompt_fix_date(arena *a, prompt_style *style, const char *date, err *e) {
  if (!date && !prompt_asks_date(style)) return true;
  return prompt_set_date(style, date ? date : prompt_today(a), e);
}

const char *prompt_today(arena *a) {
  char today[16];
  const time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(today, sizeof today, "%Y-%m-%d", &local);
  return arena_strdup(a, today);
}
