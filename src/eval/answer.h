// Answers to many prompts: slots of a generator are kept busy, and each sequence ends by itself. What a prompt is answered
// does not depend on the others, nor on how many are answered at once.
#ifndef EVAL_ANSWER_H
#define EVAL_ANSWER_H

#include "eval/writer.h"

enum { ANSWER_SLOTS = 16 }; // a good number of them where nobody asks for another

typedef struct answer_options {
  writer_options writing;
  uint32_t slots;                  // prompts at once, at most; 0: ANSWER_SLOTS
  uint64_t first_index;            // of the random numbers: prompt i has those of first_index + i
  bool (*should_stop)(void *user); // asked after each step; NULL: never
} answer_options;

typedef struct answer_prompt {
  const int32_t *ids;
  uint32_t n; // at least 1, less than the model's context
} answer_prompt;

typedef struct answer_result {
  uint64_t index;     // of the prompt
  const int32_t *ids; // without the token that ended it; with those of a stop string
  uint32_t n;
  const char *text; // of ids, without special tokens, up to the stop string; ends with NUL
  size_t length;
  vkift_finish finish;
} answer_result;

// Called for each prompt when it is answered, in the order in which they are. Returning false stops.
typedef bool answer_done(void *user, const answer_result *a, err *e);

// `user` is handed to both callbacks. Stopped by should_stop, it fails with a message that says so.
bool answer_all(const loaded *l, const answer_prompt *prompts, uint64_t n, const answer_options *options, answer_done *done,
                void *user, err *e);

#endif
