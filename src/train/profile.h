// `--profile`: a Chrome trace (chrome://tracing, Perfetto) of one or two steps, from the host's clock and the device's own
// timestamps. The first step of a call compiles and measures, so the second and the third are taken, where there are so many.
#ifndef TRAIN_PROFILE_H
#define TRAIN_PROFILE_H

#include "gpu/gpu.h"

typedef struct profile_span {
  char name[48];
  double begin, end;
} profile_span;

typedef struct profile {
  arena *memory;
  const char *path;
  gpu_device *device;
  gpu_trace trace;
  uint64_t first, last; // steps of this call that are taken, 1-based
  profile_span *spans;  // of the host
  uint64_t n_spans, capacity;
} profile;

// Of a call that makes `n_steps` steps.
profile *profile_new(arena *a, const char *path, gpu_device *d, uint64_t n_steps);
// Around the step with this number in the call, and around what the host does in it. p NULL, or another step: nothing happens.
bool profile_takes(const profile *p, uint64_t step);
void profile_begin_step(profile *p, uint64_t step);
void profile_add(profile *p, uint64_t step, const char *name, double begin, double end);
// Behind the last one that is taken, the file is written, whole or not at all.
bool profile_end_step(profile *p, uint64_t step, err *e);

#endif
