// What measures operations: a small graph of one operation, perhaps with its backward, on random data, each of whose nodes
// can be recorded and run by itself.
//
//   rig_open → rig_tensor, rig_ints (persistent tensors), op builders on rig->graph, graph_backward → rig_ready → rig_record
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include "graph/graph.h"

typedef struct rig {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  bool tune; // rig_ready measures the kernels that its products may take, as training does, where that has not been done yet
  graph *graph;
  gpu_recording *whole; // all nodes
  struct rig_content *contents;
} rig;

void rig_open(gpu_device *d, rig *r);
void rig_close(rig *r); // also after a failure

// Persistent tensors: random numbers between −1 and 1, and given integers (copied).
tensor *rig_tensor(rig *r, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape);
tensor *rig_ints(rig *r, const char *name, tensor_live live, uint32_t n_dims, const uint32_t *shape, const int32_t *values);
// Of any type from bytes (copied), 32-bit elements: for small structs.
tensor *rig_words(rig *r, const char *name, uint32_t n, const void *words);
// Trained, with a gradient sum.
tensor *rig_weight(rig *r, const char *name, uint32_t n_dims, const uint32_t *shape);
// Keeps y, appends its backward for a random upstream gradient, and keeps the gradients of x[n] (marked as wanting one).
void rig_backward(rig *r, tensor *y, tensor *const *x, uint32_t n);

// Plans, allocates, fills, and runs all once, so that every tensor holds what it will hold. All rows are live.
bool rig_ready(rig *r, err *e);

// A recording of one node, timed by the device where it can. The caller frees it, before rig_close.
bool rig_record(rig *r, const node *n, gpu_recording **recording, err *e);

// The kernels of a recording with their constants, "matmul_tile 256,4,4,0,1,0", several joined by " + "; in the rig's memory.
const char *rig_kernels(const rig *r, const gpu_recording *recording);

#endif
