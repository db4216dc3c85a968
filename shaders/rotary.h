#include "lib/types.h"

struct rotary_params {
  uint rows; // of x
  uint live;
  float sign; // 1 forward; −1 backward: turns by the negative angle
};
