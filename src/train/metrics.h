// metrics.jsonl: one line per logged step and evaluation, appended and flushed, so that a killed run keeps them.
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "base/err.h"
#include "train/step.h"
#include "vkift.h"

typedef struct metrics {
  FILE *file;
  const char *path;
} metrics;

// Starts a new file, or with `resumed_at` > 0 goes on behind the lines up to that step: later ones, of steps that will
// be run again, are removed.
bool metrics_open(arena *a, const char *path, bool resume, uint64_t resumed_at, metrics *m, err *e);
void metrics_close(metrics *m);
// norms (may be NULL): the step whose tensors' norms are written too.
bool metrics_step(metrics *m, const vkift_step *row, const step *norms, const struct step_hyper *hyper, err *e);
bool metrics_eval(metrics *m, const vkift_eval_point *row, err *e);

#endif
