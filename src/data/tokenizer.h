// Text to token ids and back: the BPE tokenizers of tokenizer.json (byte-level, and sentencepiece-style with byte
// fall-back) and the same from GGUF metadata. Gives exactly the ids of Hugging Face's `tokenizers` library.
#ifndef DATA_TOKENIZER_H
#define DATA_TOKENIZER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "io/gguf_write.h"

typedef struct tokenizer tokenizer;

typedef struct token {
  int32_t id;
  uint32_t begin, end; // the bytes of the input text that it stands for; [0, 0) for one that was added
  uint32_t last;       // of them: before end, but where a control token takes the white space behind it, before that
} token;

// Grows as needed. Zero-initialise; token_list_free when done.
typedef struct token_list {
  token *items;
  uint64_t n, capacity;
} token_list;
void token_list_put(token_list *l, token t);
void token_list_free(token_list *l);

// A tokenizer.json file. Components that vkift does not know are refused by name, never skipped.
bool tokenizer_read(arena *a, const char *path, tokenizer **t, err *e);
bool tokenizer_from_gguf(arena *a, const gguf *g, tokenizer **t, err *e);
// Releases what does not lie in the arena: compiled patterns. NULL is fine. Call it before the arena is freed.
void tokenizer_free(tokenizer *t);

// Appends the tokens of text (UTF-8; at most 2^31 bytes). Control tokens (added tokens that are special, or look like <|im_end|>)
// are matched only where no byte of the match is content: content[i] != 0 marks byte i as content; content NULL means that all of
// the text is content-free (control tokens match everywhere, as transformers does with plain text). Everything else, other added
// tokens too, is tokenised without regard to `content`. add_special: what the tokenizer's own post-processor adds (BOS, say).
bool tokenizer_encode(const tokenizer *t, const char *text, uint64_t length, const uint8_t *content, bool add_special,
                      token_list *out, err *e);

// How many rows a model needs for the tokenizer at the least. Added tokens that lie behind `n_rows` and in no vocabulary (Gemma 3's
// <image_soft_token>) need none: from now on they are not there, and a text that has one is refused. Rows that no token has (Qwen's
// last ones), which a model may write, decode to nothing.
uint32_t tokenizer_fit(tokenizer *t, uint32_t n_rows);

// ids to text, as `tokenizers` decodes; skip_special leaves special tokens out. An id outside the vocabulary is an error,
// unless it is a row (tokenizer_fit).
bool tokenizer_decode(const tokenizer *t, const int32_t *ids, uint64_t n, bool skip_special, text *out, err *e);

uint32_t tokenizer_vocab_size(const tokenizer *t);             // largest id + 1
int32_t tokenizer_id(const tokenizer *t, const char *content); // of a token by its exact content, −1 if there is none
const char *tokenizer_content(const tokenizer *t, int32_t id); // as in the vocabulary; NULL if there is none
bool tokenizer_is_special(const tokenizer *t, int32_t id);     // an added token marked special
bool tokenizer_is_control(const tokenizer *t, int32_t id);     // special, or of the form <|…|>: no content becomes it
bool tokenizer_is_added(const tokenizer *t, int32_t id);
// The source from which it was read, to be written beside adapters and exported models: tokenizer.json's bytes. For a
// GGUF, an equivalent tokenizer.json is made.
bool tokenizer_to_json(const tokenizer *t, text *out, err *e);

// What a GGUF file says of special tokens; −1: nothing.
typedef struct gguf_special_ids {
  int32_t bos, eos, eom, pad; // eom: another token that ends an answer
  bool without_bos;           // none is to be added, though the tokenizer would
  bool begins_with_text; // prompts do, not with a control token: then a tokenizer's ▁ in front of a text is in front of theirs
} gguf_special_ids;
// tokenizer_to_gguf.c: the keys tokenizer.ggml.* for `n_ids` tokens, as many as the model has rows for. A tokenizer that GGUF, or
// llama.cpp by it, would understand otherwise is refused, with what it is that has no place there.
// Whether its control tokens take the white space behind them as llama.cpp does it where general.name has "phi-3" in it. GGUF has no
// other word for that: a tokenizer that does so needs such a name, and one that does not must not have it.
bool tokenizer_is_phi3(const tokenizer *t);
bool tokenizer_gguf_phi3_name(const char *name); // whether it is such a name
bool tokenizer_to_gguf(const tokenizer *t, uint32_t n_ids, const gguf_special_ids *ids, gguf_meta *out, err *e);

#endif
