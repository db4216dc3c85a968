// From files to the device: a model's weights, frozen or trained, and its adapter.
#ifndef MODELS_LOAD_H
#define MODELS_LOAD_H

#include "models/model.h"
#include "models/params.h"

typedef enum load_type { LOAD_AUTO, LOAD_F32, LOAD_F16, LOAD_BF16 } load_type;

// Declares the device tensors: with `train` (may be NULL) a parameter is registered there if `all` are, or an adapter has it
// whole, or it is a classifier's head; else it is frozen and kept in `type` (AUTO: the file's 16-bit type, or f32; what an adapter has, always f32). No
// memory yet.
void load_declare(arena *a, model *m, params *train, bool all, load_type type);
// Gives the frozen parameters their memory.
bool load_allocate(model *m, gpu_heap *heap, err *e);
// Uploads all parameters (those of `train` must have memory too).
bool load_upload(model *m, gpu_device *d, uint64_t seed, err *e);
// Fills the rotary tables cos and sin, f32 [positions, head_dim / 2].
bool load_rotary(const model *m, tensor *cos, tensor *sin, gpu_device *d, err *e);

#endif
