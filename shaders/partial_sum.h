#include "lib/types.h"

struct partial_sum_params {
  uint chunks, dim; // of partial
};
