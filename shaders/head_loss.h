#include "lib/types.h"

struct head_loss_params {
  uint rows;     // of h
  uint first_id; // of the chunk
  uint n_ids;    // of the chunk; also the row stride of its logits
  uint last;     // 1: the vocabulary's last chunk
  uint live;
  float cap; // of logits: read where the kernel is compiled with one
};
