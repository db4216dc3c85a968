// The metrics of task evaluation: a prediction against its references, and what many of them come to.
#ifndef EVAL_METRIC_H
#define EVAL_METRIC_H

#include "data/strings.h"
#include "data/tokenizer.h"
#include "vkift.h"

enum { METRIC_STATS = 18, METRIC_TEXT_BYTES = 1 << 20 }; // the most numbers that one has; the longest text that is scored

// Of one prediction. `stats` are summed over predictions, and metric_total makes a score of the sums: of BLEU and chrF that of
// all together, of the others the mean.
typedef struct metric_result {
  double score; // 0–100
  double stats[METRIC_STATS];
} metric_result;

const char *metric_name(vkift_metric m);
bool metric_from_name(const char *name, vkift_metric *m); // false: there is no such metric (auto and none are none)
vkift_metric metric_of_category(const char *category);    // of Super-NaturalInstructions; AUTO where it says nothing
bool metric_is_by_choices(vkift_metric m);                // the prediction is one of the row's choices
uint32_t metric_width(vkift_metric m);                    // how many of the stats are used
double metric_total(vkift_metric m, const double *sums, uint64_t n);

// references: at least one. t: for ROUGE_L_TOKENS. Fails on a text of more than METRIC_TEXT_BYTES.
bool metric_score(vkift_metric m, const tokenizer *t, const char *prediction, strings references, metric_result *out, err *e);

// Adds the letters of Latin script in a text, and those of others, to the counts.
void metric_count_letters(const char *text, uint64_t *n_latin, uint64_t *n_other);

#endif
