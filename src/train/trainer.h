// A training run from options to a finished adapter or model.
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "eval/corpus.h"

bool trainer_run(const vkift_train_options *options, const vkift_train_events *events, vkift_train_result *result, err *e);

// runs/<kind><date-time>: where a run is written that was given no directory.
const char *trainer_new_dir(arena *a, const char *kind);

// What is trained and evaluated on, where that is not all that the options name: the same each time it is asked.
typedef struct corpus_source {
  bool (*read)(void *user, arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
               const vkift_train_events *events, corpus *c, err *e); // as corpus_read
  void *user;
} corpus_source;

bool trainer_run_on(const corpus_source *source, const vkift_train_options *options, const vkift_train_events *events,
                    vkift_train_result *result, err *e);

#endif
