// Measuring which variant of each matrix product is the fastest on a device (see gpu/gpu.h for where the choices are kept).
#ifndef OPS_TUNE_H
#define OPS_TUNE_H

#include "graph/graph.h"

// Measures what the graphs need and the device has no choice for yet, at most TUNE_ROWS tokens of each, and tells the device
// the fastest of each. After TUNE_SECONDS those that are left keep their default, until the next time.
// Of weight gradients whose tokens may be split, TUNE_SPLIT_TOKENS: on fewer it pays less.
enum { TUNE_ROWS = 512, TUNE_SPLIT_TOKENS = 2048, TUNE_SECONDS = 25 };
bool tune_graphs(gpu_device *d, graph *const *graphs, uint32_t n, err *e);
// The choices that the device has for what the graphs need, "problem = variant" each; returns how many.
uint64_t tune_choices(arena *a, gpu_device *d, graph *const *graphs, uint32_t n, const char *const **lines);
// Multiply-adds of the matrix products in a graph, twice: floating-point operations.
double tune_product_flops(gpu_device *d, graph *const *graphs, uint32_t n);

#endif
