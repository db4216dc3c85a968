// A crossval under way: what its parts share.
#ifndef CROSSVAL_RUN_H
#define CROSSVAL_RUN_H

#include "data/fold.h"
#include "eval/corpus.h"
#include "models/model.h"

typedef struct crossval {
  arena *memory;
  vkift_crossval_options options; // its own copy: what was left open is filled in
  const vkift_crossval_events *events;
  const char *run_dir;
  model *model; // for its tokenizer, prompt and limits; nothing of it is on a device
  prompt_style prompt;
  corpus data; // all examples as they are judged, without augmentations
  clusters clusters;
  fold_options rules;
  // what is held out, one after the other
  uint32_t n_folds;
  const uint32_t *held_out;    // [n_folds]: numbers of clusters, or of tasks
  const char **names, **files; // [n_folds]: their names, and as names of files
  bool base_is_tuned;
  struct listener_notes *notes; // what arms have said already
} crossval;

// A note for the person at the terminal.
void crossval_note(const crossval *v, const char *line);
bool crossval_should_stop(const crossval *v);
// The fold that trains on a share of what it holds out, too.
bool crossval_seen_fold(arena *a, const crossval *v, uint32_t i, fold *out, err *e);
const char *crossval_fold_dir(arena *a, const crossval *v, uint32_t i);

#endif
