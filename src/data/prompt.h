// How a conversation becomes the text that a model was trained on, with the origin of every byte.
#ifndef DATA_PROMPT_H
#define DATA_PROMPT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

typedef enum message_role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL } message_role;

typedef struct message {
  message_role role;
  const char *content;    // UTF-8 without NUL
  bool train;             // an assistant turn that carries loss
  const char *tool_calls; // of an assistant turn: a JSON array as text, for templates; NULL: none
  const char *tools;      // of the first message: the tools of the conversation, a JSON array as text; NULL: none
} message;

typedef enum prompt_kind { PROMPT_ALPACA, PROMPT_TEMPLATE } prompt_kind;

// Chosen once per model.
typedef struct prompt_style {
  prompt_kind kind;
  const char *bos;         // a template's bos_token. Alpaca: what the tokenizer adds first (mask_added_bos): not part of the
                           // rendered text. "" where none
  const char *eos;         // a template's eos_token, "" where none
  const char *end_of_turn; // the control token that ends an assistant turn: "<|im_end|>", or the EOS for Alpaca. "" where a
                           // template writes none
  const char *end_between; // the one that ends a turn which others follow, where a template has two; else ""
  const char *source;      // a template's
  bool takes_parts;        // it wants a content as [{"type": "text", "text": …}], as those of models that see do
  const char *heading;     // what add_generation_prompt appends
  struct jinja_template *compiled;
  const char *date; // that prompt_set_date was given; NULL: the machine's
} prompt_style;

// From a model's chat template in Jinja (NULL: none → Alpaca), or from a built-in name in its place ("chatml", "alpaca").
// What prompt_to_jinja wrote for Alpaca is Alpaca again. A template that cannot be read, or that cannot render a plain
// conversation, is refused with its line and column.
bool prompt_from_template(arena *a, const char *name, const char *chat_template, const char *bos, const char *eos,
                          prompt_style *style, err *e);
// The chat template as Jinja, to be written beside adapters and models (Alpaca's own prompt as Jinja too).
const char *prompt_to_jinja(arena *a, const prompt_style *style);

// Some templates write the day (strftime_now). What is rendered then depends on it, so a run keeps to one day.
bool prompt_asks_date(const prompt_style *style);
// From now on it is `date`, YYYY-MM-DD, at noon. false where that is no day.
bool prompt_set_date(prompt_style *style, const char *date, err *e);
// The same of a template that asks for it, before data are read: `date`, or where that is NULL today.
bool prompt_fix_date(arena *a, prompt_style *style, const char *date, err *e);
const char *prompt_today(arena *a);

// One rendered conversation. For every byte: content[i] != 0 where it is a message's content (control tokens are never
// matched there), target[i] != 0 where it carries loss: a trained assistant turn's content and its end-of-turn token, or
// what a template marks with {% generation %}.
typedef struct rendered {
  text text;
  text content, target; // as many bytes as text
  text origins;         // uint32_t for each byte of text: 0 is the prompt's own, i + 1 the content of message i
  uint64_t prompt_end;  // bytes before the last assistant turn's content (= length with add_generation_prompt)
} rendered;
void rendered_free(rendered *r);
uint32_t rendered_origin(const rendered *r, uint64_t byte);

// Alpaca joins several turns as its history does. add_generation_prompt: ends where an answer is to begin.
bool prompt_render(const prompt_style *style, const message *messages, uint32_t n, bool add_generation_prompt, rendered *out,
                   err *e);
// Alpaca's instruction with its input (formats.md 2), for data that has the two apart.
void prompt_alpaca_user(const char *instruction, const char *input, text *out);

#endif
