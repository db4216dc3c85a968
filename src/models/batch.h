// One packed row on its way to the device: fixed device buffers that every recording reads, and a ring of host slots that
// small recordings copy into them.
#ifndef MODELS_BATCH_H
#define MODELS_BATCH_H

#include "data/pack.h"
#include "models/model.h"

enum { BATCH_SLOTS = 8 };

typedef struct batch {
  pack_limits limits;
  uint32_t window;                            // sliding window of the model's attention, 0: none
  bool mixed;                                 // of some layers only
  bool places;                                // the model has a table of positions
  uint32_t longest;                           // example, as far as it matters (model_rotary_tables); may be set before batch_open
  model_inputs in;                            // what the forward reads
  tensor *target_rows, *target_ids, *inverse; // i32 [T], [T], [N]
  tensor *target_weights;                     // f32 [T]: each row's share in the loss; the upstream gradient of the head
  packed_row host[BATCH_SLOTS];               // where the host writes
  gpu_recording *upload[BATCH_SLOTS];         // copies a slot to the device
  bool timed;                                 // set before batch_allocate: the device stamps the uploads
  gpu_slice memory;
  uint64_t bytes;
} batch;

// The most tokens that one row may have on a device: a binding holds a whole activation of the model's width (those of the MLP
// are bound in windows of rows), an allocation holds the widest one, and no dispatch has more than 65,535 groups along an
// axis, each for a token or more.
uint32_t batch_most_tokens(const model *m, const gpu_plan *limits);
// Up to a whole step of capacities.
uint64_t batch_round(uint64_t tokens);
// The capacity for rows of about `want` tokens: at least the longest example, in whole steps where the device has room.
bool batch_capacity(const model *m, const gpu_plan *limits, uint64_t want, uint32_t longest, uint32_t *capacity, err *e);

// Declares the tensors of a row with the given capacities, and the rotary tables of positions [0, n_positions).
batch *batch_new(arena *a, const model *m, const pack_limits *limits, uint32_t n_positions);
// Gives the tensors their memory on the device; then batch_open makes the host's side and fills the tables.
bool batch_allocate(batch *b, gpu_heap *heap, err *e);
bool batch_open(batch *b, const model *m, gpu_device *d, gpu_heap *staging, err *e);
void batch_free(batch *b); // its recordings; memory goes with the heaps
// Writes a row into a slot; the caller runs upload[slot] before what reads it.
void batch_put(batch *b, uint32_t slot, const pack_row *row, uint64_t epoch);

#endif
