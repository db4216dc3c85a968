// What a run will take, before it runs: memory to the byte (setup_plan), operations, time, and what would make it fit.
#ifndef TRAIN_PLANNER_H
#define TRAIN_PLANNER_H

#include "base/err.h"
#include "vkift.h"

bool planner_run(const vkift_plan_options *options, void (*plan)(void *user, const vkift_planned *plan), void *user, err *e);

#endif
