#include "lib/types.h"

struct loss_sum_params {
  uint rows, live; // of loss
};
