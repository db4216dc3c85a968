// W' = W + s · B A, or what the adapter has whole, computed in f32 on the host, one parameter at a time. A quantized W is its
// values in f32: what is written is never quantized.
#include "eval/merge.h"

#include <string.h>

#include "base/file.h"
#include "eval/loaded.h"
#include "models/save.h"

typedef struct merging {
  loaded loaded;
  weights file; // the adapter's tensors
  float scale;
} merging;

static const char *whole_name(const adapter *ad, const model_param *p) {
  for (uint32_t i = 0; ad && i < ad->n_whole; i++)
    if (ad->whole[i].param == p) return ad->whole[i].name;
  return NULL;
}

// [rows, cols] values of one of the adapter's tensors.
static float *read_tensor(const merging *w, arena *a, const tensor *t) {
  const weight *x = weights_find(&w->file, t->name);
  float *values = ARENA_ARRAY(a, float, tensor_elements(t));
  dtype_to_f32(x->type, x->data, values, tensor_elements(t));
  return values;
}

static void add_term(const merging *w, const model_param *p, float *out) {
  arena *scratch = arena_new("merged weight");
  const model_lora *l = p->lora;
  const float *a = read_tensor(w, scratch, l->a), *b = read_tensor(w, scratch, l->b);
  const uint32_t r = l->a->shape[0], in = p->shape[1];
  for (uint32_t i = 0; i < p->shape[0]; i++)
    for (uint32_t k = 0; k < r; k++) {
      const float factor = w->scale * b[(uint64_t)i * r + k];
      for (uint32_t j = 0; j < in; j++) out[(uint64_t)i * in + j] += factor * a[(uint64_t)k * in + j];
    }
  arena_free(scratch);
}

static bool merged_values(void *user, const model_param *p, float *out, err *e) {
  (void)e; // the adapter was checked when it was opened
  const merging *w = user;
  const char *whole = whole_name(w->loaded.adapter, p);
  if (whole) {
    const weight *x = weights_find(&w->file, whole);
    dtype_to_f32(x->type, x->data, out, (uint64_t)p->shape[0] * p->shape[1]);
    return true;
  }
  load_read(w->loaded.model, p, loaded_type(VKIFT_WEIGHT_AUTO, &w->loaded.run), out); // as it was trained beside
  if (p->lora) add_term(w, p, out);
  return true;
}

static bool open_adapter(arena *a, merging *w, const char *path, err *e) {
  adapter_config c;
  TRY(adapter_read_config(a, path, &c, e));
  w->scale = (float)adapter_scale(&c);
  if (!adapter_choose_whole(w->loaded.model, &c, e) || !adapter_declare(a, w->loaded.model, &c, NULL, &w->loaded.adapter, e))
    return err_prefix(e, "%s", path);
  return adapter_open_weights(a, w->loaded.adapter, path, &w->file, e);
}

static bool write_beside(arena *a, merging *w, const char *dir, vkift_weight_type type, err *e) {
  static const dtype types[] = {[VKIFT_WEIGHT_AUTO] = DTYPE_COUNT,
                                [VKIFT_WEIGHT_F32] = DTYPE_F32,
                                [VKIFT_WEIGHT_F16] = DTYPE_F16,
                                [VKIFT_WEIGHT_BF16] = DTYPE_BF16};
  if (type > VKIFT_WEIGHT_BF16) return ERR(e, "weight_dtype: expected auto, f32, f16 or bf16 for what is written");
  const char *beside = arena_printf(a, "%s.tmp", dir);
  if (file_exists(beside))
    return ERR(e, "%s: expected nothing of that name, where the export is prepared: move or remove it", beside);
  TRY(dir_make(beside, e));
  if (save_model(w->loaded.model, &w->loaded.prompt, beside, types[type], merged_values, w, e) && dir_sync(beside, e) &&
      dir_rename(beside, dir, e))
    return true;
  dir_remove(beside, NULL);
  return false;
}

bool merge_run(const vkift_export_options *o, err *e) {
  if (!o->output_dir || !o->merge) {
    e->usage = true;
    return ERR(e, !o->output_dir ? "--output-dir is missing: where to write the model"
                                 : "say what to export: --merge writes the model with its adapter merged");
  }
  if (!dir_is_empty(o->output_dir)) return ERR(e, "%s: expected a new or empty directory, found something in it", o->output_dir);
  arena *a = arena_new("export");
  merging w = {0};
  const char *model_path, *adapter_path;
  bool ok = loaded_resolve(a, &o->source, &w.loaded, &model_path, &adapter_path, e) &&
            model_open(a, model_path, false, &w.loaded.model, e) && loaded_prompt(a, &o->source, &w.loaded, e) &&
            (!adapter_path || open_adapter(a, &w, adapter_path, e)) &&
            write_beside(a, &w, path_trim(a, o->output_dir), o->source.weight_dtype, e);
  weights_close(&w.file);
  loaded_close(&w.loaded);
  arena_free(a);
  return ok;
}
