#include "lib/types.h"

struct bias_params {
  uint rows, dim; // of x
  uint live;
  uint chunk; // bias_db: rows that one partial sum covers
};
