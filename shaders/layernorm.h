#include "lib/types.h"

struct layernorm_params {
  uint rows, dim; // of x
  uint live;
  float eps;
  uint chunk; // layernorm_dw: rows that one partial sum covers
};
