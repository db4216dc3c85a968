// With l the length of the longest common subsequence, n and m the numbers of tokens:
//
//   F1 = 2pr / (p + r),   p = l / n of the prediction,   r = l / m of the reference;   0 where l is 0
#include "eval/rouge.h"

#include <string.h>

#include "base/unicode.h"
#include "eval/lcs.h"
#include "eval/porter.h"

enum { STEMMED_FROM = 4 }; // letters

// Of two capitals beyond ASCII the lower case begins with a letter of ASCII; all others separate.
enum { DOTTED_I = 0x130, KELVIN = 0x212A };

static double f1_of(arena *a, const symbol_list *prediction, const symbol_list *reference) {
  if (!prediction->n || !reference->n) return 0;
  const uint64_t length = lcs_length(a, prediction, reference);
  const double p = (double)length / (double)prediction->n, r = (double)length / (double)reference->n;
  return length ? 2 * p * r / (p + r) : 0;
}

static char letter_of(uint32_t c) {
  if (c >= 'A' && c <= 'Z') return (char)(c + 32);
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return (char)c;
  return c == DOTTED_I ? 'i' : c == KELVIN ? 'k' : 0;
}

static void put_word(symbols *s, symbol_list *list, char *word, size_t n, bool stem) {
  if (n) symbols_put(s, list, word, n < STEMMED_FROM || !stem ? n : porter_stem(word, n));
}

symbol_list rouge_words(arena *a, symbols *s, const char *at, bool stem) {
  symbol_list list = {0};
  const char *end = at + strlen(at);
  char *word = ARENA_ARRAY(a, char, (uint64_t)(end - at) + 1); // the letters of all words, one behind the other
  size_t n = 0;
  while (at < end) {
    const uint32_t c = unicode_take(&at, end);
    const char letter = letter_of(c);
    if (letter) word[n++] = letter;
    if (letter && c != DOTTED_I) continue; // whose dot is a mark of its own
    put_word(s, &list, word, n, stem);
    word += n, n = 0;
  }
  put_word(s, &list, word, n, stem);
  return list;
}

double rouge_l(const char *prediction, const char *reference) {
  arena *a = arena_new("tokens for ROUGE");
  symbols *s = symbols_new(a);
  const symbol_list p = rouge_words(a, s, prediction, true), r = rouge_words(a, s, reference, true);
  const double f1 = f1_of(a, &p, &r);
  arena_free(a);
  return f1;
}

// "Ġ" of byte-level tokenizers and "▁" of sentencepiece's: what stands for a blank.
static const char *without_blanks(const char *s) {
  static const char *const marks[] = {"\u0120", "\u2581"};
  for (int i = 0; i < 2; i++)
    while (!strncmp(s, marks[i], strlen(marks[i]))) s += strlen(marks[i]);
  return s;
}

static bool tokens_of(arena *a, symbols *s, const tokenizer *t, const char *of, symbol_list *list, err *e) {
  token_list tokens = {0};
  const bool ok = tokenizer_encode(t, of, strlen(of), NULL, false, &tokens, e);
  for (uint64_t i = 0; ok && i < tokens.n; i++) {
    const char *content = tokenizer_content(t, tokens.items[i].id);
    const char *word = arena_strdup(a, without_blanks(content ? content : ""));
    symbols_put(s, list, word, strlen(word));
  }
  token_list_free(&tokens);
  return ok;
}

bool rouge_l_tokens(const tokenizer *t, const char *prediction, const char *reference, double *f1, err *e) {
  arena *a = arena_new("tokens for ROUGE");
  symbols *s = symbols_new(a);
  symbol_list p = {0}, r = {0};
  const bool ok = tokens_of(a, s, t, prediction, &p, e) && tokens_of(a, s, t, reference, &r, e);
  if (ok) *f1 = f1_of(a, &p, &r);
  arena_free(a);
  return ok;
}
