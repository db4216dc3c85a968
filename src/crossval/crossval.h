// Leave-one-cluster-out: for each cluster of tasks the model is tuned on the others and judged on that one (Wei et al. 2022,
// FLAN, section 2.2; the clusters' neighbours and data sets in common stay out too: data/fold.h). A directory:
//
//   config.yaml                 all options
//   folds/<cluster>/tuned       a training run's directory for each arm: tuned, shuffled (the control), seen (with examples of
//                               the cluster itself), without its checkpoints once it is judged
//   folds/<cluster>/<arm>.json  scores of an arm (also of the base), whole or not at all: what is there is never computed again
//                               It goes on only with the data, the base and the options that it began with (hashes, config.yaml)
//   folds/<cluster>/fold.json   the fold is finished; what its rules left out, what each arm was trained on
//   predictions/<cluster>.jsonl every answer, base and arms beside one another
//   results.json                the table
#ifndef CROSSVAL_CROSSVAL_H
#define CROSSVAL_CROSSVAL_H

#include "base/err.h"
#include "vkift.h"

bool crossval_make(const vkift_crossval_options *options, const vkift_crossval_events *events, vkift_crossval_result *result,
                   err *e);

#endif
