// How alike two texts are, from a few numbers of each (Broder, "On the resemblance and containment of documents", 1997).
// A text is the set of its runs of five words, letters in lower case, and of each of MINHASH_N hash functions the least
// value over that set is kept: the share of functions on which two texts agree estimates |A ∩ B| / |A ∪ B|, with a standard
// error below 0.063.
#ifndef DATA_MINHASH_H
#define DATA_MINHASH_H

#include <stdint.h>

enum { MINHASH_N = 64, MINHASH_WORDS = 5 };

// Zero-initialise; add texts or numbers in order; finish.
typedef struct minhash {
  uint32_t least[MINHASH_N];
  uint64_t last[MINHASH_WORDS]; // hashes of the last words: word i at i % MINHASH_WORDS
  uint64_t n;                   // words so far
} minhash;

void minhash_add_word(minhash *m, uint64_t hash);
void minhash_add_text(minhash *m, const char *s);
void minhash_finish(minhash *m); // fewer than five words count as one run

double minhash_similarity(const uint32_t a[MINHASH_N], const uint32_t b[MINHASH_N]);

#endif
