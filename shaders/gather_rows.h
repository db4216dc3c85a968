#include "lib/types.h"

struct gather_rows_params {
  uint rows, row_size; // of the result
  uint live;           // of the result
};
