#include "lib/types.h"

struct cache_write_params {
  uint rows, row_size; // of x
  uint live;
};
