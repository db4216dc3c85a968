// What an arm of a fold trains on, for the trainer: the fold's rows out of the data as the options have them read, with
// augmentations and weights, and the fold's validation examples; for the control with the answers shuffled.
#ifndef CROSSVAL_PART_H
#define CROSSVAL_PART_H

#include "train/trainer.h"

typedef struct part {
  const uint64_t *rows; // [n], sorted: hashes of file and line of the rows trained on
  uint64_t n;
  const dataset *valid;
  bool shuffled;
  uint64_t seed;
} part;

// The part that trains on the rows of `train` and is validated on `valid`, which has to live as long.
part part_of(arena *a, const dataset *train, const dataset *valid);
corpus_source part_source(part *p);

#endif
