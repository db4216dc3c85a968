#include "train/output.h"

#include "base/file.h"
#include "models/classifier.h"
#include "models/save.h"

typedef struct from_device {
  const model *model;
  gpu_device *device;
} from_device;

// What did not train stays as the file has it, whatever the device keeps it in.
static bool trained_values(void *user, const model_param *p, float *out, err *e) {
  const from_device *f = user;
  if (p->t->needs_grad) return tensor_download(p->t, f->device, out, e);
  return model_read_param(f->model, p, 0, out), true;
}

// The result is written beside and renamed, so that adapter/ or model/ is whole when it is there. One of an earlier end of
// this run is renamed away before it is taken apart, for the same reason.
bool output_write(arena *a, const char *run_dir, const model *m, const prompt_style *prompt, adapter *ad, gpu_device *d,
                  const char **output, err *e) {
  const char *name = ad ? "adapter" : "model";
  const char *beside = arena_printf(a, "%s/.%s.tmp", run_dir, name), *old = arena_printf(a, "%s/.%s.old", run_dir, name);
  *output = path_join(a, run_dir, name);
  TRY(!file_exists(beside) || dir_remove(beside, e)); // of a killed run, like `old`
  TRY(!file_exists(old) || dir_remove(old, e));
  TRY(dir_make(beside, e));
  if (ad) TRY(adapter_write(ad, beside, path_name(m->path), d, e) && save_tokenizer(m, prompt, beside, e));
  else TRY(save_model(m, prompt, beside, DTYPE_COUNT, trained_values, &(from_device){m, d}, e));
  if (ad && m->labels.n) TRY(classifier_write_file(beside, &m->labels, e));
  TRY(dir_sync(beside, e));
  TRY(!file_exists(*output) || dir_rename(*output, old, e));
  TRY(dir_rename(beside, *output, e));
  return !file_exists(old) || dir_remove(old, e);
}
