// Losses of examples under a model: the forward and the head over target rows, without gradients.
#ifndef EVAL_SCORE_H
#define EVAL_SCORE_H

#include "models/batch.h"

typedef struct score {
  const batch *batch;
  graph *graph;
  tensor *loss;   // f32 [T], kept: a loss for each target row
  tensor *logits; // of a classifier, f32 [T, labels], kept: of each target row; else NULL
  gpu_recording *recording;
  gpu_slice staging, logits_staging; // both on the host
  gpu_device *device;
} score;

// Builds and plans the graph (score.graph).
score *score_new(arena *a, const model *m, const batch *b, const gpu_plan *limits);
// Gives it memory (shared with other graphs that do not run at the same time) and records it.
bool score_record(score *s, gpu_device *d, const graph_memory *activations, gpu_heap *staging, err *e);
void score_free(score *s); // NULL is fine
// Runs one row that is in `slot` of the batch. The losses of its target rows lie at *losses until the next call.
bool score_run(score *s, uint32_t slot, const float **losses, err *e);

// Mean loss over all targets of a data set, weighted as in training; NaN and 0 targets where it has none.
typedef struct score_total {
  double loss;
  uint64_t n_targets, n_examples, n_tokens;
} score_total;
// Examples are packed in their own order into rows of about the batch's capacity. `each` (may be NULL) gets each
// example's losses [n_targets], in the data's order, and of a classifier the logits of its labels; returning false stops with an
// error.
typedef bool score_each(void *user, const example *x, const float *losses, const float *logits, err *e);
bool score_dataset(score *s, batch *b, const dataset *set, score_each *each, void *user, score_total *total, err *e);

// All of that at once: on rows of about `want` tokens, at least the longest example; each (may be NULL) as above.
bool score_examples(arena *a, const model *m, gpu_device *d, uint64_t want, const dataset *set, score_each *each, void *user,
                    err *e);

#endif
