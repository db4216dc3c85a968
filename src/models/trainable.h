// Parameters that train whole while the rest of the model stays frozen: chosen by the patterns of method freeze, or by
// modules_to_save beside an adapter.
#ifndef MODELS_TRAINABLE_H
#define MODELS_TRAINABLE_H

#include "models/model.h"

// Marks (model_param.whole) the parameters that any of the patterns names, and those of the last n_layers layers. A pattern
// names a parameter ("model.norm.weight"), all that lies in a module by its path ("model.layers.29") or every module by its
// name ("q_proj", "mlp"); in it "*" stands for any characters, "?" for one. A pattern that names nothing is an error.
bool trainable_choose(model *m, const char *const *patterns, uint32_t n_patterns, uint32_t n_layers, err *e);

// Marks the parameters of the modules whose paths end in one of these names, as PEFT reads modules_to_save: "norm" is also
// every "input_layernorm". Modules that hold others are refused. With a tied embedding both its names have to be there.
bool trainable_choose_modules(model *m, const char *const *names, uint32_t n, err *e);

// Whether the embedding is among what these patterns, or modules to save, name.
bool trainable_has_embedding(const model *m, const char *const *patterns, size_t n);
bool trainable_saves_embedding(const model *m, const char *const *names, size_t n);

// The path of a parameter's module: "model.norm" of "model.norm.weight". Its length within the name.
size_t trainable_path_length(const model_param *p);

#endif
