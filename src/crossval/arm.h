// An arm of a fold: the base as it is, or one way to tune it, judged on what the fold holds out.
#ifndef CROSSVAL_ARM_H
#define CROSSVAL_ARM_H

#include "crossval/run.h"
#include "eval/metric.h"

typedef enum arm_kind { ARM_BASE, ARM_TUNED, ARM_SHUFFLED, ARM_SEEN, N_ARMS } arm_kind;
extern const char *const arm_names[N_ARMS]; // "base", …: of their files, and for messages

// What the metric made of one task's answers, in the order in which the fold has its examples.
typedef struct arm_task {
  const char *name;
  vkift_metric metric;
  double *stats; // [n, metric_width(metric)]: metric_total makes a score of their sums
  uint32_t n;
} arm_task;

// What an arm's scores are of: hashes of the examples judged on (with their metric), of those trained on, and of the base.
typedef struct arm_key {
  uint64_t judged, trained, base;
} arm_key;

typedef struct arm_result {
  arm_task *tasks;
  uint32_t n_tasks;
  int64_t examples, own; // trained on; of these, in the control, that kept their own answer. Of the base 0
  int64_t tokens;        // of all steps
  double seconds;        // of training and of answers
} arm_result;

// Whether it is part of this crossval.
bool arm_is_wanted(const crossval *v, arm_kind kind);
// Trains it and judges it, as far as that is not done yet, and leaves its scores and answers in the fold's directory. *stopped:
// by the user, to be gone on with.
bool arm_run(const crossval *v, uint32_t fold_number, const fold *f, arm_kind kind, bool *stopped, err *e);
bool arm_is_done(const crossval *v, uint32_t fold_number, arm_kind kind);
// Whether all scores that the fold has already are of these data. f: without what is seen.
bool arms_check(const crossval *v, uint32_t fold_number, const fold *f, err *e);

// arm_result.c. Written whole or not at all: the arm is done when it is there.
bool arm_write(const crossval *v, uint32_t fold_number, arm_kind kind, const arm_key *key, const arm_result *result, err *e);
bool arm_read(arena *a, const crossval *v, uint32_t fold_number, arm_kind kind, arm_result *out, err *e);
bool arm_check(const crossval *v, uint32_t fold_number, arm_kind kind, const arm_key *key, err *e);
// The file of its answers.
const char *arm_answers_path(arena *a, const crossval *v, uint32_t fold_number, arm_kind kind);

#endif
