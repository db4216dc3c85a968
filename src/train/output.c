#include "train/output.h"

#include "base/file.h"
#include "models/classifier.h"
#include "models/load.h"
#include "models/save.h"

typedef struct trained_model {
  const model *m;
  gpu_device *device;
} trained_model;

// What does not train is written as the file has it: on the device it may be of another type.
static bool values_of(void *user, const model_param *p, float *out, err *e) {
  const trained_model *t = user;
  if (p->t->needs_grad) return load_download(p, t->device, out, e);
  model_read_param(t->m, p, 0, out);
  return true;
}

// The result is written beside and renamed, so that adapter/ or model/ is whole when it is there. One of an earlier end of
// this run is renamed away before it is taken apart, for the same reason.
bool output_write(arena *a, const char *run_dir, const model *m, const prompt_style *prompt, adapter *ad, const card_run *card,
                  gpu_device *d, const char **output, err *e) {
  const char *name = ad ? "adapter" : "model";
  const char *beside = arena_printf(a, "%s/.%s.tmp", run_dir, name), *old = arena_printf(a, "%s/.%s.old", run_dir, name);
  *output = path_join(a, run_dir, name);
  TRY(!file_exists(beside) || dir_remove(beside, e)); // of a killed run, like `old`
  TRY(!file_exists(old) || dir_remove(old, e));
  TRY(dir_make(beside, e));
  if (ad) TRY(adapter_write(ad, beside, path_name(m->path), d, e) && save_tokenizer(m, prompt, beside, e));
  else TRY(save_model(m, prompt, beside, DTYPE_COUNT, values_of, &(trained_model){m, d}, e));
  if (ad && m->labels.n) TRY(classifier_write_file(beside, &m->labels, e));
  TRY(card_write(card, beside, e) && dir_sync(beside, e));
  TRY(!file_exists(*output) || dir_rename(*output, old, e));
  TRY(dir_rename(beside, *output, e));
  return !file_exists(old) || dir_remove(old, e);
}
