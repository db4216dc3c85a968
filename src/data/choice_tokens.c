#include "data/choice_tokens.h"

#include <string.h>

#include "base/err.h"

enum { HEAD = 3 }; // words before the ids

static uint32_t shared_with(const int32_t *own, uint32_t own_n, const choice_sequence *s) {
  uint32_t n = 0;
  while (n < own_n && n < s->n && own[n] == s->ids[n]) n++;
  return n;
}

choice_tokens *choice_tokens_of(arena *a, const int32_t *own, uint32_t own_n, const choice_sequence *sequences, uint32_t n) {
  uint64_t words = 0;
  for (uint32_t i = 0; i < n; i++) words += HEAD + sequences[i].n - shared_with(own, own_n, &sequences[i]);
  REQUIRE(words <= UINT32_MAX / sizeof(int32_t), "%llu tokens of choices in one example", (unsigned long long)words);
  choice_tokens *c = arena_alloc(a, sizeof *c + words * sizeof *c->data);
  *c = (choice_tokens){.n = n, .n_words = (uint32_t)words};
  int32_t *at = c->data;
  for (uint32_t i = 0; i < n; i++) {
    const choice_sequence *s = &sequences[i];
    const uint32_t shared = shared_with(own, own_n, s), own_ids = s->n - shared;
    *at++ = (int32_t)s->n, *at++ = (int32_t)s->first, *at++ = (int32_t)shared;
    memcpy(at, s->ids + shared, own_ids * sizeof *at);
    at += own_ids;
  }
  return c;
}

choice_sequence choice_tokens_next(const choice_tokens *c, uint32_t *at) {
  const int32_t *word = c->data + *at;
  const choice_sequence s = {(uint32_t)word[0], (uint32_t)word[1], (uint32_t)word[2], word + HEAD};
  *at += HEAD + s.n - s.shared;
  return s;
}

bool choice_tokens_check(const choice_tokens *c, uint32_t own_n, uint32_t vocab_size) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < c->n; i++) {
    if (c->n_words - at < HEAD) return false;
    const choice_sequence s = choice_tokens_next(c, &(uint32_t){at});
    if (s.n > INT32_MAX || s.shared > s.n || s.shared > own_n || s.first > s.n || s.n - s.shared > c->n_words - at - HEAD)
      return false;
    for (uint32_t k = 0; k < s.n - s.shared; k++)
      if (s.ids[k] < 0 || (uint32_t)s.ids[k] >= vocab_size) return false;
    at += HEAD + s.n - s.shared;
  }
  return at == c->n_words;
}
