// With P and R the means, over the orders that both sides have, of the n-grams' precision and recall:
//
//   chrF = 100 · (1 + β²) · P·R / (β²·P + R)
#include "eval/chrf.h"

#include <string.h>

#include "base/unicode.h"
#include "eval/ngrams.h"

static ngrams ngrams_of_text(arena *a, const char *s) {
  const char *end = s + strlen(s);
  uint32_t *characters = ARENA_ARRAY(a, uint32_t, (uint64_t)(end - s));
  uint64_t n = 0;
  while (s < end) {
    const uint32_t c = unicode_take(&s, end);
    if (!utf8_is_space(c)) characters[n++] = c;
  }
  return ngrams_of(a, characters, n, CHRF_ORDER);
}

double chrf_score(const double stats[CHRF_STATS]) {
  const double factor = 2 * 2;
  double precision = 0, recall = 0, orders = 0;
  for (int i = 0; i < CHRF_ORDER; i++) {
    const double *s = stats + 3 * i;
    if (!(s[0] > 0) || !(s[1] > 0)) continue;
    precision += s[2] / s[0];
    recall += s[2] / s[1];
    orders++;
  }
  if (!(precision + recall > 0)) return 0;
  precision /= orders, recall /= orders;
  return 100 * ((1 + factor) * precision * recall / (factor * precision + recall));
}

void chrf_stats(const char *prediction, strings references, double stats[CHRF_STATS]) {
  arena *a = arena_new("n-grams for chrF");
  const ngrams p = ngrams_of_text(a, prediction);
  double best = -1, found[CHRF_STATS];
  for (uint32_t i = 0; i < references.n; i++) {
    const ngrams r = ngrams_of_text(a, references.items[i]);
    for (uint32_t n = 1; n <= CHRF_ORDER; n++) {
      double *s = found + 3 * (n - 1);
      s[1] = (double)ngrams_count(&r, n);
      s[0] = s[1] > 0 ? (double)ngrams_count(&p, n) : 0;
      s[2] = (double)ngrams_matches(a, &p, &r, 1, n);
    }
    const double score = chrf_score(found);
    if (!(score > best)) continue;
    best = score;
    memcpy(stats, found, sizeof found);
  }
  arena_free(a);
}
