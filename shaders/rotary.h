#include "lib/types.h"

struct rotary_params {
  uint rows;
  uint rotary_dim; // features of a head that turn; the others pass
  uint head_dim;
  uint live;
  float sign; // 1 forward; −1 backward: turns by the negative angle
};
