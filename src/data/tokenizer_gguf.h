// What the reader and the writer of tokenizers in GGUF files share. Inside the tokenizer.
#ifndef DATA_TOKENIZER_GGUF_H
#define DATA_TOKENIZER_GGUF_H

#include "data/tokenizer_parts.h"

// llama.cpp's token types (include/llama.h, llama_token_type).
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

// A pre-tokenizer by its name in llama.cpp: how tokenizer.json says it, and what else the name stands for.
typedef struct gguf_pre {
  const char *name, *json;
  bool ignore_merges, add_bos, nfc;
} gguf_pre;
const gguf_pre *tokenizer_gguf_pre(size_t i); // NULL behind the last

// Which tokens take the white space behind them where the name says Phi-3 (llama.cpp's src/llama-vocab.cpp).
bool tokenizer_gguf_phi3_strips(const char *content);

#endif
