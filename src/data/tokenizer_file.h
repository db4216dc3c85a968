// A tokenizer by itself, from whatever has one.
#ifndef DATA_TOKENIZER_FILE_H
#define DATA_TOKENIZER_FILE_H

#include "data/tokenizer.h"

typedef struct tokenizer_file {
  tokenizer *tokens;
  gguf file; // kept open: what was read from it may point into it. Zero for a tokenizer.json
} tokenizer_file;

// `path`: a tokenizer.json, a directory with one, or a GGUF file. Close it also after a failure, before the arena is freed.
bool tokenizer_file_open(arena *a, const char *path, tokenizer_file *t, err *e);
void tokenizer_file_close(tokenizer_file *t); // a zeroed one is fine

#endif
