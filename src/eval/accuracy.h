// Right answers: each example's prompt is answered greedily and compared with its own answer.
#ifndef EVAL_ACCURACY_H
#define EVAL_ACCURACY_H

#include "data/dataset.h"
#include "eval/loaded.h"

typedef struct accuracy_row {
  const char *answer;
  bool correct; // equals the expected one, white space at both ends aside
} accuracy_row;

typedef struct accuracy {
  accuracy_row *rows; // as the examples
  uint64_t n_correct;
} accuracy;

bool accuracy_measure(arena *a, const loaded *l, const dataset *set, uint32_t max_new_tokens, const vkift_eval_events *events,
                      accuracy *out, err *e);
// Calls events->cluster for each cluster, by name.
void accuracy_report(arena *a, const dataset *set, const accuracy *of, const vkift_eval_events *events);

#endif
