// A data set opened as the model would get it: what the functions of the public API that read data share.
#ifndef API_DATA_READING_H
#define API_DATA_READING_H

#include "data/dataset.h"
#include "eval/loaded.h"

typedef struct data_reading {
  const vkift_data_options *options;
  loaded loaded; // the caller's to close, also after a failure
  dataset data;
  uint32_t max_length;
} data_reading;

// Of the model no weights. `r` is zero but for its options.
bool data_reading_open(arena *a, data_reading *r, err *e);

#endif
