// Evaluation on tasks: each example's prompt is answered, or its choices are weighed, and each task gets the score of its metric.
//
//   tasks_evaluate    a model on a data set: what answers, scores and summarises
//   tasks_check       whether it could, without a model
//   tasks_plan, tasks_score    the same on answers that are there already (predictions.h)
//   tasks_summarise   scores of tasks, clusters and all, with intervals, of one model or of two on the same examples
//
// A cluster's score is the mean over its tasks. What has another metric is never averaged: a cluster with tasks of two metrics
// has a row for each.
#ifndef EVAL_TASKS_H
#define EVAL_TASKS_H

#include "data/augment_length.h"
#include "data/dataset.h"
#include "eval/loaded.h"
#include "eval/metric.h"

typedef struct tasks_options {
  vkift_metric metric;              // of all tasks; AUTO: by each task's rows, category or choices
  uint32_t max_new_tokens;          // of an answer
  const tokenizer *rouge_tokenizer; // for ROUGE_L_TOKENS; NULL: the model's own
} tasks_options;

// One example. Strings belong to the arena or to the data set.
typedef struct task_item {
  const char *task, *cluster, *category, *metric; // of its row; "" where it says none
  const char *file;
  uint32_t line;
  strings references; // the right answers, at least one
  strings choices;    // empty where it has none
  // what the model made of it
  const char *prompt;           // as text, control tokens included; "" where it is not known
  const char *prediction;       // its answer, or the likeliest choice
  bool is_unanswered;           // a file's row that has loglikelihoods alone
  const double *loglikelihoods; // [choices.n], of each choice given the prompt; NULL where they were not computed
  bool has_limit;               // the prompt states a length (augment_length.h)
  augment_limit limit;
  uint32_t length; // of the prediction, in the limit's unit
  // its score
  uint32_t of; // its task's number
  metric_result result;
} task_item;

typedef struct task_group {
  const char *task, *cluster, *category;
  vkift_metric metric;
  const uint64_t *items; // [n], in the order of the data
  uint64_t n;
  const char *frequent; // the first reference that most items have, and what it would score as every answer
  double constant;
  uint64_t n_limits, n_met; // items whose prompt states a length, and those of them that kept to it
} task_group;

typedef struct task_scores {
  task_item *items; // [n], as the examples of the data set
  uint64_t n;
  task_group *tasks; // [n_tasks], by metric, cluster, task
  uint32_t n_tasks;
} task_scores;

// The examples as items, which nothing has answered yet.
task_scores tasks_items(arena *a, const dataset *set);
// Keeps the first n examples of each task; 0: all.
void tasks_limit(dataset *set, uint64_t n);
// The metric of each task, with all that would stop its scoring: before anything is computed. items are given.
bool tasks_plan(arena *a, const tasks_options *o, task_scores *s, err *e);
// The items' scores, of their predictions (for accuracy, of their loglikelihoods where they are there).
bool tasks_score(arena *a, const tasks_options *o, task_scores *s, err *e);

// Whether a data set can be scored by a model that has this tokenizer: what would stop it, before anything is trained.
bool tasks_check(const dataset *set, const tokenizer *own, const tasks_options *o, err *e);

// All of it. The data set must have been read with dataset_options.choices where a task may be scored by accuracy. Answers are
// greedy. events: progress, note, should_stop (each may be NULL).
bool tasks_evaluate(arena *a, const loaded *l, const dataset *set, const tasks_options *o, const vkift_eval_events *events,
                    task_scores *out, err *e);

// Rows: of each metric, the clusters by name, each followed by its tasks, then all of it. base: the same items by another model;
// NULL: none.
void tasks_summarise(arena *a, const task_scores *tuned, const task_scores *base, uint64_t seed, vkift_task_score **rows,
                     uint64_t *n);

#endif
