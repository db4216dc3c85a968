#include "lib/types.h"

struct swiglu_params {
  uint rows, row_size; // of gate, up and y
  uint live;
};
