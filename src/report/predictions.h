// The best and the worst predictions of a run, from predictions/*.jsonl. A row:
//   {"task"?, "cluster"?, "prompt"?, "prediction", "prediction_base"?, "references"?: ["…"], "metric"?, "score", "score_base"?}
// Other keys are passed over. Rows without a cluster are of one named after their file. Files may have any size: of each
// row its scores are looked at, and the few that are shown are read again.
#ifndef REPORT_PREDICTIONS_H
#define REPORT_PREDICTIONS_H

#include "base/arena.h"
#include "base/err.h"

enum { PREDICTIONS_SHOWN = 3 }; // of each kind

typedef struct prediction {
  const char *task, *prompt, *text, *base, *metric; // base: of the model before tuning; each NULL where the row has none
  const char **references;
  uint64_t n_references;
  double score, score_base; // score_base: NaN where the row has none
  const char *file;         // name in predictions/
  uint32_t line;
} prediction;

typedef struct prediction_group {
  const char *cluster;
  uint64_t n; // rows
  prediction best[PREDICTIONS_SHOWN], worst[PREDICTIONS_SHOWN];
  uint64_t n_best, n_worst; // no row is in both
} prediction_group;

typedef struct predictions {
  prediction_group *groups; // in the order in which they come, files by name
  uint64_t n;
} predictions;

// lower: whether the lower score of a metric (may be NULL) is the better one. A directory that is not there has no predictions.
bool predictions_read(arena *a, const char *dir, bool (*lower)(const char *metric), predictions *out, err *e);
const prediction_group *predictions_find(const predictions *p, const char *cluster); // NULL: none

#endif
