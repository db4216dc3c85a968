#include "lib/types.h"

struct adamw_8bit_params {
  uint n;          // parts of 256 elements in the bound window
  uint decay;      // 1: weight decay applies
  uint first_part; // of the window within the bound scales
};
