// What a run keeps of itself for people and for `vkift report`, written once, whole or not at all, when it begins:
//   run.json    vkift's version, the command line, when it began, the device with its driver, the model, memory by kind
//   data.json   counts, lengths of examples, how full rows are, the largest tasks, and two examples with what carries loss
// Nothing of training reads them. Each has at most some hundred kilobytes, whatever the data.
#ifndef TRAIN_FACTS_H
#define TRAIN_FACTS_H

#include "train/setup.h"

bool facts_write_run(const char *path, const setup *s, const vkift_train_options *o, err *e);
bool facts_write_data(const char *path, const corpus *c, const model *m, const pack_limits *limits, const vkift_train_options *o,
                      err *e);

#endif
