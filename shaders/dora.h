#include "lib/types.h"

struct dora_params {
  uint rows, row_size; // of z and y
  uint live;
  uint chunk; // dora_dm: rows that one partial sum covers
};
