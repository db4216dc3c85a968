// Export: a model with its adapter merged into the weights, as a Hugging Face directory. Needs no device.
#ifndef EVAL_MERGE_H
#define EVAL_MERGE_H

#include "base/err.h"
#include "vkift.h"

bool merge_run(const vkift_export_options *options, err *e);

#endif
