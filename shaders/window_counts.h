#include "lib/types.h"

#define WINDOW_COUNTS 5 // LIVE_COUNTS

struct window_counts_params {
  uint first, rows; // of the window
  uint at;          // its number
};
