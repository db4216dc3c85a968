#include "data/minhash.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "base/text.h"

// The functions differ by an offset before a multiplicative mix (constants: 2^64 / golden ratio; splitmix64's first).
static void add_run(minhash *m, uint64_t hash, bool first) {
  for (uint32_t k = 0; k < MINHASH_N; k++) {
    uint64_t x = hash + k * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 32) * UINT64_C(0xBF58476D1CE4E5B9);
    uint32_t value = (uint32_t)(x >> 32);
    if (first || value < m->least[k]) m->least[k] = value;
  }
}

// The last `n` words in their order.
static uint64_t run_hash(const minhash *m, uint64_t n) {
  uint64_t run[MINHASH_WORDS] = {0};
  for (uint64_t i = 0; i < n; i++) run[i] = m->last[(m->n - n + i) % MINHASH_WORDS];
  return XXH3_64bits(run, sizeof run);
}

void minhash_add_word(minhash *m, uint64_t hash) {
  m->last[m->n++ % MINHASH_WORDS] = hash;
  if (m->n >= MINHASH_WORDS) add_run(m, run_hash(m, MINHASH_WORDS), m->n == MINHASH_WORDS);
}

// Letters and digits of ASCII and all bytes beyond it.
static bool is_word(char c) {
  return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

// A character of a script that is written without spaces between words (Thai, Lao, Burmese, Khmer, and Chinese and Japanese) is a
// word by itself: its bytes; 0: it is none.
static int character_alone(const char *s) {
  uint32_t c;
  if ((unsigned char)*s < 0xE0) return 0;
  size_t left = 1;
  while (left < 4 && s[left]) left++;
  const int n = utf8_decode(s, left, &c);
  const bool alone = n > 1 && ((c >= 0x0E00 && c < 0x0F00) || (c >= 0x1000 && c < 0x10A0) || (c >= 0x1780 && c < 0x1800) ||
                               (c >= 0x2E80 && c < 0xAC00) || (c >= 0xF900 && c < 0xFB00) || (c >= 0x20000 && c < 0x40000));
  return alone ? n : 0;
}

static uint64_t add_byte(uint64_t hash, char c) { // FNV-1a
  return (hash ^ (unsigned char)tolower((unsigned char)c)) * UINT64_C(0x100000001B3);
}

void minhash_add_text(minhash *m, const char *s) {
  while (*s) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    const char *from = s;
    for (int alone = character_alone(s); alone > 0; alone--) hash = add_byte(hash, *s++);
    if (s == from)
      while (is_word(*s) && !character_alone(s)) hash = add_byte(hash, *s++);
    if (s > from) minhash_add_word(m, hash);
    else s++;
  }
}

void minhash_finish(minhash *m) {
  if (m->n < MINHASH_WORDS) add_run(m, run_hash(m, m->n), true);
}

double minhash_similarity(const uint32_t a[MINHASH_N], const uint32_t b[MINHASH_N]) {
  uint32_t same = 0;
  for (uint32_t k = 0; k < MINHASH_N; k++) same += a[k] == b[k];
  return (double)same / MINHASH_N;
}
