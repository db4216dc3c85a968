// One cluster of tasks held out: which examples are trained on, which are evaluated on, which choose the checkpoint, and what
// was left out so that nothing of the evaluation can have been seen.
//
// Rules against leaks, in this order, each for the whole data set:
//   neighbours     clusters that the file declares neighbours of the one held out are not trained on
//   sources        nor are examples of a data set (`source`) that a task held out comes from, whatever their cluster
//   same prompts   nor examples whose prompt is evaluated on
//   near           nor examples like one that is evaluated on, by their runs of five words (minhash.h): the set was read with
//                  `sketches`. The bar is lower than that of near duplicates (mixture.h), since one instance in the words of two
//                  tasks is to be found: 0.5
//
// What is drawn, is drawn by the seed and the example's index, task by task, and what came of one row draws the same. So the same
// examples are evaluated on in each kind of fold that holds their task out.
#ifndef DATA_FOLD_H
#define DATA_FOLD_H

#include "data/clusters.h"
#include "data/mixture.h"

#define FOLD_NEAR 0.5 // similarity from which an example is not trained on

// The zero value holds a cluster out by all rules and evaluates on all of it.
typedef struct fold_options {
  // Instead of a cluster, one task is held out, and the others of its cluster are trained on. Neighbours and sources stay too:
  // what tasks that overlap are worth is what such a fold measures.
  bool leave_out_task;
  uint64_t eval_per_task;  // most examples of each task that are evaluated on; 0: all
  double seen_share;       // in [0, 1): of each task held out, set aside and never evaluated on. Give the same to all folds that
  bool with_seen;          // … are compared; with_seen: these are trained on
  double valid_share;      // in [0, 1): of each task trained on, what is set aside to choose checkpoints by: one row at least
  uint64_t valid_per_task; // … but at most so many; 0: any number
  bool keep_neighbours, keep_sources, keep_near; // switch a rule off
  uint64_t seed;
} fold_options;

typedef struct fold_left_out {
  uint64_t n; // examples
  uint32_t n_tasks;
} fold_left_out;

// The sets are views of the data: examples keep their indexes and order. Of the counts they have n, n_tokens and n_targets.
typedef struct fold {
  const char *name; // of what is held out
  dataset train, valid, eval;
  fold_left_out neighbours, sources;          // not trained on, by these rules; tasks: with such examples
  uint64_t same_prompts, near, valid_prompts; // … valid_prompts: since their prompt is in `valid`
  near_pair first_near;                       // of `near`
  uint64_t not_evaluated;                     // of what is held out: beyond eval_per_task, or set aside
  uint64_t seen;                              // … trained on
} fold;

// held_out: the number of a cluster, or of a task. Fails where nothing is left to train on, and says why. It looks at each
// example once and compares sketches (of 1,000,000 examples, in about a second); the arena keeps a struct example of each.
bool fold_make(arena *a, const clusters *c, uint32_t held_out, const fold_options *o, fold *out, err *e);

// Makes each of the folds held_out[n] (NULL: all) and lets it go, once `look` (may be NULL) has seen it: what would fail is known
// before anything is trained. place: in held_out.
typedef bool fold_look(void *user, uint32_t place, const fold *f, err *e);
bool fold_check_all(const clusters *c, const fold_options *o, const uint32_t *held_out, uint32_t n, fold_look *look, void *user,
                    err *e);

// "1,200 examples to train on, …; 34 left out: …" for a person. Appended.
void fold_describe(const fold *f, text *out);

#endif
