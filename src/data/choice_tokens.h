// An example's answer choices, each in the answer's place: what likelihoods are computed of. Tokens that a choice shares with
// the example's own are not kept twice.
#ifndef DATA_CHOICE_TOKENS_H
#define DATA_CHOICE_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

// One choice: the example with it as answer, up to the last token of the choice's own text.
typedef struct choice_sequence {
  uint32_t n, first;  // tokens; where the choice begins. What follows it is the choice's too
  uint32_t shared;    // so many are the example's own
  const int32_t *ids; // [n - shared]: the others
} choice_sequence;

// All of an example's in one piece of memory.
typedef struct choice_tokens {
  uint32_t n, n_words; // choices; words of data
  int32_t data[];      // of each: n, first, shared, ids
} choice_tokens;

// ids: [own_n] of the example; sequences[i].ids: [n], of which the shared ones are left out.
choice_tokens *choice_tokens_of(arena *a, const int32_t *own, uint32_t own_n, const choice_sequence *sequences, uint32_t n);
// The next one, from word *at (0 at first) on.
choice_sequence choice_tokens_next(const choice_tokens *c, uint32_t *at);
// Whether bytes that were read can be such: every count and id is looked at. own_n: tokens of the example.
bool choice_tokens_check(const choice_tokens *c, uint32_t own_n, uint32_t vocab_size);

#endif
