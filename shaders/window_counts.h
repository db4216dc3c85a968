#include "lib/types.h"

struct window_counts_params {
  uint first, rows; // of the window
  uint at;          // its number
};
