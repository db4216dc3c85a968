#include "lib/types.h"

struct add_params {
  uint rows, row_size; // of a, b and y
  uint live;
};
