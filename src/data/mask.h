// From rendered text to token ids, and which of them carry loss.
#ifndef DATA_MASK_H
#define DATA_MASK_H

#include "base/arena.h"
#include "base/err.h"
#include "data/prompt.h"
#include "data/tokenizer.h"

typedef struct masked {
  int32_t *ids;    // [n]
  uint8_t *target; // [n]: 1 where the token carries loss. A token across the border of a target counts by its last byte
  uint32_t n;
  uint32_t second;   // of a pair, where the other sequence begins; else 0
  uint32_t prompt_n; // tokens before the last answer; all of them where the text ends with the generation prompt
  bool has_border;   // some token stands across the border of a target
} masked;

// What training and generation both feed to the model. Content never becomes a control token. Alpaca has in front what
// the tokenizer itself adds (BOS); a chat template has only what it writes.
bool mask_encode(arena *a, const tokenizer *t, const prompt_style *style, const rendered *r, masked *out, err *e);

// Plain text, of which every token carries loss, with what the tokenizer adds and with `eos` (−1: none) at its end.
bool mask_encode_text(arena *a, const tokenizer *t, const char *plain, int32_t eos, masked *out, err *e);

// The same where each byte of the text says whether it carries loss: target[strlen(plain)]. `eos` is put behind a text
// whose last byte does.
bool mask_encode_marked(arena *a, const tokenizer *t, const char *plain, const char *target, int32_t eos, masked *out, err *e);

// The text of the token that the tokenizer puts in front of any text, "" where there is none: an Alpaca style's bos.
const char *mask_added_bos(const tokenizer *t);

#endif
