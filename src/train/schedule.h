// The learning rate of a step.
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stdint.h>

typedef enum schedule_kind { SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_CONSTANT } schedule_kind;

typedef struct schedule {
  schedule_kind kind;
  double learning_rate;
  uint64_t warmup_steps, total_steps;
} schedule;

// Steps of a warm-up that is a share of all, rounded up; one step at least is left behind it: a run of one step would learn
// nothing at rate 0.
uint64_t schedule_warmup_steps(double ratio, uint64_t total_steps);

// Of the step that follows `done` attempted ones (0 for the first), as transformers' get_…_schedule_with_warmup.
double schedule_rate(const schedule *s, uint64_t done);

#endif
