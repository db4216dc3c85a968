// LoRA adapters: made, read and written as PEFT has them (formats.md: adapter_config.json and
// adapter_model.safetensors).
#ifndef MODELS_ADAPTER_H
#define MODELS_ADAPTER_H

#include "models/model.h"
#include "models/params.h"

typedef struct adapter_config {
  uint32_t r;
  double alpha, dropout;
  bool rslora;
  const char *const *targets; // modules, "q_proj"; n_targets 0: all seven projections
  uint32_t n_targets;
} adapter_config;

typedef struct adapter_entry {
  const char *a_name, *b_name; // PEFT keys
  model_param *param;
  tensor *a, *b;
} adapter_entry;

typedef struct adapter {
  adapter_config config;
  adapter_entry *entries;
  uint32_t n;
} adapter;

// Declares A [r, in] and B [out, r] beside every targeted weight of the model and hooks them in (model_param.lora).
// With `train` they are trained parameters there; else frozen ones, which adapter_upload gives memory.
bool adapter_declare(arena *a, model *m, const adapter_config *config, params *train, adapter **out, err *e);
double adapter_scale(const adapter_config *c); // alpha / r, or alpha / √r for rsLoRA

// Reads adapter_config.json of a PEFT directory. What would change the result and is not known is refused by name.
bool adapter_read_config(arena *a, const char *dir, adapter_config *config, err *e);
// Opens adapter_model.safetensors of a PEFT directory, whose key set and shapes must be exactly the adapter's. Also after a
// failure: weights_close.
bool adapter_open_weights(arena *a, const adapter *ad, const char *dir, weights *w, err *e);
// Allocates frozen tensors (heap; trained ones have memory already) and uploads the values: from a PEFT directory, or
// with dir NULL fresh: A uniform in ±1/√in, B zero.
bool adapter_upload(const adapter *ad, const char *dir, uint64_t seed, gpu_device *d, gpu_heap *heap, err *e);
// Writes both files into an existing directory. base_name: for base_model_name_or_path, never an absolute path.
bool adapter_write(const adapter *ad, const char *dir, const char *base_name, gpu_device *d, err *e);

#endif
