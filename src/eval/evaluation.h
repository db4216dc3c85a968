// Scoring a model on a data set: loss and perplexity, per token where asked, and what its answers score by task.
#ifndef EVAL_EVALUATION_H
#define EVAL_EVALUATION_H

#include "base/err.h"
#include "vkift.h"

bool evaluation_run(const vkift_eval_options *options, const vkift_eval_events *events, vkift_eval_result *result, err *e);

#endif
