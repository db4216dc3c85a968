// W' = W + s · B A, with DoRA its rows at the lengths of the magnitude, or what the adapter has whole, computed in f32 on the host,
// one parameter at a time. A quantized W is its values in f32: what is written is never quantized.
#include "eval/merge.h"

#include <math.h>
#include <string.h>

#include "models/trainable.h"

static const adapter_whole *find_whole(const adapter *ad, const model_param *p) {
  for (uint32_t i = 0; ad && i < ad->n_whole; i++)
    if (ad->whole[i].param == p) return &ad->whole[i];
  return NULL;
}

// [rows, cols] values of one of the adapter's tensors.
static float *read_tensor(const merging *w, arena *a, const tensor *t) {
  const weight *x = weights_find(&w->file, t->name);
  float *values = ARENA_ARRAY(a, float, tensor_elements(t));
  dtype_to_f32(x->type, x->data, values, tensor_elements(t));
  return values;
}

// DoRA: the row keeps its direction. One without a direction stays zero.
static void set_length(float *row, uint32_t n, float length) {
  double squares = 0;
  for (uint32_t j = 0; j < n; j++) squares += (double)row[j] * row[j];
  for (uint32_t j = 0; squares > 0 && j < n; j++) row[j] = (float)(row[j] * (length / sqrt(squares)));
}

static void add_term(const merging *w, const model_param *p, float *out) {
  arena *scratch = arena_new("merged weight");
  const model_lora *l = p->lora;
  const float *a = read_tensor(w, scratch, l->a), *b = read_tensor(w, scratch, l->b);
  const uint32_t r = l->a->shape[0], in = p->shape[1];
  const float *m = l->magnitude ? read_tensor(w, scratch, l->magnitude) : NULL;
  for (uint32_t i = 0; i < p->shape[0]; i++) {
    float *row = out + (uint64_t)i * in;
    for (uint32_t k = 0; k < r; k++) {
      const float factor = w->scale * b[(uint64_t)i * r + k];
      for (uint32_t j = 0; j < in; j++) row[j] += factor * a[(uint64_t)k * in + j];
    }
    if (m) set_length(row, in, m[i]);
  }
  arena_free(scratch);
}

bool merge_values(void *user, const model_param *p, float *out, err *e) {
  (void)e; // the adapter was checked when it was opened
  const merging *w = user;
  const adapter_whole *whole = find_whole(w->loaded.adapter, p);
  if (whole) {
    adapter_read_whole(whole, &w->file, out);
    return true;
  }
  load_read(w->loaded.model, p, loaded_type(VKIFT_WEIGHT_AUTO, &w->loaded.run), out); // as it was trained beside
  if (p->lora) add_term(w, p, out);
  return true;
}

static bool open_adapter(arena *a, merging *w, const char *path, err *e) {
  adapter_config c;
  TRY(adapter_read_config(a, path, &c, e) && loaded_make_classifier(a, &w->loaded, path, &c, e));
  w->scale = (float)adapter_scale(&c);
  if (!adapter_choose_whole(a, w->loaded.model, &c, e) || !adapter_declare(a, w->loaded.model, &c, NULL, &w->loaded.adapter, e))
    return err_prefix(e, "%s", path);
  return adapter_open_weights(a, w->loaded.adapter, path, &w->file, e);
}

bool merge_open(arena *a, const vkift_source *source, merging *w, err *e) {
  const char *model_path;
  return loaded_resolve(a, source, &w->loaded, &model_path, &w->adapter_path, e) &&
         model_open(a, model_path, false, &w->loaded.model, e) && loaded_prompt(a, source, &w->loaded, e) &&
         (!w->adapter_path || open_adapter(a, w, w->adapter_path, e)) && loaded_mark_trained(&w->loaded, e);
}

void merge_close(merging *w) {
  weights_close(&w->file);
  loaded_close(&w->loaded);
}
