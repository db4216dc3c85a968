#include "data/pretokenize.h"

#include <string.h>

static bool apply(pretokenize_run *run, uint64_t step, const piece *p, err *e);

static bool part(pretokenize_run *run, uint64_t step, const piece *p, uint64_t from, uint64_t to, bool keep, err *e) {
  if (from == to || !keep) return true;
  piece slice = piece_slice(p, from, to);
  return apply(run, step + 1, &slice, e);
}

// The number of bytes of the character at s[i] of valid UTF-8.
static uint64_t character_bytes(const char *s, uint64_t i) {
  unsigned char c = (unsigned char)s[i];
  return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

static bool split(pretokenize_run *run, uint64_t step, const piece *p, err *e) {
  const pretokenize_step *s = &run->steps->steps[step];
  uint64_t done = 0; // all before has been passed on
  for (uint64_t from = 0; from <= p->n;) {
    bool found;
    uint64_t begin, end;
    TRY(regex_find(&s->pattern, &run->regex, p->s, p->n, from, &found, &begin, &end, e));
    if (!found) break;
    const bool empty = begin == end;
    if (s->keep == KEEP_JOINED) begin = done;
    TRY(part(run, step, p, done, begin, s->keep != KEEP_MATCHES, e));
    TRY(part(run, step, p, begin, end, s->keep != KEEP_GAPS, e));
    done = end;
    from = end;
    if (empty) from += end < p->n ? character_bytes(p->s, end) : 1;
  }
  return part(run, step, p, done, p->n, s->keep != KEEP_MATCHES, e);
}

static bool metaspace(pretokenize_run *run, uint64_t step, const piece *p, err *e) {
  const pretokenize_step *s = &run->steps->steps[step];
  uint64_t n = strlen(s->replacement);
  piece q = piece_replace(run->memory, p, " ", 1, s->replacement, n);
  bool prepend = s->prepend == METASPACE_ALWAYS || (s->prepend == METASPACE_FIRST && piece_begin(&q, 0) == 0);
  if (prepend && (q.n < n || memcmp(q.s, s->replacement, (size_t)n) != 0)) q = piece_prepend(run->memory, &q, s->replacement, n);
  uint64_t done = 0;
  for (uint64_t i = 1; s->split && i + n <= q.n; i++) {
    if (memcmp(q.s + i, s->replacement, (size_t)n) != 0) continue;
    TRY(part(run, step, &q, done, i, true, e));
    done = i;
  }
  return part(run, step, &q, done, q.n, true, e);
}

static bool apply(pretokenize_run *run, uint64_t step, const piece *p, err *e) {
  if (step == run->steps->n) return run->word(run->context, p, e);
  switch (run->steps->steps[step].kind) {
    case PRETOKENIZE_SPLIT: return split(run, step, p, e);
    case PRETOKENIZE_METASPACE: return metaspace(run, step, p, e);
    case PRETOKENIZE_PREFIX: {
      piece prefixed = p->s[0] == ' ' ? *p : piece_prepend(run->memory, p, " ", 1);
      return apply(run, step + 1, &prefixed, e);
    }
  }
  REQUIRE(false, "pre-tokenizer %d", (int)run->steps->steps[step].kind);
}

bool pretokenize(pretokenize_run *run, const piece *p, err *e) {
  return !p->n || apply(run, 0, p, e);
}
