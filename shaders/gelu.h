#include "lib/types.h"

struct gelu_params {
  uint rows, row_size; // of x
  uint live;
};
