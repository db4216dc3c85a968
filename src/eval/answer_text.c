#include "eval/answer_text.h"

#include <string.h>

#include "base/unicode.h"
#include "eval/symbols.h"

// In lower case and without punctuation; white space as it is.
static text plain(const char *s) {
  text lower = {0}, out = {0};
  text_puts(&lower, ""), text_puts(&out, "");
  unicode_put_lower(&lower, s, strlen(s));
  for (const char *c = lower.data; c < lower.data + lower.length; c++)
    if (!unicode_is_ascii_punctuation((unsigned char)*c)) text_putc(&out, *c);
  text_free(&lower);
  return out;
}

double answer_exact_match(const char *prediction, const char *reference) {
  arena *a = arena_new("words of answers");
  symbols *s = symbols_new(a);
  text p = plain(prediction), r = plain(reference);
  const symbol_list x = symbols_of_words(s, p.data, p.length), y = symbols_of_words(s, r.data, r.length);
  const bool equal = x.n == y.n && (!x.n || !memcmp(x.items, y.items, x.n * sizeof *x.items));
  text_free(&p), text_free(&r);
  arena_free(a);
  return equal;
}

static bool is_article(const char *s, size_t n) {
  return (n == 1 && *s == 'a') || (n == 2 && !memcmp(s, "an", 2)) || (n == 3 && !memcmp(s, "the", 3));
}

// A run of word characters that is an article gives way to a blank, also beside marks that are no white space.
static void put_without_articles(text *out, const char *s, size_t n) {
  const char *end = s + n, *run = s;
  for (const char *at = s; run < end;) {
    const char *here = at;
    const uint32_t c = at < end ? unicode_take(&at, end) : 0;
    if (c && unicode_is_word(c)) continue;
    if (is_article(run, (size_t)(here - run))) text_putc(out, ' ');
    else text_put(out, run, (size_t)(here - run));
    text_put(out, here, (size_t)(at - here));
    run = at;
  }
}

static symbol_list words_of(symbols *s, const char *answer) {
  text p = plain(answer), kept = {0};
  put_without_articles(&kept, p.data, p.length);
  const symbol_list words = symbols_of_words(s, kept.data, kept.length);
  text_free(&p), text_free(&kept);
  return words;
}

static uint64_t in_common(arena *a, const symbol_list *x, const symbol_list *y) {
  uint32_t *counts = ARENA_ARRAY(a, uint32_t, x->n + y->n + 1); // by symbol
  uint64_t n = 0;
  for (uint64_t i = 0; i < x->n; i++) counts[x->items[i]]++;
  for (uint64_t i = 0; i < y->n; i++)
    if (counts[y->items[i]]) counts[y->items[i]]--, n++;
  return n;
}

double answer_f1(const char *prediction, const char *reference) {
  arena *a = arena_new("words of answers");
  symbols *s = symbols_new(a);
  const symbol_list p = words_of(s, prediction), r = words_of(s, reference);
  const double n = (double)in_common(a, &p, &r);
  const double f1 = !p.n || !r.n ? p.n == r.n : 2 * n / (double)(p.n + r.n);
  arena_free(a);
  return f1;
}
