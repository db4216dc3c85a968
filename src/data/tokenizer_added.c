#include "data/tokenizer_added.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int by_pattern(const void *a, const void *b) {
  const added_token *const *x = a, *const *y = b;
  return strcmp((*x)->pattern, (*y)->pattern);
}

bool added_matcher_build(added_matcher *m, arena *a, const added_token *tokens, uint64_t n, bool normalized, err *e) {
  *m = (added_matcher){.tokens = ARENA_ARRAY(a, const added_token *, n)};
  for (uint64_t i = 0; i < n; i++)
    if (tokens[i].normalized == normalized) m->tokens[m->n++] = &tokens[i];
  if (m->n) qsort(m->tokens, m->n, sizeof *m->tokens, by_pattern);
  for (uint32_t i = 0; i < m->n; i++) {
    if (i && !strcmp(m->tokens[i - 1]->pattern, m->tokens[i]->pattern))
      return ERR(e, "the added tokens %d and %d are both looked for as \"%.100s\"", (int)m->tokens[i - 1]->id,
                 (int)m->tokens[i]->id, m->tokens[i]->pattern);
    m->begins[(uint8_t)m->tokens[i]->pattern[0]] = true;
  }
  return true;
}

static bool is_content(const piece *p, uint64_t i, const uint8_t *content) {
  for (uint32_t k = piece_begin(p, i); content && k < piece_end(p, i); k++)
    if (content[k]) return true;
  return false;
}

// The first of the tokens low..high, which agree up to byte k, whose byte k is at least c.
static uint32_t bisect(const added_matcher *m, uint32_t low, uint32_t high, uint64_t k, unsigned c) {
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if ((uint8_t)m->tokens[middle]->pattern[k] < c) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The longest pattern that begins at p[at], of control tokens one that touches no content: the sorted patterns are narrowed byte
// by byte to those that agree with the text so far. One that ends there is the first of them.
static const added_token *longest_at(const added_matcher *m, const piece *p, uint64_t at, const uint8_t *content) {
  uint32_t low = 0, high = m->n;
  bool touched = false;
  const added_token *longest = NULL;
  for (uint64_t k = 0; low < high && at + k < p->n; k++) {
    touched = touched || is_content(p, at + k, content);
    uint8_t c = (uint8_t)p->s[at + k];
    low = bisect(m, low, high, k, c);
    high = bisect(m, low, high, k, c + 1u);
    if (low >= high || m->tokens[low]->pattern[k + 1]) continue;
    if (!touched || !m->tokens[low]->control) longest = m->tokens[low];
    low++;
  }
  return longest;
}

// The bytes of the character that ends at s[end]; end > 0, valid UTF-8.
static uint64_t last_character(const char *s, uint64_t end) {
  uint64_t n = 1;
  while (((unsigned char)s[end - n] & 0xC0) == 0x80) n++;
  return n;
}

// White_Space, as \s of Rust's regex.
static bool is_space(const char *s, uint64_t n) {
  uint32_t c = 0;
  utf8_decode(s, n, &c);
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static void strip(const piece *p, const uint8_t *content, const added_cursor *cursor, added_match *match) {
  while (match->token->lstrip && match->begin > cursor->covered) {
    uint64_t n = last_character(p->s, match->begin);
    if (!is_space(p->s + match->begin - n, n) || is_content(p, match->begin - n, content)) break;
    match->begin -= n;
  }
  // What an earlier token has stripped already is not taken twice.
  if (match->token->lstrip && match->begin < cursor->covered)
    match->begin = cursor->covered < match->end ? cursor->covered : match->end;
  while (match->token->rstrip && match->end < p->n) {
    if (!is_space(p->s + match->end, p->n - match->end) || is_content(p, match->end, content)) break;
    match->end += (uint64_t)utf8_decode(p->s + match->end, p->n - match->end, NULL);
  }
}

// Whether s[at..at+n), one character, belongs to words.
static bool in_word(const piece *p, uint64_t at, uint64_t n, const regex *word, regex_work *work, bool *result, err *e) {
  uint64_t begin, end;
  return regex_find(word, work, p->s + at, n, 0, result, &begin, &end, e);
}

static bool stands_alone(const piece *p, const added_match *match, const regex *word, regex_work *work, bool *result, err *e) {
  bool left = false, right = false;
  if (match->begin) {
    uint64_t n = last_character(p->s, match->begin);
    TRY(in_word(p, match->begin - n, n, word, work, &left, e));
  }
  if (match->end < p->n) {
    uint64_t n = (uint64_t)utf8_decode(p->s + match->end, p->n - match->end, NULL);
    TRY(in_word(p, match->end, n, word, work, &right, e));
  }
  *result = !left && !right;
  return true;
}

bool added_next(const added_matcher *m, const piece *p, const uint8_t *content, const regex *word, regex_work *work,
                added_cursor *cursor, bool *found, added_match *match, err *e) {
  *found = false;
  while (m->n && cursor->at < p->n) {
    const added_token *token = m->begins[(uint8_t)p->s[cursor->at]] ? longest_at(m, p, cursor->at, content) : NULL;
    if (!token) {
      cursor->at++;
      continue;
    }
    *match = (added_match){.token = token, .begin = cursor->at, .end = cursor->at + strlen(token->pattern)};
    match->last = match->end - 1;
    cursor->at = match->end;
    bool alone = true;
    if (token->single_word) TRY(stands_alone(p, match, word, work, &alone, e));
    if (!alone) continue;
    strip(p, token->control ? content : NULL, cursor, match);
    cursor->covered = match->end;
    *found = true;
    return true;
  }
  return true;
}
