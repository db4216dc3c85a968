// What a model is asked when it is to write an example: a conversation in which it has done so already.
//
//   INPUTS         user:       {seed's instruction}  Write an example of this task: …
//                  assistant:  Input: …  Output: …                                      for each seed
//                  user:       {guideline}  Write an example of this task: …
//                  assistant:  Input: …  Output: …        a right example of it, or an earlier row
//                  user:       Write another example of this task …                     for each of them
//                  assistant:  Input:                                                   and here the model goes on
//
//   INSTRUCTIONS   user:       Write a task …
//                  assistant:  Instruction: …  Input: …  Output: …                      for each seed and earlier row
//                  user:       {guideline, with right examples}  Write a new task of this kind …
//                  assistant:  Instruction:                                             and here the model goes on
//
// Which of the seeds, examples and rows are shown, and in which order, is drawn.
#ifndef EVAL_MAKE_PROMPT_H
#define EVAL_MAKE_PROMPT_H

#include "base/rng.h"
#include "data/guideline.h"
#include "data/prompt.h"
#include "data/seeds.h"
#include "vkift.h"

// What the model is asked to do; NULL at the end.
extern const char *const make_prompt_asks[];

// How many of each are shown, at most.
typedef struct make_counts {
  uint32_t seeds, positive, negative, made;
  bool explanations;
} make_counts;

// A list of examples that may be shown.
typedef struct make_shelf {
  const seed_example **items; // [n]
  uint64_t n, capacity;
} make_shelf;

// What there is for one guideline and kind.
typedef struct make_stock {
  const guideline *guideline;
  make_shelf seeds, positive, made;
} make_stock;

typedef struct make_prompt {
  message *messages; // [n]; the last is the user's
  uint32_t n;
  const char *begin; // of the answer
  strings from;      // names of all that is shown
} make_prompt;

// The same draws whatever the counts: those of smaller ones are the first of larger ones'.
make_prompt make_prompt_build(arena *a, const make_stock *stock, vkift_make_what what, const make_counts *counts, rng draws);

#endif
