#include "lib/types.h"

struct rmsnorm_params {
  uint rows, dim; // of x; dim: of the weight
  uint heads;     // stretches of dim elements that a row of x has, each normalised by itself
  uint live;
  float eps;
  uint chunk; // rmsnorm_dw: stretches that one partial sum covers
};
