#include "models/load.h"

// Trained tensors are f32 masters: 16-bit ones would lose updates of 2e-5.
static dtype frozen_type(const model *m, const model_param *p, load_type type) {
  // A bias is a few numbers, of which op layernorm knows no other type; 1 + w would lose what is small in w.
  if (p->whole || p->role == PARAM_BIAS || p->offset != 0) return DTYPE_F32;
  if (type == LOAD_F16) return DTYPE_F16;
  if (type == LOAD_BF16) return DTYPE_BF16;
  const dtype stored = p->source ? p->source->type : m->stored;
  return type == LOAD_AUTO && (stored == DTYPE_F16 || stored == DTYPE_BF16) ? stored : DTYPE_F32;
}

void load_declare(arena *a, model *m, params *train, bool all, load_type type) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    p->t = train && (all || p->whole) ? params_add(train, p->name, p->n_dims, p->shape)
                                      : tensor_persistent(a, p->name, frozen_type(m, p, type), LIVE_ALL, p->n_dims, p->shape);
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
    for (uint64_t k = 0; p->offset != 0 && k < n; k++) values[k] += p->offset;
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

bool load_download(const model_param *p, gpu_device *d, float *out, err *e) {
  TRY(tensor_download(p->t, d, out, e));
  for (uint64_t i = 0; p->offset != 0 && i < tensor_elements(p->t); i++) out[i] -= p->offset;
  return true;
}

// --- rotary tables -------------------------------------------------------------------------------------------------------

void load_declare_rotary(arena *a, const model *m, uint32_t n, model_inputs *in) {
  const uint32_t shape[] = {n, model_rotary_dim(&m->config) / 2};
  in->cos = tensor_persistent(a, "cos", DTYPE_F32, LIVE_ALL, 2, shape);
  in->sin = tensor_persistent(a, "sin", DTYPE_F32, LIVE_ALL, 2, shape);
  if (m->config.rope_local_theta <= 0) return;
  in->local_cos = tensor_persistent(a, "local_cos", DTYPE_F32, LIVE_ALL, 2, shape);
  in->local_sin = tensor_persistent(a, "local_sin", DTYPE_F32, LIVE_ALL, 2, shape);
}

bool load_allocate_rotary(const model_inputs *in, gpu_heap *heap, err *e) {
  tensor *tables[] = {in->cos, in->sin, in->local_cos, in->local_sin};
  for (int i = 0; i < 4; i++)
    if (tables[i]) TRY(heap_alloc(heap, tensor_bytes(tables[i]), &tables[i]->memory, e));
  return true;
}

bool load_rotary(const model *m, const model_inputs *in, uint32_t longest, gpu_device *d, err *e) {
  tensor *const tables[2][2] = {{in->cos, in->sin}, {in->local_cos, in->local_sin}};
  const uint64_t n = tensor_elements(in->cos);
  arena *scratch = arena_new("rotary tables");
  float *values[] = {ARENA_ARRAY(scratch, float, n), ARENA_ARRAY(scratch, float, n)};
  bool ok = true;
  for (int local = 0; ok && local < 2; local++) {
    if (!tables[local][0]) continue;
    model_rotary_tables(&m->config, local, longest, tensor_rows(in->cos), values[0], values[1]);
    for (int i = 0; ok && i < 2; i++) ok = gpu_upload(d, tables[local][i]->memory, values[i], n * 4, e);
  }
  arena_free(scratch);
  return ok;
}
