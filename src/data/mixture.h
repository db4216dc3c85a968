// What is done to a whole training set before it is trained on: duplicates, limits of tasks, leakage. Each keeps the order
// of what stays, and returns how many examples went.
#ifndef DATA_MIXTURE_H
#define DATA_MIXTURE_H

#include "base/arena.h"
#include "data/dataset.h"

// Examples with the tokens and targets of an earlier one.
uint64_t mixture_drop_duplicates(dataset *set);

// Of tasks with more than `most` examples, those that draw the lowest numbers by `seed` and index stay.
uint64_t mixture_limit_tasks(dataset *set, uint64_t most, uint64_t seed);

// Training examples whose prompt (all tokens, where there is none) is that of an example of `eval`: what would be scored
// has been seen.
uint64_t mixture_drop_leaked(dataset *train, const dataset *eval);

// The sorted hashes of its prompts, [set->n].
uint64_t *mixture_hash_prompts(arena *a, const dataset *set);

typedef struct near_duplicates {
  uint64_t n;                     // examples that are much like an earlier one
  const example *first, *is_like; // the first of them
  double similarity;
} near_duplicates;

// By their sketches (dataset_options.sketches), from an estimated similarity of 0.8 on. Nothing is removed.
near_duplicates mixture_near_duplicates(const dataset *set);

// Numbers the tasks by their names, in the order of their first examples: ids[set->n]. Returns how many there are.
uint32_t mixture_number_tasks(const dataset *set, uint32_t *ids);

#endif
