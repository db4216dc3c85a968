// What the parts of a training run share: trainer_start.c, trainer.c (steps and loop) and trainer_best.c (evaluations). Of no use elsewhere.
#ifndef TRAIN_TRAINER_PARTS_H
#define TRAIN_TRAINER_PARTS_H

#include "data/prefetch.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/preference.h"
#include "train/profile.h"
#include "train/schedule.h"
#include "train/setup.h"
#include "train/tensorboard.h"
#include "train/trainer.h"

typedef struct trainer {
  arena *memory;
  vkift_train_options options; // the run's own copy: what was left open is filled in
  const vkift_train_events *events;
  const corpus_source *source;
  const char *run_dir, *checkpoints;
  model *model;
  prompt_style prompt;
  corpus corpus;
  gpu_device *device;
  setup setup;
  preference pairs;   // of objective dpo
  loader *loader;     // the prefetch's, once that is there
  prefetch *prefetch; // from the first step on
  schedule schedule;
  uint64_t total_steps, eval_every, save_every;
  checkpoint_state state;
  metrics metrics;
  tensorboard *board; // TensorBoard's; NULL: not asked for
  profile *profile;   // NULL: none is asked for
  double started;     // clock when the first step of this process began
  uint64_t first_step;
  uint64_t saved_step;
} trainer;

// trainer.c
void trainer_note(const trainer *t, const char *line);
bool trainer_is_over(const trainer *t);
bool trainer_asked_to_stop(const trainer *t); // by the caller's event
bool trainer_save_checkpoint(trainer *t, err *e);

// trainer_start.c — from options to a run whose next step can be made: checks, directory, model, data, device, memory, checkpoint.
bool trainer_start(trainer *t, err *e);

// trainer_best.c — evaluations, and the checkpoint whose loss was the least.
bool trainer_best_evaluate(trainer *t, err *e);    // scores the evaluation data, where there are any
bool trainer_best_ended_early(const trainer *t);   // the loss has not fallen for as long as the user wants to wait
bool trainer_best_take(trainer *t, err *e);        // at the end: its weights, where the run keeps the best
uint64_t trainer_best_eval_hash(const trainer *t); // of the evaluation data; 0: none
void trainer_best_forget_other(trainer *t);        // resumed: losses on other data cannot be compared
void trainer_best_forget_lost(trainer *t);         // resumed: its checkpoint is not there any more

#endif
