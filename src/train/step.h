// One optimizer step on the device: the recordings `micro` (forward, backward, gradients added) and `update` (norm,
// clipping, finite check, optimizer, clear), and what a step reports.
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "lib/step.h"
#include "models/batch.h"
#include "models/params.h"

typedef struct step_options {
  bool recompute; // gradient checkpointing: each layer's forward is computed again in backward
  float lora_dropout;
  uint64_t seed;
} step_options;

typedef struct step {
  gpu_device *device;
  batch *batch;
  params *params;
  graph *micro, *update;
  tensor *hyper, *state, *squares; // struct step_hyper, struct step_state, f32 [blocks]
  gpu_recording *micro_recording, *send_hyper, *update_recording;
  gpu_slice host_hyper, host_state, host_squares; // staging
} step;

// Builds and plans both graphs. The parameters must be laid out (params_layout).
step *step_new(arena *a, const model *m, batch *b, params *p, const step_options *options, uint32_t align);
uint64_t step_activation_bytes(const step *s);           // memory that both graphs share
uint64_t step_state_bytes(const step *s);                // its small persistent tensors
bool step_request(const step *s, gpu_device *d, err *e); // graph_request of both
// Gives memory and records. `activations` may be shared with other graphs that do not run at the same time.
bool step_record(step *s, gpu_device *d, gpu_slice activations, gpu_heap *device, gpu_heap *staging, err *e);
void step_free(step *s); // NULL is fine

// Runs one step over the rows; targets is the sum of the weights of their target tokens.
bool step_run(step *s, const pack_row *rows, uint32_t n_rows, uint64_t epoch, const struct step_hyper *hyper, err *e);
// Only the forward and backward of the rows: gradients are added to. For tests of gradients.
bool step_gradients(step *s, const pack_row *rows, uint32_t n_rows, uint64_t epoch, err *e);

// After step_run. The norms are before clipping, of the mean loss's gradient.
struct step_state step_result(const step *s);
double step_tensor_norm(const step *s, const trained *t, const struct step_hyper *hyper);
// The device's count of applied steps, for checkpoints.
bool step_set_applied(step *s, uint32_t applied, err *e);

#endif
