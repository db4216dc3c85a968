#include "lib/types.h"

struct split_params {
  uint rows, live;
  uint from, from_size; // the first column that is read, and the size of such a row
  uint to, to_size;     // the same of what is written
};
