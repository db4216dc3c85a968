// A model with its adapter, parameter by parameter, on the host. Needs no device.
#ifndef EVAL_MERGE_H
#define EVAL_MERGE_H

#include "eval/loaded.h"

typedef struct merging {
  loaded loaded;
  const char *adapter_path; // NULL: none
  weights file;             // the adapter's tensors
  float scale;
} merging;

// Zero-initialise; merge_close also after a failure.
bool merge_open(arena *a, const vkift_source *source, merging *w, err *e);
void merge_close(merging *w);
// One parameter with what was trained added to it (save_values of models/save.h; user: the merging).
bool merge_values(void *user, const model_param *p, float *out, err *e);

#endif
