// A data set opened as the model would get it: what the functions of the public API that read data share.
#ifndef API_DATA_READING_H
#define API_DATA_READING_H

#include "data/survey.h"
#include "eval/loaded.h"

typedef struct data_reading {
  vkift_data_options options; // with a run's own data: the run's
  survey *survey;             // of a check, which reads on after faults; NULL: none
  loaded loaded;              // the caller's to close, also after a failure
  dataset data, eval;
  err fault; // of a check: a part of the data that could not be used at all
  uint32_t max_length;
  strings labels; // objective classify
} data_reading;

// What the options leave to a run: its data, and how it read them.
void data_reading_take_run(vkift_data_options *o, const vkift_train_options *run);
// Of the model no weights. `r` is zero but for its options.
bool data_reading_open(arena *a, data_reading *r, err *e);
// An example with the text of each of its tokens. classify: the last of them is a label.
bool data_reading_describe(arena *a, const tokenizer *t, bool classify, const example *x, uint64_t index, vkift_data_example *out,
                           err *e);

#endif
