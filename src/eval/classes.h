// A classifier on a data set: which label each text gets, and how often that is right.
//
//   accuracy   share of right labels, by task and cluster as any score (tasks.h): an example's choices are the labels, their
//              log-likelihoods those of the head
//   macro F1   mean over the labels that occur, right or given, of F1 = 2 TP / (2 TP + FP + FN)
#ifndef EVAL_CLASSES_H
#define EVAL_CLASSES_H

#include "eval/tasks.h"

// The row of the largest logit, the first of equal ones; n where one of them is no number.
uint32_t classes_likeliest(const float *logits, uint32_t n);

// The examples of `set` (read with dataset_options.labels) as items that are scored, and their mean loss. rows: tokens of a row.
bool classes_evaluate(arena *a, const loaded *l, const dataset *set, uint64_t rows, const vkift_eval_events *events,
                      task_scores *out, double *loss, err *e);
// Of items by classes_evaluate.
vkift_classes classes_summarise(arena *a, const strings *labels, const task_scores *s, uint64_t seed);

#endif
