// Limits are rounded away from the length, by a random part of it, so that they seldom give the length away:
//
//   at most   n + below(n/2 + 2), rounded up      at least   n − below(n/2 + 1), rounded down, at least 2
//
// to 1 below 10, 5 below 50, 10 below 250, 50 below 1000, 100 beyond. "Exactly" says the length itself: of at most 30 words
// or 10 sentences, never of characters, which a model that reads tokens cannot count.
#include "data/augment_length.h"

#include <string.h>

enum { FEWEST_CHARACTERS = 20, MOST_EXACT_WORDS = 30, MOST_EXACT_SENTENCES = 10 };

// --- reading -----------------------------------------------------------------------------------------------------------

// The character at *s, which is moved behind it; a byte that is no UTF-8 counts for itself. 0 at the end.
static uint32_t take(const char **s) {
  uint32_t code = (unsigned char)**s;
  if (!code) return 0;
  size_t left = 1;
  while (left < 4 && (*s)[left]) left++;
  const int n = utf8_decode(*s, left, &code);
  *s += n ? n : 1;
  return code;
}

static bool between(uint32_t c, uint32_t first, uint32_t last) {
  return c >= first && c <= last;
}

static bool is_letter_or_digit(uint32_t c) {
  if (c < 0x80) return between(c, '0', '9') || between(c | 0x20, 'a', 'z');
  return c >= 0xC0 && c != 0xD7 && c != 0xF7 && !between(c, 0x2000, 0x2BFF);
}

// Scripts with spaces between words: those up to Sinhala, Georgian, Ethiopic, more of Latin and Greek, Hangul; and the
// punctuation that goes with them.
static bool is_spaced_script(uint32_t c) {
  return c < 0xE00 || between(c, 0x10A0, 0x10FF) || between(c, 0x1200, 0x137F) || between(c, 0x1E00, 0x1FFF) ||
         between(c, 0x2000, 0x206F) || between(c, 0x20A0, 0x20BF) || between(c, 0xAC00, 0xD7A3);
}

static uint32_t count_words(const char *s) {
  uint32_t n = 0;
  bool in_word = false, has_letter = false;
  for (uint32_t c; (c = take(&s));) {
    if (!is_spaced_script(c) || between(c, 0x200B, 0x200F)) return 0; // the latter: joiners and marks that are not seen
    if (c == '/' || c == 0x2014) return 0;                            // one word or two?
    if (utf8_is_space(c)) {
      if (in_word && !has_letter) return 0;
      in_word = has_letter = false;
      continue;
    }
    n += !in_word;
    in_word = true;
    has_letter = has_letter || is_letter_or_digit(c);
  }
  return in_word && !has_letter ? 0 : n;
}

static uint32_t count_characters(const char *s) {
  uint32_t n = 0, last = 0;
  for (uint32_t c; (c = take(&s)); last = c) {
    if (!n && utf8_is_space(c)) return 0;
    n++;
  }
  return utf8_is_space(last) ? 0 : n;
}

// --- sentences ---------------------------------------------------------------------------------------------------------

static bool is_full_width_end(uint32_t c) {
  return c == 0x3002 || c == 0xFF01 || c == 0xFF1F; // 。！？
}

static bool is_end(uint32_t c) {
  return c == '.' || c == '!' || c == '?' || is_full_width_end(c);
}

// A closing quotation mark or bracket.
static bool is_closer(uint32_t c) {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == 0x201D || c == 0x2019 || c == 0xBB;
}

// What a sentence begins with where that can be told: a capital letter of Latin, Greek or Cyrillic.
static bool is_capital(uint32_t c) {
  return between(c, 'A', 'Z') || (between(c, 0xC0, 0xDE) && c != 0xD7) || between(c, 0x391, 0x3A9) || between(c, 0x400, 0x42F);
}

// Whether the "." behind s[0..n) may belong to the word instead: "Dr.", "J.", "e.g.", "etc.", "2.".
static bool may_be_abbreviation(const char *s, size_t n) {
  size_t from = n;
  while (from && !strchr(" (\"'", s[from - 1])) from--;
  const char *word = s + from;
  n -= from;
  static const char *const known[] = {"etc", "vs", "cf", "al", "ca", "approx", "resp", "est", "fig", "no", "pp", "p", NULL};
  for (size_t i = 0; known[i]; i++)
    if (strlen(known[i]) == n && !strncmp(known[i], word, n)) return true;
  if (memchr(word, '.', n)) return strspn(word, "0123456789.,") < n; // not of "3.5."
  if (strspn(word, "0123456789") == n) return n <= 2;
  size_t n_characters = 0;
  for (size_t i = 0; i < n; i++) n_characters += (word[i] & 0xC0) != 0x80;
  if (n_characters < n && n_characters <= 3) return true; // short ones of other scripts
  return n <= 4 && n && word[0] >= 'A' && word[0] <= 'Z';
}

// Moves *s from a first end mark behind the end of the sentence and the white space that follows. false: it may be none.
static bool pass_end(const char *whole, const char **s) {
  const char *mark = *s, *at = mark;
  uint32_t c = take(&at);
  const bool full_width = is_full_width_end(c), is_dot = c == '.';
  const char *behind = at;
  for (uint32_t more; is_end(more = take(&at)); behind = at)
    if (is_dot || more == '.') return false; // an ellipsis
  const char *closed = behind;
  at = behind;
  while (is_closer(take(&at))) closed = at;
  if (!*closed) return *s = closed, true;
  if (closed != behind) return false; // a quoted sentence within
  at = behind;
  if (full_width) return *s = behind, true;
  if (*behind != ' ' || (is_dot && may_be_abbreviation(whole, (size_t)(mark - whole)))) return false;
  *s = behind + 1;
  at = *s;
  return is_capital(take(&at));
}

// A "." between digits is a part of the number.
static bool is_decimal_point(const char *whole, const char *at) {
  return *at == '.' && at > whole && between((unsigned char)at[-1], '0', '9') && between((unsigned char)at[1], '0', '9');
}

static uint32_t count_sentences(const char *whole) {
  uint32_t n = 0;
  bool ended = false;
  for (const char *s = whole; *s;) {
    const char *here = s;
    const uint32_t c = take(&s);
    if (c == '\n' || c == '\r' || c == 0x2026) return 0; // several paragraphs, an ellipsis
    ended = is_end(c) && !is_decimal_point(whole, here);
    if (!ended) continue;
    s = here;
    if (!pass_end(whole, &s)) return 0;
    n++;
  }
  return ended ? n : 0;
}

augment_lengths augment_length_count(const char *answer) {
  return (augment_lengths){count_words(answer), count_sentences(answer), count_characters(answer)};
}

// --- limits ------------------------------------------------------------------------------------------------------------

typedef enum limit { AT_MOST, AT_LEAST, BETWEEN, EXACTLY, N_LIMITS } limit;

enum { N_PHRASES = 5 };
// %1 and %2: numbers with their unit ("20 words"); of BETWEEN %1 is the number alone.
static const char *const phrases[N_LIMITS][N_PHRASES] = {
    [AT_MOST] = {"Answer in at most %1.", "Use no more than %1.", "Do not write more than %1.", "Keep the answer to at most %1.",
                 "The answer may have up to %1."},
    [AT_LEAST] = {"Answer in at least %1.", "Use no fewer than %1.", "Write at least %1.",
                  "The answer should not be shorter than %1.", "Make the answer at least %1 long."},
    [BETWEEN] = {"Answer in %1 to %2.", "Use between %1 and %2.", "Write no fewer than %1 and no more than %2.",
                 "The answer should have between %1 and %2.", "Keep the length between %1 and %2."},
    [EXACTLY] = {"Answer in exactly %1.", "Use exactly %1.", "Write exactly %1, no more and no fewer.",
                 "The answer should have exactly %1.", "Make the answer exactly %1 long."},
};

static uint32_t step_of(uint32_t n) {
  return n < 10 ? 1 : n < 50 ? 5 : n < 250 ? 10 : n < 1000 ? 50 : 100;
}

static uint32_t limit_above(uint32_t n, rng *r) {
  const uint32_t v = n + rng_below(r, n / 2 + 2), step = step_of(v);
  return (v + step - 1) / step * step;
}

// Of n from 2 on.
static uint32_t limit_below(uint32_t n, rng *r) {
  const uint32_t v = n - rng_below(r, n / 2 + 1), rounded = v / step_of(v) * step_of(v);
  return rounded < 2 ? 2 : rounded;
}

static const char *const unit_names[AUGMENT_UNITS] = {
    [AUGMENT_WORDS] = "word", [AUGMENT_SENTENCES] = "sentence", [AUGMENT_CHARACTERS] = "character"};
static const char with_spaces[] = " (with spaces)";

static void put_amount(text *out, uint32_t n, augment_unit u) {
  text_printf(out, "%u %s%s%s", n, unit_names[u], n == 1 ? "" : "s", u == AUGMENT_CHARACTERS ? with_spaces : "");
}

static void put_phrase(text *out, const char *phrase, limit l, uint32_t first, uint32_t second, augment_unit u) {
  for (const char *p = phrase; *p; p++) {
    if (*p != '%') text_putc(out, *p);
    else if (*++p == '1' && l == BETWEEN) text_printf(out, "%u", first);
    else put_amount(out, *p == '1' ? first : second, u);
  }
}

static void put_limit(augment_unit u, uint32_t n, rng *r, text *out) {
  const uint32_t most_exact = u == AUGMENT_WORDS ? MOST_EXACT_WORDS : u == AUGMENT_SENTENCES ? MOST_EXACT_SENTENCES : 0;
  const limit l = n < 2 ? AT_MOST : (limit)rng_below(r, n <= most_exact ? N_LIMITS : EXACTLY);
  const char *phrase = phrases[l][rng_below(r, N_PHRASES)];
  uint32_t first = n, second = 0;
  if (l == AT_MOST) first = limit_above(n, r);
  if (l == AT_LEAST || l == BETWEEN) first = limit_below(n, r);
  if (l == BETWEEN) {
    second = limit_above(n, r);
    if (second == first) second += step_of(second);
  }
  put_phrase(out, phrase, l, first, second, u);
}

bool augment_length_put(const char *answer, rng *r, text *out) {
  const augment_lengths found = augment_length_count(answer);
  const uint32_t counts[AUGMENT_UNITS] = {found.words, found.sentences, found.characters};
  augment_unit eligible[AUGMENT_UNITS];
  uint32_t n = 0;
  if (found.words == 1) return false;
  if (counts[AUGMENT_WORDS]) eligible[n++] = AUGMENT_WORDS;
  if (counts[AUGMENT_SENTENCES]) eligible[n++] = AUGMENT_SENTENCES;
  if (counts[AUGMENT_CHARACTERS] >= FEWEST_CHARACTERS) eligible[n++] = AUGMENT_CHARACTERS;
  if (!n) return false;
  const augment_unit u = eligible[rng_below(r, n)];
  put_limit(u, counts[u], r, out);
  return true;
}

// --- finding one again ---------------------------------------------------------------------------------------------------

static bool pass(const char **s, const char *literal) {
  const size_t n = strlen(literal);
  if (strncmp(*s, literal, n)) return false;
  *s += n;
  return true;
}

static bool pass_number(const char **s, uint32_t *n) {
  const size_t digits = strspn(*s, "0123456789");
  if (!digits || digits > 9) return false;
  *n = 0;
  for (size_t i = 0; i < digits; i++) *n = *n * 10 + (uint32_t)(*(*s)++ - '0');
  return true;
}

static bool pass_amount(const char **s, uint32_t *n, augment_unit *u) {
  if (!pass_number(s, n) || !pass(s, " ")) return false;
  for (*u = AUGMENT_WORDS; *u < AUGMENT_UNITS; ++*u) {
    if (!pass(s, unit_names[*u])) continue;
    return (*n == 1 || pass(s, "s")) && (*u != AUGMENT_CHARACTERS || pass(s, with_spaces));
  }
  return false;
}

// Whether `s` begins with the phrase, with any numbers.
static bool begins_with(const char *s, const char *phrase, limit l, augment_limit *found) {
  uint32_t numbers[2] = {0, 0};
  for (const char *p = phrase; *p; p++) {
    if (*p != '%') {
      if (*s++ != *p) return false;
      continue;
    }
    const bool second = *++p == '2', bare = l == BETWEEN && !second;
    if (!(bare ? pass_number(&s, &numbers[0]) : pass_amount(&s, &numbers[second], &found->unit))) return false;
  }
  found->least = l == AT_MOST ? 0 : numbers[0];
  found->most = l == AT_LEAST ? UINT32_MAX : l == BETWEEN ? numbers[1] : numbers[0];
  return true;
}

bool augment_length_find(const char *prompt, augment_limit *out) {
  bool any = false;
  for (const char *s = prompt; *s; s++) {
    if (!between((unsigned char)*s, 'A', 'Z')) continue;
    for (limit l = AT_MOST; l < N_LIMITS; l++)
      for (int i = 0; i < N_PHRASES; i++) {
        augment_limit found = {0};
        if (begins_with(s, phrases[l][i], l, &found)) *out = found, any = true;
      }
  }
  return any;
}

static uint32_t words_at_all(const char *s) {
  uint32_t n = 0;
  bool in_word = false;
  for (uint32_t c; (c = take(&s)); in_word = !utf8_is_space(c)) n += !utf8_is_space(c) && !in_word;
  return n;
}

static uint32_t sentences_at_all(const char *s) {
  uint32_t n = 0;
  bool open = false, ending = false; // there is text since the last end; there was an end mark
  for (uint32_t c; (c = take(&s));) {
    if (is_full_width_end(c) || (ending && utf8_is_space(c))) n += open, open = ending = false;
    else if (is_end(c)) ending = open;
    else if (!utf8_is_space(c)) ending = ending && is_closer(c), open = true;
  }
  return n + open;
}

static uint32_t characters_at_all(const char *s) {
  uint32_t n = 0, to_last = 0;
  for (uint32_t c; (c = take(&s));) {
    if (n || !utf8_is_space(c)) n++;
    if (!utf8_is_space(c)) to_last = n;
  }
  return to_last;
}

uint32_t augment_length_measure(const char *answer, augment_unit u) {
  const augment_lengths sure = augment_length_count(answer);
  if (u == AUGMENT_WORDS) return sure.words ? sure.words : words_at_all(answer);
  if (u == AUGMENT_SENTENCES) return sure.sentences ? sure.sentences : sentences_at_all(answer);
  return sure.characters ? sure.characters : characters_at_all(answer);
}
