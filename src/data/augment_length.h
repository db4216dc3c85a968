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

#endif
