#include "lib/types.h"

struct add_rmsnorm_params {
  uint rows, dim; // of a, b, their sum and y
  uint live;
  float eps;
};
