// Answers and their scores as JSON Lines: what an evaluation keeps, and what can be scored again without a model.
//
//   {"task", "cluster", "category", "file", "line", "prompt", "prediction", "references": [TEXT, …], "metric", "score"
//    [, "choices": [TEXT, …], "loglikelihoods": [NUMBER, …]][, "limit": {"unit", "least"?, "most"?, "found", "met"}]}
//
// "score" is that of the answer alone, 0–100. Of these, reading takes "references" and "prediction" (or, where a task is scored
// by accuracy, "choices" and "loglikelihoods"), and if they are there the first six and "metric"; others are passed over.
#ifndef EVAL_PREDICTIONS_H
#define EVAL_PREDICTIONS_H

#include "eval/tasks.h"

// Whole or not at all.
bool predictions_write(const char *path, const task_scores *s, err *e);
// The items of a file; then tasks_plan and tasks_score. "category" stands for a missing "cluster"; "task" is the file's stem where
// the row has none.
bool predictions_read(arena *a, const char *path, task_scores *s, err *e);
// The name of the base's file: "answers.base.jsonl" of "answers.jsonl".
const char *predictions_base(arena *a, const char *path);

#endif
