// What a run needs on the device, sized so that it fits: weights, what trains, packed rows, graphs.
#ifndef TRAIN_SETUP_H
#define TRAIN_SETUP_H

#include "eval/corpus.h"
#include "eval/score.h"
#include "models/adapter.h"
#include "models/load.h"
#include "train/step.h"

// Row capacity and checkpointing: chosen at the first start of a run, then kept, since they decide how sums are grouped.
typedef struct setup_choice {
  uint32_t capacity; // tokens of a packed row
  bool recompute;
} setup_choice;

// Tokens of a row that hold a whole step of ordinary examples, within bounds: what a device with room for it gets.
uint64_t setup_wanted_tokens(const corpus *c, const vkift_train_options *o);

typedef struct setup {
  model *model;
  gpu_device *device;
  gpu_heap *heap, *staging;
  params params;
  adapter *adapter; // NULL with method full
  batch *batch;
  step *step;
  score *score;
  setup_choice choice;
} setup;

// Declares, plans and allocates everything, uploads the weights and records. `fixed` (may be NULL): a choice made
// earlier. note: what was chosen, for the person at the terminal. What does not fit is an error before anything is
// allocated, with what would make it fit.
bool setup_open(arena *a, model *m, gpu_device *d, const corpus *c, const vkift_train_options *o, const setup_choice *fixed,
                setup *s, text *note, err *e);
void setup_close(setup *s);

#endif
