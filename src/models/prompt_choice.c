#include "models/prompt_choice.h"

#include <string.h>

#include "base/file.h"
#include "data/mask.h"

enum { TEMPLATE_LIMIT = 1 << 20 };

static bool is_built_in(const char *name) {
  return !strcmp(name, "alpaca") || !strcmp(name, "chatml");
}

// A template written for other models: its end of a turn would be learned as a row of letters, and no tool would stop there.
// Other marks may be such rows: Zephyr's <|user|> is no token of its tokenizer.
static bool check_ends_of_turns(const model *m, const char *name, const prompt_style *style, err *e) {
  const char *const ends[] = {style->end_of_turn, style->end_between};
  for (int i = 0; i < 2; i++)
    if (*ends[i] && tokenizer_id(m->tokenizer, ends[i]) < 0)
      return ERR(e, "%s: the chat template ends a turn with %s, which is no token of %s: use --chat-template alpaca", name,
                 ends[i], m->path);
  return true;
}

// Its text; of a built-in name, which is no path, whatever lies in the working directory, the name itself.
static bool read_template(arena *a, const char *chat_template, const char **source, err *e) {
  char *content;
  *source = chat_template;
  if (is_built_in(chat_template)) return true;
  if (!file_exists(chat_template))
    return ERR(e, "%s: expected the file of a chat template, or one of the built-in chatml and alpaca, found neither",
               chat_template);
  TRY(file_read(a, chat_template, TEMPLATE_LIMIT, &content, NULL, e));
  return *source = content, true;
}

bool prompt_from_file(arena *a, const char *chat_template, const char *bos, const char *eos, prompt_style *style, err *e) {
  const char *source;
  TRY(read_template(a, chat_template, &source, e));
  return prompt_from_template(a, chat_template, source, bos, eos, style, e);
}

bool prompt_choose(arena *a, const model *m, const char *chat_template, prompt_style *style, err *e) {
  const char *name = chat_template ? chat_template : m->path, *source = m->chat_template;
  if (chat_template) TRY(read_template(a, chat_template, &source, e));
  TRY(prompt_from_template(a, name, source, m->bos_text, m->eos_text, style, e));
  if (style->kind == PROMPT_ALPACA) style->bos = mask_added_bos(m->tokenizer); // no template asks for it: the tokenizer may
  return check_ends_of_turns(m, name, style, e);
}
