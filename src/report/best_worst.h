// The best and the worst predictions of a run, from predictions/*.jsonl as `vkift eval` writes them. A row:
//   {"task"?, "cluster"?, "prompt"?, "prediction", "references"?: ["…"], "metric"?, "score", "prediction_base"?, "score_base"?}
// Other keys are passed over. What the base answered may stand in the row, or in the same line of NAME.base.jsonl beside
// NAME.jsonl, as "prediction" and "score" there. Rows without a cluster are of one named after their file; those whose score is
// missing or null are not ranked. Files may have any size: of each row its scores are looked at, and the few that are shown are
// read again.
#ifndef REPORT_BEST_WORST_H
#define REPORT_BEST_WORST_H

#include "base/arena.h"
#include "base/err.h"

enum { BEST_WORST_SHOWN = 3 }; // of each kind

typedef struct prediction {
  const char *task, *prompt, *text, *base, *metric; // base: of the model before tuning; each NULL where the row has none
  const char **references;
  uint64_t n_references;
  double score, score_base;     // score_base: NaN where the row has none
  const char *file, *base_file; // names in predictions/; base_file NULL: of the base in the same row
  uint32_t line, base_line;
} prediction;

typedef struct prediction_group {
  const char *cluster;
  uint64_t n; // rows
  prediction best[BEST_WORST_SHOWN], worst[BEST_WORST_SHOWN];
  uint64_t n_best, n_worst; // no row is in both
} prediction_group;

typedef struct best_worst {
  prediction_group *groups; // in the order in which they come, files by name
  uint64_t n;
} best_worst;

// lower: whether the lower score of a metric (may be NULL) is the better one. A directory that is not there has no predictions.
bool best_worst_read(arena *a, const char *dir, bool (*lower)(const char *metric), best_worst *out, err *e);
const prediction_group *best_worst_find(const best_worst *p, const char *cluster); // NULL: none

#endif
