#include "lib/types.h"

struct dora_norm_params {
  uint rows, rank; // of B
  float scale;
};
