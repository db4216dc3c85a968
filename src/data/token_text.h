// The text of each token of an example, for people to look at.
#ifndef DATA_TOKEN_TEXT_H
#define DATA_TOKEN_TEXT_H

#include "data/tokenizer.h"

typedef struct token_text {
  const char *data; // what the token adds to the text so far; a character that takes several tokens stands at the last of them
  size_t length;
} token_text;

// texts: [n]. The time grows with n²: it is for single examples.
bool token_texts(arena *a, const tokenizer *t, const int32_t *ids, uint32_t n, token_text *texts, err *e);

#endif
