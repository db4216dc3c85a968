#include "models/prompt_choice.h"

#include <string.h>

#include "base/file.h"
#include "data/mask.h"

enum { TEMPLATE_LIMIT = 1 << 20 };

static bool is_built_in(const char *name) {
  return !strcmp(name, "alpaca") || !strcmp(name, "chatml");
}

bool prompt_choose(arena *a, const model *m, const char *chat_template, prompt_style *style, err *e) {
  const char *name = m->path, *source = m->chat_template;
  if (chat_template) {
    name = source = chat_template;
    if (!is_built_in(chat_template)) { // such a name is no path, whatever lies in the working directory
      char *content;
      TRY(file_read(a, chat_template, TEMPLATE_LIMIT, &content, NULL, e));
      source = content;
    }
  }
  TRY(prompt_from_template(a, name, source, m->bos_text, m->eos_text, style, e));
  if (style->kind == PROMPT_ALPACA) style->bos = mask_added_bos(m->tokenizer); // no template asks for it: the tokenizer may
  return true;
}
