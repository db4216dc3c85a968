#include "models/load.h"

// Trained tensors are f32 masters: 16-bit ones would lose updates of 2e-5.
static dtype frozen_type(const model *m, const model_param *p, load_type type) {
  if (p->whole) return DTYPE_F32;
  if (type == LOAD_F16) return DTYPE_F16;
  if (type == LOAD_BF16) return DTYPE_BF16;
  const dtype stored = p->source ? p->source->type : m->stored;
  return type == LOAD_AUTO && (stored == DTYPE_F16 || stored == DTYPE_BF16) ? stored : DTYPE_F32;
}

void load_declare(arena *a, model *m, params *train, bool all, load_type type) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    const bool is_score = m->labels.n && p == model_head(m);
    p->t = train && (all || p->whole || is_score)
               ? params_add(train, p->name, p->n_dims, p->shape)
               : tensor_persistent(a, p->name, frozen_type(m, p, type), LIVE_ALL, p->n_dims, p->shape);
    if (is_score && train) params_set_head(train, p->t);
  }
}

bool load_allocate(model *m, gpu_heap *heap, err *e) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    tensor *t = m->params[i].t;
    if (!t->needs_grad && !tensor_allocate(t, heap, e)) return err_prefix(e, "tensor %s", t->name);
  }
  return true;
}

bool load_upload(model *m, gpu_device *d, uint64_t seed, err *e) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    arena *scratch = arena_new("weight on its way to the device");
    const uint64_t n = tensor_elements(p->t);
    float *values = ARENA_ARRAY(scratch, float, n);
    model_read_param(m, p, seed, values);
    void *stored = values;
    if (p->t->type != DTYPE_F32) {
      stored = arena_alloc(scratch, tensor_bytes(p->t));
      dtype_from_f32(p->t->type, values, stored, n);
    }
    const bool ok = tensor_upload(p->t, d, stored, e);
    arena_free(scratch);
    if (!ok) return err_prefix(e, "%s: tensor %s", m->path, p->name);
  }
  return true;
}

bool load_rotary(const model *m, tensor *cos, tensor *sin, gpu_device *d, err *e) {
  tensor *tables[] = {cos, sin};
  const uint64_t n = tensor_elements(cos);
  arena *scratch = arena_new("rotary tables");
  float *values[] = {ARENA_ARRAY(scratch, float, n), ARENA_ARRAY(scratch, float, n)};
  model_rotary_tables(&m->config, tensor_rows(cos), values[0], values[1]);
  bool ok = true;
  for (int i = 0; ok && i < 2; i++) ok = gpu_upload(d, tables[i]->memory, values[i], n * 4, e);
  arena_free(scratch);
  return ok;
}
