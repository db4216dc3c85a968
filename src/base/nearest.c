#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 48 };

static char folded(char c) {
  if (c == '-') return '_';
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b) {
  return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  if (n > LONGEST || m > LONGEST) return LONGEST;
  unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= m; j++) last[j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    now[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      char x = folded(a[i - 1]), y = folded(b[j - 1]);
      now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
      bool swapped = i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]);
      if (swapped) now[j] = least(now[j], before[j - 2] + 1);
    }
    unsigned *oldest = before;
    before = last, last = now, now = oldest;
  }
  return last[m];
}

unsigned nearest_tolerance(const char *given) {
  unsigned third = (unsigned)strlen(given) / 3;
  return third < 1 ? 1 : third > 4 ? 4 : third;
}

const char *nearest_name(const char *const *names, const char *given) {
  const char *nearest = NULL;
  unsigned best = nearest_tolerance(given) + 1;
  for (; *names; names++) {
    unsigned d = nearest_distance(*names, given);
    if (d < best) best = d, nearest = *names;
  }
  return nearest;
}
