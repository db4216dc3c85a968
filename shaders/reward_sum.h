#include "lib/types.h"

struct reward_sum_params {
  uint rows, live; // of rewards
};
