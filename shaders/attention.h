#include "lib/types.h"

struct attention_params {
  uint rows; // of q and o
  uint keys; // of k and v
  uint n_heads, n_kv_heads;
  uint live;        // of q
  float scale, cap; // cap of scores: read where the kernel is compiled with one
};
