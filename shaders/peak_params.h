// Parameters of the kernels that find a device's peaks, peak_*.comp (src/bench/peak.c).
#ifndef PEAK_PARAMS_H
#define PEAK_PARAMS_H
#include "lib/types.h"

struct peak_fma_params {
  uint rounds;
  float a, b;
};

struct peak_copy_params {
  uint n; // vectors of four
};

#endif
