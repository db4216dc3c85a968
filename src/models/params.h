// What trains: f32 master weights with their gradient sums and optimizer state, in regions.
//
// A region is one piece of memory in each of several parallel tensors (weight, grad, m, v), cut into blocks of GRAD_BLOCK
// elements; every trained tensor begins at a block of its own. So the optimizer steps over all tensors at once, and a
// tensor's gradient norm is the sum over its blocks. Tensors that weight decay applies to come first in a region.
#ifndef MODELS_PARAMS_H
#define MODELS_PARAMS_H

#include "graph/graph.h"
#include "ops/ops.h"

// A trained tensor; or rows of one that no allocation can hold, whose pieces (tensor.pieces) stand one behind the other.
typedef struct trained {
  const char *name;                       // under which it is saved and its norm is logged: Hugging Face's or PEFT's
  tensor *t;                              // the master weight: needs_grad, with a grad_sum
  bool decay;                             // a matrix: weight decay applies
  bool head;                              // a classifier's, with a learning rate of its own
  uint32_t region, first_block, n_blocks; // first_block within the region
  uint32_t row, n_rows;                   // of t
} trained;

typedef struct params_region {
  tensor *weight, *grad;           // [n_blocks, GRAD_BLOCK]
  tensor *m, *v;                   // the same; or with moments of 8 bits i32 [n_blocks, GRAD_BLOCK / 4]
  tensor *scales;                  // of moments of 8 bits: [n_blocks, 8]; else NULL
  uint32_t n_blocks, decay_blocks; // the first decay_blocks take weight decay
  bool head;                       // a classifier's head, and nothing else
} params_region;

enum { PARAMS_8BIT_LEAST = 4096 }; // smaller tensors have moments of f32 in any case

typedef struct params {
  arena *memory;
  trained *items;
  uint64_t n, capacity; // the layout may make pieces of one
  params_region *regions;
  uint32_t n_regions, n_blocks; // n_blocks of all regions together
  uint64_t n_elements;          // trained numbers, without the padding to blocks
  bool moments_8bit;            // set before the layout: adamw_8bit
} params;

void params_init(params *p, arena *a);
// Registers a trained tensor: n_dims 1 [shape[0]] or 2. Norms and biases (n_dims 1) take no weight decay.
tensor *params_add(params *p, const char *name, uint32_t n_dims, const uint32_t *shape);
// Gives a registered tensor the head's learning rate, before the layout.
void params_set_head(params *p, const tensor *t);
// Lays the tensors out in regions, which get no memory yet. Once all tensors are there.
void params_layout(params *p, uint64_t max_chunk_bytes);
// Allocates the regions (zero-filled) and gives the tensors their memory. with_optimizer: also gradients and moments.
bool params_allocate(params *p, gpu_heap *heap, bool with_optimizer, err *e);
// After layout: what the regions take.
void params_bytes(const params *p, uint64_t *weights, uint64_t *gradients, uint64_t *optimizer);
// The part of a region's f32 weight, grad, m or v that belongs to one tensor.
gpu_slice params_slice(const trained *t, const tensor *of_region);
// Its blocks of any tensor of the region.
gpu_slice params_blocks(const trained *t, const tensor *of_region);

#endif
