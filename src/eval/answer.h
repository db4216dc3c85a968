// Answers to many prompts: slots of a generator are kept busy, and each sequence ends by itself.
#ifndef EVAL_ANSWER_H
#define EVAL_ANSWER_H

#include "eval/generator.h"
#include "eval/sample.h"

typedef struct answer_options {
  uint32_t max_new_tokens;
  sample_options sample;
  uint64_t seed;
} answer_options;

typedef struct answer_prompt {
  const int32_t *ids;
  uint32_t n; // at least 1, less than the generator's context
} answer_prompt;

// Called when prompt `index` is answered: its new tokens without the one that ended it. Returning false stops.
typedef bool answer_done(void *user, uint64_t index, const int32_t *ids, uint32_t n, err *e);

// end: whether a token ends an answer.
bool answer_all(generator *g, const generator_options *shape, const answer_prompt *prompts, uint64_t n,
                const answer_options *options, bool (*end)(const void *of, int32_t id), const void *of, answer_done *done,
                void *user, err *e);

#endif
