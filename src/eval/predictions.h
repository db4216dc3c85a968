// Answers and their scores as JSON Lines: what an evaluation keeps, and what can be scored again without a model.
//
//   {"task", "cluster", "category", "file", "line", "prompt", "prediction", "references": [TEXT, …], "metric", "score"
//    [, "prediction_base", "score_base"][, "choices": [TEXT, …], "loglikelihoods": [NUMBER, …][, "loglikelihoods_base"]]
//    [, "limit": {"unit", "least"?, "most"?, "found", "met"}]}
//
// "score" is that of the answer alone, 0–100; …_base is another model's beside it. Loading takes "references" and "prediction" (or,
// where a task is scored by accuracy, "choices" and "loglikelihoods"), and where they are there "task", "cluster", "category",
// "prompt" and "metric"; others are passed over.
#ifndef EVAL_PREDICTIONS_H
#define EVAL_PREDICTIONS_H

#include "eval/tasks.h"

// Whole or not at all.
bool predictions_write(const char *path, const task_scores *s, err *e);
// The same with what another model made of the same items.
bool predictions_write_compared(const char *path, const task_scores *s, const task_scores *base, err *e);
// The items of a file; then tasks_plan and tasks_score. "category" stands for a missing "cluster", and the file's stem for a
// missing "task". An item's place is its line in this file.
bool predictions_load(arena *a, const char *path, task_scores *s, err *e);

#endif
