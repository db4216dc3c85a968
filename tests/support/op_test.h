// Tests of operations: the same case on every lane. The chain of truth is
//   finite differences in f64 → the f64 reference's backward → the GPU,
// with a random upstream gradient, prime and off-by-one sizes, memory that starts as NaN, and comparisons that NaN fails.
//
// tests/ops/<op>_test.c defines `const op_suite <op>_suite` with its cases. ops_test runs them (tests/ops/main.c), and
// `ops_test coverage` fails when an operation of ops.def lacks a case it must have.
#ifndef SUPPORT_OP_TEST_H
#define SUPPORT_OP_TEST_H

#include "support/test.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "ops/ops.h"

// One running case: a fresh arena, graph, heap on the device that all cases share.
typedef struct op_test {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap;
  graph *graph;
  uint32_t counts[LIVE_COUNTS]; // indexed by tensor_live: set before op_test_run; UINT32_MAX (all rows) by default
  rng random;
} op_test;

typedef struct op_case {
  const char *name; // "prime sizes, f16 weight"
  bool backward;    // checks gradients too
  dtype storage;    // of the weight; F32 where the operation has none
  void (*run)(op_test *t, const void *shape);
  const void *shape;
} op_case;

typedef struct op_suite {
  const char *name;
  bool has_weight; // takes a weight of any type: cases for F32, F16 and BF16 must exist
  bool has_matrix; // a matrix, which may be of quantized types too: cases for each must exist
  const op_case *cases;
  uint32_t n_cases;
} op_suite;

// A persistent tensor on the device and its values in f64 as the device sees them (after rounding to its type).
typedef struct op_value {
  tensor *t;
  double *v; // [elements]
} op_value;

// Values from a normal distribution times `scale`; of a quantized type random blocks of about that scale.
op_value op_test_random(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        double scale);
// Given values (n = product of shape).
op_value op_test_values(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        const double *v);
// Given bytes, as the device has them.
op_value op_test_stored(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        const void *stored);
tensor *op_test_ints(op_test *t, const char *name, tensor_live live, uint32_t n_dims, const uint32_t *shape, const int32_t *v);
// Makes a tensor trained: needs_grad, and a grad_sum that starts at `start` everywhere (so that adding, not
// overwriting, is seen). Returns the grad_sum.
tensor *op_test_train(op_test *t, op_value *value, double start);
// Makes an input that wants a gradient without being a parameter: graph_gradient() gives it after backward.
void op_test_wants_gradient(op_value *value);
// x as a result of the graph (x + 0), which an operation may write over.
tensor *op_test_passed(op_test *t, tensor *x);
// y times the identity matrix: the same values; but the gradient of y is a result of the graph, which may be written over.
tensor *op_test_handed_on(op_test *t, tensor *y);
// After the run: in every node of that operation each output k with a bit in `outputs` lies where input k lies.
void op_test_in_place(const op_test *t, const char *op, uint32_t outputs);

// Plans (fills the arena with NaN), records, runs. Asserts that no validation message came.
void op_test_run(op_test *t);
// A tensor's values after the run; [elements], from the case's arena. Mark results with tensor->keep before the run.
double *op_test_read(op_test *t, const tensor *tensor_);

// |got − want| ≤ tolerance · max(1, max |want|) for every element of the first n, and no NaN; prints the worst element.
void op_test_close(const char *what, const double *got, const double *want, uint64_t n, double tolerance);

// The f64 reference of an operation seen as a function of `n_in` real arrays to one.
typedef struct op_reference {
  uint32_t n_in;
  uint64_t in_size[8], out_size;
  const void *context;
  void (*forward)(const void *context, double *const *in, double *out);
  // Adds to din[i] (zeroed by the caller) the gradient for upstream dout.
  void (*backward)(const void *context, double *const *in, const double *dout, double *const *din);
} op_reference;

// Checks backward against central finite differences of forward along random directions (relative error at most 1e-7).
void op_reference_check(op_test *t, const op_reference *r, double *const *in);

// The usual case, whole: reference checked by finite differences; the graph with result `y` run forward and backward
// with a random upstream gradient; result and every gradient compared. inputs[i] pairs with reference input i and its
// gradient is compared where the tensor needs one (a grad_sum is expected to be start + gradient; start as given to
// op_test_train, here 0.5 by convention). Call after building the forward; live rows: only the first `live_out` elements
// of y and live elements of gradients are compared: pass in_live[i] = number of leading elements that are live (0: all).
void op_test_check(op_test *t, const op_reference *r, tensor *y, op_value *inputs, const uint64_t *in_live, uint64_t live_out,
                   double tolerance);

// Cases of each type of weights in blocks, made by BLOCKS(type, name, elements of a block); nf4 with two levels is a matter of its own.
#define OP_TEST_BLOCK_TYPES(BLOCKS)                                                                    \
  BLOCKS(DTYPE_Q8_0, "q8_0", 32), BLOCKS(DTYPE_Q4_0, "q4_0", 32), BLOCKS(DTYPE_Q4_1, "q4_1", 32),      \
      BLOCKS(DTYPE_Q5_0, "q5_0", 32), BLOCKS(DTYPE_Q5_1, "q5_1", 32), BLOCKS(DTYPE_Q4_K, "q4_k", 256), \
      BLOCKS(DTYPE_Q5_K, "q5_k", 256), BLOCKS(DTYPE_Q6_K, "q6_k", 256), BLOCKS(DTYPE_NF4, "nf4", 64)

#endif
