// Whether a model knows the control tokens that its prompt writes.
#ifndef MODELS_PROMPT_UNTRAINED_H
#define MODELS_PROMPT_UNTRAINED_H

#include "base/text.h"
#include "data/prompt.h"
#include "models/model.h"

// Appends the control tokens of the prompt whose rows of the embedding, or of the head for those that are learned to be
// written, look as if they had never been trained: "<|im_start|>, <|im_end|>". Nothing for a model whose weights were not
// opened.
bool prompt_untrained_find(const model *m, const prompt_style *style, text *names, err *e);
// Appends a sentence about them, with what to do; nothing where there are none. frozen: what trains is not an adapter but other
// weights (method freeze).
bool prompt_untrained_describe(const model *m, const prompt_style *style, bool frozen, text *out, err *e);

#endif
