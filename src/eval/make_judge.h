// Which of the examples that a model wrote are kept: their form, and whether something like them exists already.
//
// A new input is compared with the inputs of seeds, of the guidelines' examples and instances, and of the rows so far; a new
// instruction with instructions and definitions. (similar_pool.h)
#ifndef EVAL_MAKE_JUDGE_H
#define EVAL_MAKE_JUDGE_H

#include "data/guideline.h"
#include "data/seeds.h"
#include "eval/make_parse.h"
#include "vkift.h"

typedef struct make_rules {
  double similarity; // from which on a row is a near duplicate
  uint32_t min_words, max_words;
} make_rules;

const char *make_judge_name(vkift_made kind); // "near_duplicate"

typedef struct make_judge make_judge;

make_judge *make_judge_new(arena *a, const guidelines *all, const seeds *from, const make_rules *rules);

typedef struct make_judged {
  vkift_made verdict;
  double similarity;
  const char *nearest; // "" where nothing is alike
} make_judged;

// `what` is INPUTS or INSTRUCTIONS. Changes of the fields: an input that says that there is none becomes empty, an answer that is a
// label but for case and marks at its end becomes that label.
make_judged make_judge_fields(make_judge *j, const guideline *g, vkift_make_what what, make_fields *f);
// The row exists from now on; `name` lives as long as the judge.
void make_judge_add(make_judge *j, vkift_make_what what, const make_fields *f, const char *name);

#endif
