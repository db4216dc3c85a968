// Objective dpo beside the device's loss (ops/dpo_loss.c): what the reference model gives the answers of all pairs, taken once
// before training and kept with the run; and the loss of evaluation pairs.
//   reference.safetensors   train F32 [n, 2], eval F32 [m, 2] (where there is evaluation data): log-likelihoods of the chosen and
//                           of the rejected answer; keys I32 [8]: of what they are, and a hash of them
#ifndef TRAIN_PREFERENCE_H
#define TRAIN_PREFERENCE_H

#include "eval/corpus.h"
#include "eval/score.h"

dpo_options preference_options(const vkift_train_options *o);

// What scores, and what of: the weights on the device are the reference's while it is taken.
typedef struct preference {
  arena *memory;
  score *score;
  batch *batch;
  corpus *corpus;
  uint64_t base_hash; // model_fingerprint of the base
  const char *path;   // of the file
  // As long as an evaluation of all pairs: what is done is said before, and it can be stopped. Each may be NULL.
  void (*note)(void *user, const char *line);
  bool (*stop)(void *user);
  void *user;
} preference;

// Takes the reference of all pairs into their example.reference, and writes the file.
bool preference_take(const preference *p, err *e);
// Reads it from there instead. Of other evaluation data than before, it is taken and the file written anew.
bool preference_restore(const preference *p, err *e);

// Mean loss and rewards of pairs that have their reference, weighted as in training.
bool preference_score(const preference *p, const dpo_options *options, const dataset *set, double *loss, vkift_rewards *rewards,
                      score_total *total, err *e);

#endif
