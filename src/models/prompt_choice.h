// Which prompt a model is asked with.
#ifndef MODELS_PROMPT_CHOICE_H
#define MODELS_PROMPT_CHOICE_H

#include "data/prompt.h"
#include "models/model.h"

// `chat_template`: a Jinja file or a built-in name ("alpaca", "chatml"); NULL: the model's own template, else Alpaca's.
bool prompt_choose(arena *a, const model *m, const char *chat_template, prompt_style *style, err *e);
// The same without a model. bos, eos: the texts of these tokens; NULL: none.
bool prompt_from_file(arena *a, const char *chat_template, const char *bos, const char *eos, prompt_style *style, err *e);

#endif
