// A training run from options to a finished adapter or model.
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/err.h"
#include "vkift.h"

bool trainer_run(const vkift_train_options *options, const vkift_train_events *events, vkift_train_result *result, err *e);

#endif
