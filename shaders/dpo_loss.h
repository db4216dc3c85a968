#include "lib/types.h"

struct dpo_loss_params {
  uint rows, live; // of the pairs; backward: of the targets
  float beta, label_smoothing;
  uint normalised; // 1: log ratios are divided by the answers' lengths
};
