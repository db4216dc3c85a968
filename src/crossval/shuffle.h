// The control of a crossval: training examples that have each other's answers, so that all they teach is a task's form.
#ifndef CROSSVAL_SHUFFLE_H
#define CROSSVAL_SHUFFLE_H

#include "data/dataset.h"

// Gives every example of `set` that has a prompt and an answer the last answer of another example of its task, drawn by `seed`:
// within a task the answers stay the same, in another order. The tokens up to the last answer are the example's own, without
// loss (answers of earlier turns would teach what they say), those of the answer the other's, up to max_length tokens. What
// examples then point to lies in the arena. Returns how many have another answer than before: a task's only example keeps its
// own, and one may get an answer that is the same.
uint64_t shuffle_answers(arena *a, dataset *set, uint32_t max_length, uint64_t seed);

#endif
