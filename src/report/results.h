// results.json, which a cross-validation over clusters of tasks ends with: base and tuned model on each cluster that was held
// out of training.
//   {"clusters": [{"name", "metric", "base", "tuned", "difference", "low", "high", "n",
//                  "base_low"?, "base_high"?, "shuffled"?, "seen"?, "tokens"?, "seconds"?,
//                  "tasks"?: [{"name", "metric"?, "base", "tuned", "n", "shuffled"?, "seen"?}],
//                  "train"?, "left_out"?: {key of result_left_out?: count}}],
//    "overall": the same keys but "name" and "metric" may be absent,
//    "overall_by_metric"?: [the same, with "metric" and "clusters", the number of its clusters],
//    "leave_out"?: "cluster" or "task", which the rows of "clusters" then are,
//    "base_is_instruction_tuned"?: bool, "control"?: a sentence, "confidence"?: 0.95}
// A cluster whose tasks have unlike metrics has a row for each of them, one after the other. difference = tuned − base; [low, high] is its interval. base_low and base_high: of the base's score. shuffled: the score of
// a model tuned on answers that were shuffled within each task; seen: of one tuned on the cluster itself. tokens and seconds:
// of the fold's training, on `train` examples. Scores may be shares or points; they are shown as they are. Other keys are passed over.
#ifndef REPORT_RESULTS_H
#define REPORT_RESULTS_H

#include "base/arena.h"
#include "base/err.h"

typedef struct result_task {
  const char *name, *metric;
  double base, tuned, n, shuffled, seen;
} result_task;

// What the rules against leaks took from a fold's training: the keys of "left_out", in this order.
enum { RESULT_LEFT_OUT = 6 };
extern const char *const result_left_out[RESULT_LEFT_OUT];

// NaN stands for what a cluster does not say.
typedef struct result {
  const char *name, *metric;
  double base, tuned, difference, low, high, n;
  double base_low, base_high, shuffled, seen, tokens, seconds;
  double train, left_out[RESULT_LEFT_OUT];
  result_task *tasks;
  uint64_t n_tasks;
  bool lower;     // its metric's lower score is the better one
  int digits;     // behind the point, that suit its scores
  char place[48]; // in results.json: "/clusters/3"
} result;

typedef struct results {
  result *clusters;
  uint64_t n;
  uint64_t n_names;  // clusters; one whose tasks have unlike metrics has a row for each
  bool are_tasks;    // what was held out each time was a task
  result overall;    // of the metric that most clusters have
  result *by_metric; // where there are several, of each; else NULL
  uint64_t n_by_metric;
  bool is_instruction_tuned;
  const char *control; // NULL: nothing is said
  double confidence;   // NaN: not said
} results;

// Clusters (or tasks) held out; only_worse: those of which tuning lowered a score.
uint64_t results_count_names(const results *r, bool only_worse);
bool results_read(arena *a, const char *path, results *r, err *e);
bool results_lower_is_better(const char *metric); // NULL: no
// By how much tuning made the score worse; at most 0 where it did not.
double results_loss(const result *r);
// Whether the whole interval lies on the worse side.
bool results_is_surely_worse(const result *r);
// An interval without width says nothing: too few examples, or all changed alike.
bool results_has_no_interval(const result *r);

#endif
