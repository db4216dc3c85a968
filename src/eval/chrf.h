// chrF (Popović, 2015) with sacreBLEU's defaults: characters without white space, orders 1 to 6, β = 2.
#ifndef EVAL_CHRF_H
#define EVAL_CHRF_H

#include "data/strings.h"

enum { CHRF_ORDER = 6, CHRF_STATS = 3 * CHRF_ORDER };

// Of one prediction and the reference with which it scores highest, for each order: n-grams of the prediction (0 where the
// reference has none), of the reference, of both. They are summed over predictions.
void chrf_stats(const char *prediction, strings references, double stats[CHRF_STATS]);
double chrf_score(const double stats[CHRF_STATS]); // 0–100

#endif
