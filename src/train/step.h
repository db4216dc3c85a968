// One optimizer step on the device: the recordings `micro` (forward, backward, gradients added) and `update` (norm,
// clipping, finite check, optimizer, clear; with DoRA the norms of what that made), and what a step reports.
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "lib/step.h"
#include "models/batch.h"
#include "models/params.h"

typedef struct step_options {
  bool timed;                // for a profile: the device stamps every command
  graph_recompute recompute; // gradient checkpointing
  float lora_dropout, neftune_alpha;
  uint64_t seed;
  const dpo_options *dpo; // the loss is that of the rows' pairs; NULL: that of their targets
} step_options;

typedef struct step {
  gpu_device *device;
  batch *batch;
  params *params;
  bool timed;
  graph *micro, *update;
  tensor *hyper, *state, *squares; // struct step_hyper, struct step_state, f32 [blocks]
  tensor *head_hyper;              // struct step_hyper of a classifier's head, with its learning rate; NULL: there is none
  tensor *codes;                   // of adamw_8bit; NULL where nothing has moments of 8 bits
  gpu_recording *micro_recording, *send_hyper, *update_recording;
  gpu_slice host_hyper, host_head_hyper, host_state, host_squares; // staging
} step;

// Builds and plans both graphs. The parameters must be laid out (params_layout).
step *step_new(arena *a, const model *m, batch *b, params *p, const step_options *options, const gpu_plan *limits);
bool step_allocate(step *s, gpu_heap *heap, err *e);     // its small persistent tensors
bool step_request(const step *s, gpu_device *d, err *e); // graph_request of both
// Records. `activations` may be shared with other graphs that do not run at the same time.
bool step_record(step *s, gpu_device *d, const graph_memory *activations, gpu_heap *staging, err *e);
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
