// Answers and their scores as JSON Lines: what an evaluation keeps, and what can be scored again without a model.
//
//   {"task", "cluster", "category", "file", "line", "prompt", "prediction", "references": [TEXT, …], "metric", "score"
//    [, "choices": [TEXT, …], "loglikelihoods": [NUMBER, …]][, "limit": {"unit", "least"?, "most"?, "found", "met"}]}
//
// "score" is that of the answer alone, 0–100. Reading takes "references" and "prediction" (or, where a task is scored by accuracy,
// "choices" and "loglikelihoods"), and where they are there "task", "cluster", "category", "prompt" and "metric"; others are
// passed over.
#ifndef EVAL_PREDICTIONS_H
#define EVAL_PREDICTIONS_H

#include "eval/tasks.h"

// Whole or not at all.
bool predictions_write(const char *path, const task_scores *s, err *e);
// The items of a file; then tasks_plan and tasks_score. "category" stands for a missing "cluster", and the file's stem for a
// missing "task". An item's place is its line in this file.
bool predictions_read(arena *a, const char *path, task_scores *s, err *e);
// The name of the base's file: "answers.base.jsonl" of "answers.jsonl".
const char *predictions_base(arena *a, const char *path);

#endif
