// Measuring which variant of each matrix product is the fastest on a device (see gpu/gpu.h for where the choices are kept).
#ifndef OPS_TUNE_H
#define OPS_TUNE_H

#include "graph/graph.h"

// Measures what the graphs need and the device has no choice for yet, at most TUNE_ROWS tokens of each, and tells the device
// the fastest of each. say (may be NULL) is called before anything is measured, with the number of products.
enum { TUNE_ROWS = 512 };
bool tune_graphs(gpu_device *d, graph *const *graphs, uint32_t n, void (*say)(void *user, uint32_t n_products), void *user,
                 err *e);
// Multiply-adds of the matrix products in a graph, twice: floating-point operations.
double tune_product_flops(gpu_device *d, graph *const *graphs, uint32_t n);

#endif
