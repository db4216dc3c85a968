// The events of an arm's training, on their way to those of the crossval: of its notes only what is its own.
#ifndef CROSSVAL_LISTENER_H
#define CROSSVAL_LISTENER_H

#include "crossval/run.h"

typedef struct listener {
  const crossval *v;
  const char *who; // "rewriting, tuned"
  bool all;        // of the first arm every note is passed on. Later ones would say the same of device, data and memory
} listener;

// Warnings are passed on once in a crossval, and what is said of a run that goes on always, with `who` in front.
vkift_train_events listener_events(listener *l);
struct listener_notes *listener_notes_new(arena *a);

#endif
