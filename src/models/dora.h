// The row lengths that DoRA divides by (model_lora.norms). They are constants of a step: gradients do not pass them (Liu et al.
// 2024, section 4.3), and they change only where A and B change.
#ifndef MODELS_DORA_H
#define MODELS_DORA_H

#include "models/model.h"

// Appends what computes the norms of all weights of the model with a magnitude; nothing where there are none.
void dora_append_norms(graph *g, const model *m);
// Computes them once: whenever A and B were uploaded. Nothing where there are none.
bool dora_compute_norms(const model *m, gpu_device *d, err *e);

#endif
