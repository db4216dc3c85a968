// A small real tokenizer for tests: byte-level BPE where the id of a byte is its value, a few merges, and the control
// tokens of ChatML.
#ifndef SUPPORT_BYTE_TOKENIZER_H
#define SUPPORT_BYTE_TOKENIZER_H

#include "base/arena.h"
#include "data/tokenizer.h"

enum { BYTE_TH = 256, BYTE_THE, BYTE_NEWLINES, BYTE_EOS, BYTE_IM_START, BYTE_IM_END, BYTE_VOCAB };

// adds_bos: the post-processor puts <|endoftext|> in front. tokenizer_free when done.
tokenizer *byte_tokenizer(arena *a, bool adds_bos);
// Its tokenizer.json.
void byte_tokenizer_json(bool adds_bos, text *out);

#endif
