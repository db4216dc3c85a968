// With c_n of t_n n-grams in a reference, l tokens of the prediction and r of the reference nearest in length:
//
//   BLEU = 100 · min(1, e^(1 − r/l)) · (∏ p_n)^(1/4),   p_n = c_n / t_n, or 1 / (2^k t_n) of the k-th order with c_n = 0
//
// The tokens are those of mteval-v13a, without its lower case: marks of ASCII stand alone, a point or comma unless it is within
// a number, a dash behind a digit.
#include "eval/bleu.h"

#include <math.h>
#include <string.h>

#include "base/unicode.h"
#include "eval/ngrams.h"
#include "eval/symbols.h"

// --- tokens --------------------------------------------------------------------------------------------------------------

static void replace_all(text *t, const char *old, const char *by) {
  const size_t n = strlen(old);
  if (!t->length || !strstr(t->data, old)) return;
  text out = {0};
  text_puts(&out, "");
  for (const char *s = t->data; *s;) {
    if (!strncmp(s, old, n)) text_puts(&out, by), s += n;
    else text_putc(&out, *s++);
  }
  text_free(t);
  *t = out;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Marks but the apostrophe, the comma, the point and the dash; the blank too.
static bool stands_alone(char c) {
  return c == ' ' || (unicode_is_ascii_punctuation((unsigned char)c) && !strchr("',-.", c));
}

// A point or comma gets blanks around it where no digit is before it.
static void split_behind_others(text *t) {
  text out = {0};
  const char *s = t->data, *end = s + t->length;
  while (s < end) {
    const char *here = s;
    const uint32_t c = unicode_take(&s, end);
    text_put(&out, here, (size_t)(s - here));
    if ((c >= '0' && c <= '9') || s == end || (*s != '.' && *s != ',')) continue;
    text_printf(&out, " %c ", *s++);
  }
  text_free(t);
  *t = out;
}

// … and where no digit is behind it. What follows it is taken with it, so that of two marks in a row the second stays.
static void split_before_others(text *t) {
  text out = {0};
  const char *s = t->data, *end = s + t->length;
  while (s < end) {
    const char mark = *s;
    if ((mark != '.' && mark != ',') || s + 1 == end || is_digit(s[1])) {
      text_putc(&out, *s++);
      continue;
    }
    const char *next = ++s;
    unicode_take(&s, end);
    text_printf(&out, " %c ", mark);
    text_put(&out, next, (size_t)(s - next));
  }
  text_free(t);
  *t = out;
}

static void split_dashes(text *t) {
  text out = {0};
  for (size_t i = 0; i < t->length; i++) {
    text_putc(&out, t->data[i]);
    if (is_digit(t->data[i]) && i + 1 < t->length && t->data[i + 1] == '-') text_puts(&out, " - "), i++;
  }
  text_free(t);
  *t = out;
}

// The bytes of s without white space at its end.
static size_t stripped(const char *s) {
  const char *end = s + strlen(s);
  size_t n = 0;
  for (const char *at = s; at < end;)
    if (!utf8_is_space(unicode_take(&at, end))) n = (size_t)(at - s);
  return n;
}

// With white space between tokens.
static text tokenized(const char *sentence) {
  text t = {0}, out = {0};
  text_put(&t, sentence, stripped(sentence));
  replace_all(&t, "<skipped>", "");
  replace_all(&t, "-\n", "");
  replace_all(&t, "\n", " ");
  replace_all(&t, "&quot;", "\"");
  replace_all(&t, "&amp;", "&");
  replace_all(&t, "&lt;", "<");
  replace_all(&t, "&gt;", ">");
  text_putc(&out, ' ');
  for (size_t i = 0; i < t.length; i++) {
    if (stands_alone(t.data[i])) text_printf(&out, " %c ", t.data[i]);
    else text_putc(&out, t.data[i]);
  }
  text_putc(&out, ' ');
  split_behind_others(&out);
  split_before_others(&out);
  split_dashes(&out);
  text_free(&t);
  return out;
}

static ngrams ngrams_of_sentence(arena *a, symbols *s, const char *sentence) {
  text t = tokenized(sentence);
  const symbol_list list = symbols_of_words(s, t.data, t.length);
  text_free(&t);
  return ngrams_of(a, list.items, list.n, BLEU_ORDER);
}

// --- scores --------------------------------------------------------------------------------------------------------------

// Of the lengths next to n the smallest.
static uint64_t nearest_length(uint64_t n, const ngrams *references, uint32_t n_references) {
  uint64_t best = 0, least = UINT64_MAX;
  for (uint32_t i = 0; i < n_references; i++) {
    const uint64_t m = references[i].n, off = m > n ? m - n : n - m;
    if (off < least || (off == least && m < best)) best = m, least = off;
  }
  return best;
}

void bleu_stats(const char *prediction, strings references, double stats[BLEU_STATS]) {
  arena *a = arena_new("n-grams for BLEU");
  symbols *s = symbols_new(a);
  const ngrams p = ngrams_of_sentence(a, s, prediction);
  ngrams *rs = ARENA_ARRAY(a, ngrams, references.n);
  for (uint32_t i = 0; i < references.n; i++) rs[i] = ngrams_of_sentence(a, s, references.items[i]);
  stats[0] = (double)p.n;
  stats[1] = (double)nearest_length(p.n, rs, references.n);
  for (uint32_t n = 1; n <= BLEU_ORDER; n++) {
    stats[1 + n] = (double)ngrams_matches(a, &p, rs, references.n, n);
    stats[1 + BLEU_ORDER + n] = (double)ngrams_count(&p, n);
  }
  arena_free(a);
}

double bleu_score(const double stats[BLEU_STATS], bool is_sentence) {
  const double *matches = stats + 2, *counts = stats + 2 + BLEU_ORDER;
  double logs = 0, smooth = 1, any = 0;
  int orders = 0;
  for (int n = 0; n < BLEU_ORDER; n++) any += matches[n];
  if (!(any > 0)) return 0;
  for (; orders < BLEU_ORDER && counts[orders] > 0; orders++) {
    if (!(matches[orders] > 0)) smooth *= 2;
    logs += log(100 * (matches[orders] > 0 ? matches[orders] : 1 / smooth) / counts[orders]);
  }
  if (orders < BLEU_ORDER && !is_sentence) return 0; // an order without n-grams has precision 0
  const double penalty = stats[0] < stats[1] ? exp(1 - stats[1] / stats[0]) : 1;
  return penalty * exp(logs / orders);
}
