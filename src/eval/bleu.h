// BLEU (Papineni et al., 2002) with sacreBLEU's defaults: 13a tokens, orders 1 to 4, exponential smoothing.
#ifndef EVAL_BLEU_H
#define EVAL_BLEU_H

#include <stdbool.h>

#include "data/strings.h"

enum { BLEU_ORDER = 4, BLEU_STATS = 2 + 2 * BLEU_ORDER };

// Of one prediction: its tokens, those of the reference next to it in length, n-grams that match for each order, n-grams. They
// are summed over predictions.
void bleu_stats(const char *prediction, strings references, double stats[BLEU_STATS]);
// 0–100. Of one sentence only the orders that it has n-grams of are averaged (sacreBLEU's effective order).
double bleu_score(const double stats[BLEU_STATS], bool is_sentence);

#endif
