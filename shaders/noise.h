#include "lib/types.h"

struct noise_params {
  uint rows, row_size; // of x
  uint live;
  uint key_low, key_high; // of the random numbers
  float alpha;            // divided by √row_size
};
