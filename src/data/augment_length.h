// Length constraints that an answer fulfils: what of an answer is counted, and a sentence that states a limit.
#ifndef DATA_AUGMENT_LENGTH_H
#define DATA_AUGMENT_LENGTH_H

#include "base/rng.h"
#include "base/text.h"

// 0 where a person could count otherwise.
//   words       what stands between white space. Only where every such run has a letter or a digit in it and no "/" or
//               dash, and only of scripts that put spaces between words (not Chinese, Japanese, Thai, …)
//   sentences   ends of sentences: "." "!" "?" "。" "！" "？". Only of one paragraph that ends with one, without
//               abbreviations, ellipses, numbered items, or quoted sentences within
//   characters  code points, white space included. Only where none of it is at either end
typedef struct augment_lengths {
  uint32_t words, sentences, characters;
} augment_lengths;

augment_lengths augment_length_count(const char *answer);

// Appends a sentence such as "Answer in at most 20 words.", which the answer fulfils, chosen by `r`. false, and nothing is
// appended, where the answer has one word only, or nothing can be counted for sure.
bool augment_length_put(const char *answer, rng *r, text *out);

// What such a sentence states.
typedef enum augment_unit { AUGMENT_WORDS, AUGMENT_SENTENCES, AUGMENT_CHARACTERS, AUGMENT_UNITS } augment_unit;

typedef struct augment_limit {
  augment_unit unit;
  uint32_t least, most; // most UINT32_MAX: any number
} augment_limit;

// The last such sentence in a text; false where there is none.
bool augment_length_find(const char *prompt, augment_limit *limit);
// How many of the unit a text has: as counted above or, where that says 0, without its scruples: any run of what is no white
// space is a word, any end mark before white space ends a sentence, and white space at the ends is no character.
uint32_t augment_length_measure(const char *answer, augment_unit unit);

#endif
