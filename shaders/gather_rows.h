#include "lib/types.h"

struct gather_rows_params {
  uint rows; // of the result
  uint live; // of the result
};
