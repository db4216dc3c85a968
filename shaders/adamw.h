#include "lib/types.h"

struct adamw_params {
  uint n;     // elements in the bound window, a multiple of 1,024
  uint decay; // 1: weight decay applies
};
