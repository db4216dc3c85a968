// What is done to a whole training set before it is trained on: duplicates, limits of tasks, leakage. What drops or limits
// keeps the order of what stays, and returns how many examples went; the others say what is there.
#ifndef DATA_MIXTURE_H
#define DATA_MIXTURE_H

#include "base/arena.h"
#include "data/dataset.h"

// Examples that are like an earlier one, or like one of another set.
typedef struct near_duplicates {
  uint64_t n;
  const example *first, *is_like; // the first of them
  double similarity;              // … of these two
} near_duplicates;

// Examples with the tokens and targets of an earlier one.
near_duplicates mixture_duplicates(const dataset *set);
uint64_t mixture_drop_duplicates(dataset *set);

// Of tasks with more than `most` examples, those that draw the lowest numbers by `seed` and index stay.
uint64_t mixture_limit_tasks(dataset *set, uint64_t most, uint64_t seed);

// Training examples whose prompt (all tokens, where there is none) is that of an example of `eval`: what would be scored
// has been seen.
near_duplicates mixture_leaked(const dataset *train, const dataset *eval);
uint64_t mixture_drop_leaked(dataset *train, const dataset *eval);

// Of its prompt (all tokens, where there is none), as it was before augmentations.
uint64_t mixture_hash_prompt(const example *x);
// The sorted hashes of its prompts and, where there is none, of its texts (dataset_hash_text), which may have been joined and cut:
// an EOS ends each. *n: how many.
uint64_t *mixture_hash_asked(arena *a, const dataset *set, int32_t eos, uint64_t *n);

// Examples that have the prompt of an earlier one, but not its answer. Nothing is removed.
near_duplicates mixture_other_answers(const dataset *set);

// By their sketches (dataset_options.sketches), from an estimated similarity of 0.8 on; examples of one row are not
// compared. Nothing is removed.
near_duplicates mixture_near_duplicates(const dataset *set);

// An example that was taken out, and what it is much like.
typedef struct near_pair {
  example x, like;
  double similarity;
} near_pair;

// Takes out of `train` what is like an example of `eval` by an estimated similarity of at least `least`: of those with 0.5, 94 %
// are compared, of those with 0.6, 99 %. *first (may be NULL): the first of them.
uint64_t mixture_drop_near(dataset *train, const dataset *eval, double least, near_pair *first);

// Numbers the tasks by their names, in the order of their first examples: ids[set->n]. Returns how many there are.
uint32_t mixture_number_tasks(const dataset *set, uint32_t *ids);

#endif
