#include "lib/types.h"

struct rmsnorm_params {
  uint rows, dim; // of x
  uint live;
  float eps;
  uint chunk; // rmsnorm_dw: rows that one partial sum covers
};
