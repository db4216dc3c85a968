// How alike tasks are, by their words. Two views of each, its definition and its examples, are bags of words and of pairs of
// words that follow one another (of words with letters beyond ASCII also the pairs of their characters, for languages that write
// no spaces), in lower case. A term that stands c times in one view of a task, and in that view of df of the n tasks, weighs
//
//   w = (1 + ln c) · ln((1 + n) / (1 + df))
//
// (Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988), and the similarity of two tasks is the
// mean over the views of the cosine of their weights; of the examples alone, where one of the two has no definition.
#ifndef DATA_TASK_SIMILARITY_H
#define DATA_TASK_SIMILARITY_H

#include "data/task_texts.h"

typedef struct task_similarity {
  float *s; // [n, n], symmetric, in [0, 1]; 1 on the diagonal
  uint32_t n;
  // For names of groups: the words of each task that weigh most, those of its own name among them, the heaviest first.
  const char *const **words; // [n][n_words[i]]
  float *const *weights;     // … and their weights, of a task's weights at length 1
  uint32_t *n_words;
} task_similarity;

task_similarity task_similarity_make(arena *a, const task_texts *tasks);

#endif
