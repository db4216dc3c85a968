// A letter is a consonant unless it is one of a e i o u, or a y behind a consonant; digits are consonants. The measure m of a
// word counts its changes from a vowel to a consonant. Each step takes the first rule of its list whose suffix the word has,
// and applies it if what is left of the word meets the rule's condition. No rule makes a word longer than it was before its
// step 1.
#include "eval/porter.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct stem {
  char *s;
  size_t n;
} stem;

static bool is_aeiou(char c) {
  return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

static bool is_consonant(const char *s, size_t i) {
  if (s[i] != 'y') return !is_aeiou(s[i]);
  size_t run = 0; // y's that alternate
  for (; i > 0 && s[i] == 'y'; i--) run++;
  return is_aeiou(s[i]) == (run & 1);
}

static uint64_t measure(const char *s, size_t n) {
  uint64_t m = 0;
  bool before = true;
  for (size_t i = 0; i < n; i++) {
    const bool consonant = s[i] == 'y' ? !i || !before : !is_aeiou(s[i]);
    m += i && consonant && !before;
    before = consonant;
  }
  return m;
}

static bool has_vowel(const char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (is_aeiou(s[i]) || (s[i] == 'y' && i)) return true; // of two letters of which the second is y, one is a vowel
  return false;
}

// Consonant, vowel, consonant other than w, x, y; NLTK: also a word of a vowel and a consonant.
static bool ends_cvc(const char *s, size_t n) {
  if (n == 2) return !is_consonant(s, 0) && is_consonant(s, 1);
  return n >= 3 && is_consonant(s, n - 3) && !is_consonant(s, n - 2) && is_consonant(s, n - 1) && !strchr("wxy", s[n - 1]);
}

static bool ends(const stem *w, const char *suffix) {
  const size_t n = strlen(suffix);
  return w->n >= n && !memcmp(w->s + w->n - n, suffix, n);
}

static void replace(stem *w, size_t kept, const char *by) {
  const size_t n = strlen(by);
  memcpy(w->s + kept, by, n);
  w->n = kept + n;
}

typedef struct rule {
  const char *suffix, *by;
} rule;

// The rule whose suffix the word has, and how much of the word stands before it.
static const rule *find(const stem *w, const rule *rules, size_t *kept) {
  for (; rules->suffix; rules++) {
    if (!ends(w, rules->suffix)) continue;
    *kept = w->n - strlen(rules->suffix);
    return rules;
  }
  return NULL;
}

// Where the measure of what is left is above `least`.
static void apply(stem *w, const rule *rules, uint64_t least) {
  size_t kept;
  const rule *r = find(w, rules, &kept);
  if (r && measure(w->s, kept) > least) replace(w, kept, r->by);
}

// Plurals. NLTK: "ies" of four letters keeps its e.
static void step_1a(stem *w) {
  if (ends(w, "ies")) w->n -= w->n == 4 ? 1 : 2;
  else if (ends(w, "sses")) w->n -= 2;
  else if (ends(w, "s") && !ends(w, "ss")) w->n--;
}

// What stood before -ed or -ing gets back the end that it had.
static void mend(stem *w) {
  const char last = w->s[w->n - 1];
  if (ends(w, "at") || ends(w, "bl") || ends(w, "iz")) {
    replace(w, w->n, "e");
  } else if (w->n >= 2 && last == w->s[w->n - 2] && is_consonant(w->s, w->n - 1)) {
    if (!strchr("lsz", last)) w->n--;
  } else if (measure(w->s, w->n) == 1 && ends_cvc(w->s, w->n)) {
    replace(w, w->n, "e");
  }
}

static void step_1b(stem *w) {
  if (ends(w, "ied")) { // NLTK
    w->n -= w->n == 4 ? 1 : 2;
    return;
  }
  if (ends(w, "eed")) {
    if (measure(w->s, w->n - 3) > 0) w->n--;
    return;
  }
  const size_t suffix = ends(w, "ed") ? 2 : ends(w, "ing") ? 3 : 0;
  if (!suffix || !has_vowel(w->s, w->n - suffix)) return;
  w->n -= suffix;
  mend(w);
}

// NLTK: y becomes i behind a consonant which is not the first letter.
static void step_1c(stem *w) {
  if (ends(w, "y") && w->n > 2 && is_consonant(w->s, w->n - 2)) w->s[w->n - 1] = 'i';
}

static void step_2(stem *w) {
  static const rule rules[] = {{"ational", "ate"}, {"tional", "tion"},
                               {"enci", "ence"},   {"anci", "ance"},
                               {"izer", "ize"},    {"bli", "ble"},
                               {"alli", "al"},     {"entli", "ent"},
                               {"eli", "e"},       {"ousli", "ous"},
                               {"ization", "ize"}, {"ation", "ate"},
                               {"ator", "ate"},    {"alism", "al"},
                               {"iveness", "ive"}, {"fulness", "ful"},
                               {"ousness", "ous"}, {"aliti", "al"},
                               {"iviti", "ive"},   {"biliti", "ble"},
                               {"fulli", "ful"},   {0}};
  // NLTK: "alli" first, and then the step again.
  while (ends(w, "alli") && measure(w->s, w->n - 4) > 0) w->n -= 2;
  size_t kept;
  if (find(w, rules, &kept)) {
    apply(w, rules, 0);
  } else if (ends(w, "logi") && measure(w->s, w->n - 3) > 0) { // NLTK: the l counts with what is left
    w->n--;
  }
}

static void step_3(stem *w) {
  static const rule rules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                               {"ical", "ic"},  {"ful", ""},   {"ness", ""},    {0}};
  apply(w, rules, 0);
}

static void step_4(stem *w) {
  static const rule rules[] = {{"al", ""},  {"ance", ""},  {"ence", ""}, {"er", ""},  {"ic", ""},  {"able", ""}, {"ible", ""},
                               {"ant", ""}, {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ion", ""}, {"ou", ""},   {"ism", ""},
                               {"ate", ""}, {"iti", ""},   {"ous", ""},  {"ive", ""}, {"ize", ""}, {0}};
  size_t kept;
  const rule *r = find(w, rules, &kept);
  if (!r || measure(w->s, kept) <= 1) return;
  if (!strcmp(r->suffix, "ion") && !strchr("st", w->s[kept - 1])) return;
  w->n = kept;
}

static void step_5(stem *w) {
  if (ends(w, "e")) {
    const uint64_t m = measure(w->s, w->n - 1);
    if (m > 1 || (m == 1 && !ends_cvc(w->s, w->n - 1))) w->n--;
  }
  if (ends(w, "ll") && measure(w->s, w->n - 1) > 1) w->n--;
}

// NLTK's words that the rules get wrong.
static bool irregular(stem *w) {
  static const rule words[] = {{"skies", "sky"},
                               {"dying", "die"},
                               {"lying", "lie"},
                               {"tying", "tie"},
                               {"innings", "inning"},
                               {"outings", "outing"},
                               {"cannings", "canning"},
                               {"sky", "sky"},
                               {"news", "news"},
                               {"inning", "inning"},
                               {"outing", "outing"},
                               {"canning", "canning"},
                               {"howe", "howe"},
                               {"proceed", "proceed"},
                               {"exceed", "exceed"},
                               {"succeed", "succeed"},
                               {0}};
  for (const rule *r = words; r->suffix; r++) {
    if (strlen(r->suffix) != w->n || !ends(w, r->suffix)) continue;
    replace(w, 0, r->by);
    return true;
  }
  return false;
}

size_t porter_stem(char *word, size_t length) {
  stem w = {word, length};
  if (irregular(&w) || length <= 2) return w.n;
  step_1a(&w), step_1b(&w), step_1c(&w), step_2(&w), step_3(&w), step_4(&w), step_5(&w);
  return w.n;
}
