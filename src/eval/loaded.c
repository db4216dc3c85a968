#include "eval/loaded.h"

#include <string.h>

#include "base/file.h"
#include "config/train_options.h"
#include "data/labels.h"
#include "models/classifier.h"
#include "models/dora.h"
#include "models/prompt_choice.h"
#include "models/trainable.h"

load_type loaded_type(vkift_weight_type type, const vkift_train_options *quantized) {
  const bool nf4 = quantized && quantized->quantize == VKIFT_NF4;
  return (load_type)type + (!nf4 ? 0 : quantized->double_quantization ? LOAD_NF4_DOUBLE : LOAD_NF4);
}

bool loaded_check_kind(const char *name, const model *m, bool classify, err *e) {
  if (classify || !m->labels.n) return true; // a language model may become a classifier
  text all = {0};
  labels_list(&m->labels, &all);
  ERR(e,
      "%s: this is a classifier with the labels %s: it says which label a text has, and writes none (vkift eval scores it, and "
      "keeps what it says; objective classify trains it further)",
      name, all.data);
  text_free(&all);
  return false;
}

const char *loaded_template(bool classify, const char *chat_template) {
  return classify ? "alpaca" : chat_template;
}

bool loaded_is_end(const loaded *l, int32_t id) {
  return model_is_eos(l->model, id) || (*l->prompt.end_of_turn && id == tokenizer_id(l->model->tokenizer, l->prompt.end_of_turn));
}

bool loaded_has_end(const loaded *l) {
  return l->model->config.n_eos || (*l->prompt.end_of_turn && tokenizer_id(l->model->tokenizer, l->prompt.end_of_turn) >= 0);
}

static bool resolve_run(arena *a, const vkift_source *source, loaded *l, const char **model_path, const char **adapter_path,
                        err *e) {
  const char *config = path_join(a, source->run, "config.yaml");
  if (!file_exists(config))
    return ERR(e, "%s: expected a run directory that vkift train wrote, found no config.yaml in it", source->run);
  l->run = vkift_train_defaults();
  TRY(train_options_read(a, config, &l->run, e));
  l->is_run = true;
  *model_path = l->run.model;
  *adapter_path = NULL;
  const char *name = train_options_output(&l->run), *output = path_join(a, source->run, name);
  l->trained = output;
  if (source->base) {
    if (l->run.init == VKIFT_INIT_RANDOM)
      return ERR(e, "%s: the run began with random weights: it has no base model", source->run);
    *adapter_path = l->run.adapter;
    return true;
  }
  if (!file_is_dir(output))
    return ERR(e, "%s: the run has not ended: no %s in it (go on with it: vkift train --resume %s)", source->run,
               path_name(output), source->run);
  if (strcmp(name, "adapter")) return *model_path = output, true;
  *adapter_path = output;
  if (file_exists(*model_path)) return true;
  return ERR(e,
             "%s: expected the base model of the run %s, found nothing: where it is now, give it with --model PATH --adapter %s",
             *model_path, source->run, output);
}

bool loaded_resolve(arena *a, const vkift_source *source, loaded *l, const char **model_path, const char **adapter_path, err *e) {
  if (source->run) return resolve_run(a, source, l, model_path, adapter_path, e);
  l->trained = source->adapter;
  *model_path = source->model;
  *adapter_path = source->base ? NULL : source->adapter;
  if (source->model) return true;
  e->usage = true;
  return ERR(e, "which model? Name a run directory, or give --model PATH");
}

bool loaded_prompt(arena *a, const vkift_source *source, loaded *l, err *e) {
  if (l->model->labels.n || (l->is_run && l->run.objective == VKIFT_CLASSIFY))
    return prompt_choose(a, l->model, loaded_template(true, NULL), &l->prompt, e);
  const char *template = source->chat_template;
  const char *own = l->trained ? path_join(a, l->trained, "chat_template.jinja") : NULL;
  if (!template && own && file_exists(own)) template = own;
  if (!template && l->is_run) template = l->run.chat_template; // of a run that has not ended
  return prompt_choose(a, l->model, template, &l->prompt, e);
}

// The labels of an adapter: those that stand beside it, else those given.
bool loaded_make_classifier(arena *a, loaded *l, const char *dir, const adapter_config *c, err *e) {
  strings labels;
  if (!c->classifier) return true;
  TRY(classifier_read_file(a, dir, &labels, e));
  if (!labels.n && l->model->labels.n) labels = l->model->labels;
  if (!labels.n) labels = l->labels;
  if (!labels.n)
    return ERR(e, "%s: this is an adapter of a classifier, and no labels.json is beside it: give its labels in order (--labels)",
               dir);
  if (l->model->labels.n && l->model->labels.n != labels.n)
    return ERR(e, "%s: the adapter has %u labels, the head of %s %u", dir, labels.n, l->model->path, l->model->labels.n);
  model_make_classifier(a, l->model, &labels);
  return true;
}

bool loaded_mark_trained(const loaded *l, err *e) {
  const vkift_train_options *o = l->is_run ? &l->run : l->quantized;
  return !o || o->method != VKIFT_FREEZE ||
         trainable_choose(l->model, o->trainable.items, (uint32_t)o->trainable.n, (uint32_t)o->trainable_layers, e);
}

static bool load_weights(arena *a, loaded *l, const char *from, bool as_run, load_type type, err *e) {
  adapter_config c = {.classifier = l->model->labels.n > 0};
  TRY(!from || (adapter_read_config(a, from, &c, e) && loaded_make_classifier(a, l, from, &c, e)));
  if (!adapter_choose_whole(a, l->model, &c, e)) return err_prefix(e, "%s", from);
  TRY((l->is_run && !as_run) || loaded_mark_trained(l, e));
  TRY(load_check(l->model, type, true, e));
  load_declare(a, l->model, NULL, false, type);
  if (from && !adapter_declare(a, l->model, &c, NULL, &l->adapter, e)) return err_prefix(e, "%s", from);
  TRY(load_allocate(l->model, l->heap, e) && load_upload(l->model, l->device, 0, e));
  if (!from) return true;
  return adapter_allocate(l->adapter, l->heap, e) && adapter_upload(l->adapter, from, 0, l->device, e) &&
         dora_compute_norms(l->model, l->device, e);
}

bool loaded_open(arena *a, const vkift_source *source, loaded *l, err *e) {
  *l = (loaded){.labels = l->labels, .quantized = l->quantized};
  const char *model_path, *adapter_path;
  TRY(loaded_resolve(a, source, l, &model_path, &adapter_path, e));
  TRY(model_open(a, model_path, false, &l->model, e));
  TRY(loaded_prompt(a, source, l, e));
  TRY(device_open(a, source->device, &l->device, e));
  l->heap = heap_new(l->device, "model", GPU_MEMORY_DEVICE);
  l->staging = heap_new(l->device, "host side of the model", GPU_MEMORY_STAGING);
  // A run is asked with the weights as it was trained on them.
  const bool as_run = l->is_run && source->weight_dtype == VKIFT_WEIGHT_AUTO;
  const vkift_train_options *quantized = l->is_run ? (as_run ? &l->run : NULL) : l->quantized;
  const load_type type = loaded_type(as_run ? l->run.weight_dtype : source->weight_dtype, quantized);
  return load_weights(a, l, adapter_path, as_run, type, e);
}

void loaded_close(loaded *l) {
  if (l->heap) heap_free(l->heap);
  if (l->staging) heap_free(l->staging);
  device_close(l->device);
  model_close(l->model);
  *l = (loaded){0};
}
