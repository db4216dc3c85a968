// What an arm of a fold trains on, for the trainer: the fold's examples out of the data as the options have them read, with
// augmentations and weights, and the fold's validation examples; for the control with the answers shuffled.
//
// Read again, with augmentations, an example has other tokens. It is known by its row (file, line), its task, and the prompt that
// it was before augmentations: so of several examples of one row (phrasings of a template pack, instances) each is told from
// the others, and one whose prompt a fold left out never comes back with those that it kept.
#ifndef CROSSVAL_PART_H
#define CROSSVAL_PART_H

#include "data/fold.h"
#include "train/trainer.h"

typedef struct part {
  const uint64_t *keys; // [n], sorted: of the examples trained on
  uint64_t n;
  const dataset *valid, *eval;
  bool keep_near;
  bool shuffled;
  uint64_t seed;
  // what came of it, once it was read
  uint64_t examples; // before weights repeat them
  uint64_t own;      // … of these, with shuffled, that have their own answer all the same: their task has no other, or few
  uint64_t leaked;   // left out once more, since they were evaluated on, or like what is: none, where a fold is sound
} part;

// The part that trains on the fold's examples, which has to live as long.
part part_of(arena *a, const fold *f);
corpus_source part_source(part *p);

#endif
