// Which examples of a data set are taken for something: each draws a number that depends on the seed, on what it is for and on its
// index alone, and those with the lowest numbers are taken. So it does not matter which others there are.
#ifndef DATA_DRAW_H
#define DATA_DRAW_H

#include <stdint.h>

// What numbers are drawn for; formats_pairs.c draws instances with 1.
enum { DRAW_SPLIT = 0, DRAW_LIMIT = 2, DRAW_EVAL, DRAW_VALID };

typedef struct draw {
  uint64_t key, i; // i: the example's place in its set
  uint32_t task;   // 0, where tasks do not count
} draw;

uint64_t draw_key(uint64_t seed, uint32_t index, uint32_t purpose);
// For qsort: by task, then key, then place.
int draw_order(const void *a, const void *b);

#endif
