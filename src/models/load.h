// From files to the device: a model's weights, frozen or trained, and its adapter.
#ifndef MODELS_LOAD_H
#define MODELS_LOAD_H

#include "models/model.h"
#include "models/params.h"

// How frozen weights are kept. LOAD_NF4 or LOAD_NF4_DOUBLE is added to one of the others:
// linear weights become nf4, the rest is as the other says.
typedef enum load_type {
  LOAD_AUTO, // the file's 16-bit or quantized type, or f32
  LOAD_F32,
  LOAD_F16,
  LOAD_BF16,
  LOAD_Q8_0, // matrices are of this quantized type, in the order of base/dtype.h
  LOAD_Q6_K = LOAD_Q8_0 + DTYPE_Q6_K - DTYPE_Q8_0,
  LOAD_NF4 = 32,
  LOAD_NF4_DOUBLE = 64
} load_type;

// Whether a model can be kept so: a quantized type has whole blocks in each row. With `loaded`, also whether its file gives it:
// nothing is made by vkift but nf4, of 16 or 32 bits.
bool load_check(const model *m, load_type type, bool loaded, err *e);
// Declares the device tensors: with `train` (may be NULL) a parameter is registered there if `all` are, or an adapter has it
// whole, or it is a classifier's head; else it is frozen and kept in `type` (what an adapter has, and what is no matrix in blocks,
// f32). No memory yet.
void load_declare(arena *a, model *m, params *train, bool all, load_type type);
// Gives the frozen parameters their memory.
bool load_allocate(model *m, gpu_heap *heap, err *e);
// Uploads all parameters (those of `train` must have memory too).
bool load_upload(model *m, gpu_device *d, uint64_t seed, err *e);
// Gives a parameter these values, in Hugging Face's form and by the rows of its shape; of type F32 on the device. They are changed.
bool load_put(const model_param *p, gpu_device *d, float *values, err *e);
// A parameter's values as they are on the device now, in Hugging Face's form.
bool load_download(const model_param *p, gpu_device *d, float *out, err *e);
// A frozen parameter's values as the device has them with LOAD_NF4 in `type`, else as its file has them.
void load_read(const model *m, const model_param *p, load_type type, float *out);
// The rotary tables of positions [0, n): declares them, gives them memory, fills them for sequences of up to `longest` tokens.
void load_declare_rotary(arena *a, const model *m, uint32_t n, model_inputs *in);
bool load_allocate_rotary(const model_inputs *in, gpu_heap *heap, err *e);
bool load_rotary(const model *m, const model_inputs *in, uint32_t longest, gpu_device *d, err *e);

#endif
