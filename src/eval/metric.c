#include "eval/metric.h"

#include <string.h>

#include "base/unicode.h"
#include "config/train_options.h"
#include "eval/answer_text.h"
#include "eval/bleu.h"
#include "eval/chrf.h"
#include "eval/rouge.h"

_Static_assert((int)BLEU_STATS <= (int)METRIC_STATS && (int)CHRF_STATS <= (int)METRIC_STATS,
               "every metric's numbers have a place");

const char *metric_name(vkift_metric m) {
  return metric_names[m];
}

bool metric_from_name(const char *name, vkift_metric *m) {
  for (int i = VKIFT_METRIC_ROUGE_L; metric_names[i]; i++) {
    if (strcmp(metric_names[i], name)) continue;
    *m = (vkift_metric)i;
    return true;
  }
  return false;
}

// The official script's lists of categories.
vkift_metric metric_of_category(const char *category) {
  static const char *const exact[] = {"Textual Entailment",       "Cause Effect Classification",  "Coreference Resolution",
                                      "Dialogue Act Recognition", "Answerability Classification", "Word Analogy"};
  static const char *const overlap[] = {"Overlap Extraction", "Keyword Tagging", "Question Rewriting",
                                        "Title Generation",   "Data to Text",    "Grammar Error Correction"};
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
    if (!strcmp(category, exact[i])) return VKIFT_METRIC_EXACT_MATCH;
  for (size_t i = 0; i < sizeof overlap / sizeof *overlap; i++)
    if (!strcmp(category, overlap[i])) return VKIFT_METRIC_ROUGE_L;
  return VKIFT_METRIC_AUTO;
}

bool metric_is_by_choices(vkift_metric m) {
  return m == VKIFT_METRIC_ACCURACY || m == VKIFT_METRIC_ACCURACY_NORM;
}

uint32_t metric_width(vkift_metric m) {
  return m == VKIFT_METRIC_BLEU ? BLEU_STATS : m == VKIFT_METRIC_CHRF ? CHRF_STATS : 1;
}

double metric_total(vkift_metric m, const double *sums, uint64_t n) {
  if (m == VKIFT_METRIC_BLEU) return bleu_score(sums, false);
  if (m == VKIFT_METRIC_CHRF) return chrf_score(sums);
  return n ? sums[0] / (double)n : 0;
}

static bool check_length(const char *what, const char *s, err *e) {
  const size_t n = strlen(s);
  return n <= METRIC_TEXT_BYTES || ERR(e, "%s: expected at most %d bytes, found %zu", what, METRIC_TEXT_BYTES, n);
}

// The best over the references of a metric that looks at one.
static bool best_of(vkift_metric m, const tokenizer *t, const char *prediction, strings references, double *best, err *e) {
  *best = 0;
  for (uint32_t i = 0; i < references.n; i++) {
    const char *reference = references.items[i];
    double score = 0;
    switch (m) {
      case VKIFT_METRIC_ROUGE_L: score = rouge_l(prediction, reference); break;
      case VKIFT_METRIC_ROUGE_L_TOKENS: TRY(rouge_l_tokens(t, prediction, reference, &score, e)); break;
      case VKIFT_METRIC_EXACT_MATCH: score = answer_exact_match(prediction, reference); break;
      case VKIFT_METRIC_F1: score = answer_f1(prediction, reference); break;
      case VKIFT_METRIC_ACCURACY:
      case VKIFT_METRIC_ACCURACY_NORM: score = !strcmp(prediction, reference); break;
      default: REQUIRE(false, "metric %d has no score of one reference", (int)m);
    }
    if (score > *best) *best = score;
  }
  return true;
}

bool metric_score(vkift_metric m, const tokenizer *t, const char *prediction, strings references, metric_result *out, err *e) {
  *out = (metric_result){0};
  TRY(check_length("prediction", prediction, e));
  for (uint32_t i = 0; i < references.n; i++) TRY(check_length("references", references.items[i], e));
  if (m == VKIFT_METRIC_BLEU) {
    bleu_stats(prediction, references, out->stats);
    out->score = bleu_score(out->stats, true);
  } else if (m == VKIFT_METRIC_CHRF) {
    chrf_stats(prediction, references, out->stats);
    out->score = chrf_score(out->stats);
  } else {
    TRY(best_of(m, t, prediction, references, &out->score, e));
    out->stats[0] = out->score *= 100;
  }
  return true;
}

static bool between(uint32_t c, uint32_t first, uint32_t last) {
  return c >= first && c <= last;
}

void metric_count_letters(const char *s, uint64_t *n_latin, uint64_t *n_other) {
  const char *end = s + strlen(s);
  while (s < end) {
    const uint32_t c = unicode_take(&s, end);
    if (between(c, '0', '9') || c == '_' || !unicode_is_word(c)) continue;
    const bool latin = c < 0x2B0 || between(c, 0x1E00, 0x1EFF) || between(c, 0x2C60, 0x2C7F) || between(c, 0xA720, 0xA7FF) ||
                       between(c, 0xFB00, 0xFB06) || between(c, 0xFF21, 0xFF5A);
    ++*(latin ? n_latin : n_other);
  }
}
