// One optimizer step's scalars, on the device so that nothing waits for the host inside a step. Included by C and GLSL.
#ifndef LIB_STEP_H
#define LIB_STEP_H
#include "lib/types.h"

// Written by the host before each step.
struct step_hyper {
  float learning_rate;
  float beta1, beta2;       // of AdamW
  float ln_beta1, ln_beta2; // their natural logarithms, taken in f64 by the host
  float epsilon, weight_decay;
  float max_grad_norm;      // 0: no clipping
  float inverse_targets;    // 1 / the sum of the weights of all target tokens of the step
  float head_learning_rate; // of a classifier's head, whose optimizer gets it as learning_rate
};

// Written by the device; `applied` is part of a checkpoint, the rest is read by the host after a step.
struct step_state {
  float loss_sum;   // Σ weight · token loss over the micro-batches so far; back to 0 at the step's end
  float loss;       // of the step: loss_sum · inverse_targets
  float grad_norm;  // before clipping
  float grad_scale; // gradient sums times this are what the optimizer takes: inverse_targets · min(1, max / (norm + 1e-6))
  uint finite;      // 1 when loss and norm are finite; with 0 the optimizer changes nothing
  uint applied;     // steps that changed the weights
  // Of preference pairs: Σ weight · β · log ratio of the chosen and of the rejected answer, Σ weight where the chosen one's is
  // the larger; then the step's means of them.
  float chosen_sum, rejected_sum, right_sum;
  float chosen, rejected, accuracy;
};

#endif
