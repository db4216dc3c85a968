// metrics.jsonl of a run, read whole: what every logged step and evaluation said.
#ifndef REPORT_HISTORY_H
#define REPORT_HISTORY_H

#include "base/arena.h"
#include "base/err.h"

typedef enum history_key {
  HISTORY_STEP,
  HISTORY_EPOCH,
  HISTORY_LOSS,
  HISTORY_GRAD_NORM,
  HISTORY_LEARNING_RATE,
  HISTORY_TOKENS,
  HISTORY_TARGET_TOKENS,
  HISTORY_SECONDS,
  HISTORY_RATE,
  HISTORY_DEVICE_BYTES,
  HISTORY_MARGIN,   // of objective dpo
  HISTORY_ACCURACY, // …
  HISTORY_EVAL_LOSS,
  HISTORY_KEYS
} history_key;
extern const char *const history_key_names[HISTORY_KEYS];

// Lines of one kind in columns; what a line does not say is NaN.
typedef struct history_lines {
  double *columns[HISTORY_KEYS]; // [n]; NULL: of a key that this kind has not
  uint32_t *line;                // [n], 1-based, in the file
  uint64_t n, capacity;
} history_lines;

typedef struct history {
  history_lines steps, evals;
  uint64_t n_bad;    // steps that were not finite, among those logged
  bool is_cut_short; // the last line is not whole: the run was killed while it was written, or is running
} history;

// A file that is not there is a run that has not logged yet. Steps have to ascend.
bool history_read(arena *a, const char *path, history *h, err *e);

double history_sum(const history_lines *l, history_key key);
// The place of the least finite value; n where there is none.
uint64_t history_least(const history_lines *l, history_key key);
uint64_t history_first(const history_lines *l, history_key key); // … of the first finite one
uint64_t history_last(const history_lines *l, history_key key);

// y smoothed at i: the mean of the finite values among the `window` (odd) around it. Near the ends of fewer: as many on either
// side, but as there would be none, of those within a sixth of the window.
double history_smooth(const double *y, uint64_t n, uint64_t window, uint64_t i);
uint64_t history_window(uint64_t n); // that suits so many values; 1: they are few enough to be looked at as they are
// The places of at most about `most` values of y between which a line through them looks like the line through all: of each
// stretch the least and the largest, and the first and the last of all. Returns their number; out: [n].
uint64_t history_thin(const double *y, uint64_t n, uint64_t most, uint64_t *out);

#endif
