// Prompts by a model's own chat template, run by the interpreter in jinja/. Inside of prompt.h.
#ifndef DATA_PROMPT_TEMPLATE_H
#define DATA_PROMPT_TEMPLATE_H

#include "data/prompt.h"

// Compiles the template and finds out with a probe what ends an assistant's turn.
bool prompt_template_open(arena *a, const char *name, const char *chat_template, const char *bos, const char *eos,
                          prompt_style *style, err *e);
bool prompt_template_render(const prompt_style *style, const message *messages, uint32_t n, bool add_generation_prompt,
                            rendered *out, err *e);

const char *prompt_role_name(message_role role);

#endif
