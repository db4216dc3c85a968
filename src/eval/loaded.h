// A model ready to be asked: from a run directory, or a model and perhaps an adapter, on a device.
#ifndef EVAL_LOADED_H
#define EVAL_LOADED_H

#include "data/prompt.h"
#include "models/adapter.h"
#include "models/load.h"
#include "models/model.h"
#include "vkift.h"

typedef struct loaded {
  model *model;
  adapter *adapter; // NULL: none
  prompt_style prompt;
  gpu_device *device;
  gpu_heap *heap, *staging;
  vkift_train_options run; // of a run directory: its config.yaml
  bool is_run;
  strings labels; // set by the caller, before it is opened: of an adapter of a classifier without a file of them; else none
  const vkift_train_options *quantized; // likewise, where no run directory is named: as loaded_type's; NULL: nothing becomes nf4
  const char *trained; // directory of what was trained, with the template of its prompt: a run's result, an adapter; NULL: none
} loaded;

// Where a vkift_source's parts are: `model` and `adapter` (NULL: none), with the run's options where it names a run.
bool loaded_resolve(arena *a, const vkift_source *source, loaded *l, const char **model_path, const char **adapter_path, err *e);
// The prompt: --chat-template, else what the run or the adapter was trained with, else the model's, else Alpaca's. The
// base of a run or an adapter is asked as that is, so that the two can be compared.
bool loaded_prompt(arena *a, const vkift_source *source, loaded *l, err *e);
// All of it: opens the device and uploads weights and adapter.
bool loaded_open(arena *a, const vkift_source *source, loaded *l, err *e);
void loaded_close(loaded *l);
// Whether a model is what is asked for: a classifier, or a model that writes text. `name` begins the message.
bool loaded_check_kind(const char *name, const model *m, bool classify, err *e);
const char *loaded_template(bool classify, const char *chat_template); // a classifier reads texts as they stand: any will do
// Whether a token ends an answer: one of the model's ends, or the prompt's end of a turn.
bool loaded_is_end(const loaded *l, int32_t id);
bool loaded_has_end(const loaded *l); // whether there is such a token; without one answers go on as long as they may
// quantized: the options that say whether linear weights become nf4; NULL: they do not. Weight types are numbered as load_type's.
load_type loaded_type(vkift_weight_type type, const vkift_train_options *quantized);
// What method freeze trains is marked, so that it is not kept as frozen weights are: in training it is not. (An adapter says by
// itself what it has whole.)
bool loaded_mark_trained(const loaded *l, err *e);
// Of an adapter of a classifier, before its weights are declared: the model becomes one.
bool loaded_make_classifier(arena *a, loaded *l, const char *dir, const adapter_config *c, err *e);

#endif
