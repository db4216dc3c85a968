// One example from the form in which its row was read (formats.h) to tokens with a mask.
#ifndef DATA_ENCODE_H
#define DATA_ENCODE_H

#include "data/augment.h"
#include "data/mask.h"

// What had to be left out so that an example fits max_length.
typedef struct encode_losses {
  bool demonstrations; // some or all
  bool input;          // the end of its input
} encode_losses;

// By the options' tokenizer and prompt. The result lies in the arena; it may be longer than max_length.
bool encode_example(arena *a, const dataset_options *options, const formats_row *row, const raw_example *raw, masked *out,
                    encode_losses *losses, err *e);
// A conversation with augmentations: with all of its demonstrations or, where that is too long, with each that still fits.
// *demonstrations: their bits.
bool encode_augmented(arena *a, const dataset_options *options, const augmented *x, masked *out, uint32_t *demonstrations,
                      encode_losses *losses, err *e);
// Each of its choices in the place of its last answer, with which it became `m`. *out: NULL where it has none, or is no
// conversation.
bool encode_choices(arena *a, const dataset_options *options, const formats_row *row, const raw_example *raw, const masked *m,
                    choice_tokens **out, err *e);
// What tells examples that ask the same.
uint64_t encode_hash_prompt(const masked *m);

#endif
