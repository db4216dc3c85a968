// LoRA adapters: made, read and written as PEFT has them (formats.md: adapter_config.json and
// adapter_model.safetensors).
#ifndef MODELS_ADAPTER_H
#define MODELS_ADAPTER_H

#include "models/model.h"
#include "models/params.h"

typedef struct adapter_config {
  uint32_t r;
  double alpha, dropout;
  bool rslora, dora;
  bool fan_in_fan_out;        // the base keeps its linear weights as [in, out]; A and B are as ever
  const char *const *targets; // modules, "q_proj", or ends of their paths; n_targets 0: all of the family's linear layers
  uint32_t n_targets;
  const char *const *whole; // modules_to_save: "embed_tokens", "norm" (trainable_choose_modules); of a classifier always "score"
  uint32_t n_whole;
  bool classifier; // task_type SEQ_CLS
} adapter_config;

typedef struct adapter_entry {
  const char *a_name, *b_name, *m_name; // PEFT keys
  model_param *param;
  tensor *a, *b, *m; // m: the magnitude [out], NULL without DoRA
} adapter_entry;

// A parameter that the adapter has whole. A tied embedding stands in the file under both its names, as PEFT, which would
// untie the two otherwise, needs it.
typedef struct adapter_whole {
  const char *name; // PEFT key
  model_param *param;
} adapter_whole;

typedef struct adapter {
  adapter_config config;
  adapter_whole *whole;
  uint32_t n_whole;
  adapter_entry *entries;
  uint32_t n;
} adapter;

// Whether it is a name of a classifier's head in modules_to_save: PEFT lists "classifier" and "score", which some models call theirs.
bool adapter_names_head(const char *module);
// Marks what the adapter has whole (modules_to_save), before load_declare. Of a classifier the adapter must be one's too, and has
// its head.
bool adapter_choose_whole(arena *a, model *m, const adapter_config *config, err *e);
// Declares A [r, in] and B [out, r], with DoRA also m [out], beside every targeted weight of the model and hooks them in
// (model_param.lora).
// With `train` they are trained parameters there; else frozen ones, which adapter_allocate gives memory.
bool adapter_declare(arena *a, model *m, const adapter_config *config, params *train, adapter **out, err *e);
uint64_t adapter_elements(const adapter *ad);  // of all A, B and m
double adapter_scale(const adapter_config *c); // alpha / r, or alpha / √r for rsLoRA

// Reads adapter_config.json of a PEFT directory. What would change the result and is not known is refused by name.
bool adapter_read_config(arena *a, const char *dir, adapter_config *config, err *e);
// Opens adapter_model.safetensors of a PEFT directory, whose key set and shapes must be exactly the adapter's. Also after a
// failure: weights_close.
bool adapter_open_weights(arena *a, const adapter *ad, const char *dir, weights *w, err *e);
// The values of one of them in such a file, in Hugging Face's form and by the rows of the parameter's shape.
void adapter_read_whole(const adapter_whole *x, const weights *w, float *out);
// Gives A, B and m memory where they are frozen (trained ones have theirs from the parameters), and DoRA's norms theirs.
bool adapter_allocate(const adapter *ad, gpu_heap *heap, err *e);
// Uploads the values: from a PEFT directory, or with dir NULL fresh: A uniform in ±1/√in, B zero, m the lengths of W's rows.
// What it has whole is in place already (load_upload), and is only replaced. With DoRA the norms are to be computed next (dora_compute_norms).
bool adapter_upload(const adapter *ad, const char *dir, uint64_t seed, gpu_device *d, err *e);
// Writes both files into an existing directory. base_name: for base_model_name_or_path, never an absolute path.
bool adapter_write(const adapter *ad, const char *dir, const char *base_name, gpu_device *d, err *e);

#endif
