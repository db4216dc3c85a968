#include "lib/types.h"

struct dropout_params {
  uint rows, row_size; // of x
  uint live;
  uint key_low, key_high; // of the random numbers: seed and module
  uint threshold;         // p · 2^32: an element stays where its random word is at least this
  float scale;            // 1 / (1 − p); of the rest −p / (1 − p)
};
