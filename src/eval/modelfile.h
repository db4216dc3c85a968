// The Modelfile beside a GGUF export: what `ollama create` reads.
#ifndef EVAL_MODELFILE_H
#define EVAL_MODELFILE_H

#include "data/prompt.h"
#include "data/tokenizer.h"

typedef struct modelfile {
  const char *from, *adapter; // paths relative to it; adapter NULL: none
  const char *note;           // how `from` is made where it is not there; NULL: it is
} modelfile;

void modelfile_print(const modelfile *f, const prompt_style *prompt, const tokenizer *t, text *out);
// The chat template as one of Go's text/template over ollama's .System and .Messages; false where it cannot be said so.
bool modelfile_template(const prompt_style *prompt, const tokenizer *t, text *out);

#endif
