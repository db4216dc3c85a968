// Parameters of the known-answer kernels check_*.comp (src/gpu/check.c).
#ifndef CHECK_H
#define CHECK_H
#include "lib/types.h"

struct check_params {
  uint n;      // elements
  float scale; // check_arith only
};

#endif
