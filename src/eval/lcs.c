// The rows of the table of lengths differ by 0 or 1 from one column to the next, so a row is a bit for each column
// (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004). V: 1 where two neighbours are equal. With M, the places of y's
// symbol in x:
//
//   U = V & M        V = (V + U) | (V & ~M)        length: the zeros of V at the end
//
// M is made for each row of the places of its symbol; those that have many are few, and keep theirs. So memory stays n + m
// whatever the symbols.
#include "eval/lcs.h"

#include <string.h>

typedef struct places {
  uint64_t *begin; // [symbols + 1]: of each symbol in `at`
  uint32_t *at;    // [n], ascending for each symbol
  uint64_t **kept; // [symbols]: M of the frequent ones, else NULL
} places;

static uint32_t largest(const uint32_t *s, uint64_t n) {
  uint32_t most = 0;
  for (uint64_t i = 0; i < n; i++)
    if (most < s[i]) most = s[i];
  return most;
}

static places find_places(arena *a, const uint32_t *x, uint64_t n, uint32_t n_symbols, uint64_t n_words) {
  places p = {.begin = ARENA_ARRAY(a, uint64_t, (uint64_t)n_symbols + 2),
              .at = ARENA_ARRAY(a, uint32_t, n),
              .kept = ARENA_ARRAY(a, uint64_t *, (uint64_t)n_symbols + 1)};
  uint64_t *next = ARENA_ARRAY(a, uint64_t, (uint64_t)n_symbols + 2);
  for (uint64_t i = 0; i < n; i++) p.begin[x[i] + 1]++;
  for (uint32_t s = 0; s <= n_symbols; s++) p.begin[s + 1] += p.begin[s];
  memcpy(next, p.begin, ((uint64_t)n_symbols + 2) * sizeof *next);
  for (uint64_t i = 0; i < n; i++) p.at[next[x[i]]++] = (uint32_t)i;
  for (uint32_t s = 0; s <= n_symbols; s++) {
    if (p.begin[s + 1] - p.begin[s] <= n_words) continue;
    p.kept[s] = ARENA_ARRAY(a, uint64_t, n_words);
    for (uint64_t i = p.begin[s]; i < p.begin[s + 1]; i++) p.kept[s][p.at[i] / 64] |= UINT64_C(1) << p.at[i] % 64;
  }
  return p;
}

// One row, from the first word that M is in.
static void advance(uint64_t *v, const uint64_t *m, uint64_t first, uint64_t n_words) {
  uint64_t carry = 0;
  for (uint64_t i = first; i < n_words; i++) {
    const uint64_t u = v[i] & m[i], sum = v[i] + u, with = sum + carry;
    carry = (uint64_t)(sum < u) | (uint64_t)(with < sum);
    v[i] = with | (v[i] & ~m[i]);
  }
}

static uint64_t common(arena *a, const uint32_t *x, uint64_t n, const uint32_t *y, uint64_t m) {
  const uint64_t n_words = (n + 63) / 64;
  const uint32_t n_symbols = largest(x, n);
  const places p = find_places(a, x, n, n_symbols, n_words);
  uint64_t *v = ARENA_ARRAY(a, uint64_t, n_words), *row = ARENA_ARRAY(a, uint64_t, n_words);
  memset(v, 0xFF, n_words * sizeof *v);
  for (uint64_t j = 0; j < m; j++) {
    const uint32_t s = y[j];
    if (s > n_symbols || p.begin[s] == p.begin[s + 1]) continue;
    const uint64_t first = p.at[p.begin[s]] / 64;
    if (p.kept[s]) {
      advance(v, p.kept[s], first, n_words);
      continue;
    }
    for (uint64_t i = p.begin[s]; i < p.begin[s + 1]; i++) row[p.at[i] / 64] |= UINT64_C(1) << p.at[i] % 64;
    advance(v, row, first, n_words);
    for (uint64_t i = p.begin[s]; i < p.begin[s + 1]; i++) row[p.at[i] / 64] = 0;
  }
  uint64_t length = 0;
  for (uint64_t i = 0; i < n; i++) length += !(v[i / 64] >> i % 64 & 1);
  return length;
}

uint64_t lcs_length(arena *a, const symbol_list *x, const symbol_list *y) {
  uint64_t begin = 0, n = x->n, m = y->n;
  while (begin < n && begin < m && x->items[begin] == y->items[begin]) begin++;
  while (n > begin && m > begin && x->items[n - 1] == y->items[m - 1]) n--, m--;
  const uint64_t equal = begin + (x->n - n);
  if (n == begin || m == begin) return equal;
  const uint32_t *s = x->items + begin, *t = y->items + begin;
  return equal + (n < m ? common(a, s, n - begin, t, m - begin) : common(a, t, m - begin, s, n - begin));
}
