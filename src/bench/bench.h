// What `vkift bench` measures: the device's peaks, each kernel at a model's shapes, a whole training step.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "bench/rig.h"
#include "gpu/gpu.h"
#include "models/model.h"
#include "vkift.h"

// The most that the device did: multiply-adds in registers, a streaming copy.
typedef struct bench_peak {
  double flops, bytes; // per second
} bench_peak;

typedef struct bench {
  arena *memory;
  gpu_device *device;
  const vkift_bench_options *options;
  void (*figure)(void *user, const vkift_bench_figure *figure);
  void *user;
  bench_peak peak;
} bench;

// One measurement, handed on with its share of the peaks: the larger of the two shares. flops, bytes: of one run; 0 where
// they say nothing. Nothing happens where the filter leaves it out.
void bench_report(const bench *b, const char *name, const char *shape, const char *variant, double flops, double bytes,
                  const measured *m);
// Whether the device can take so many rows of the model at all.
bool bench_rows_fit(const bench *b, const model *m, err *e);
bool bench_wants(const bench *b, const char *name, const char *shape); // whether the filter lets it through

bool peak_measure(bench *b, err *e); // always, since all others are shares of them
bool kernels_measure(bench *b, const model_config *c, err *e);
bool variants_measure(bench *b, const model_config *c, err *e); // the products of linears, named as their nodes
bool copies_measure(bench *b, err *e);
// The shapes [in, out] of the model's projections, each once; how many.
uint32_t bench_linear_shapes(const model_config *c, uint32_t out[5][2]);
bool train_step_check(const bench *b, model *m, err *e); // whether the device has room for it
bool decode_measure(bench *b, model *m, err *e);         // a prefill and steps of generation
bool train_step_measure(bench *b, model *m, err *e);

// The model whose shapes are measured: that of the options, else one like SmolLM2-135M. model_close it.
bool bench_model(arena *a, const char *path, model **m, err *e);

#endif
