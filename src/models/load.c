#include "models/load.h"

#include <math.h>

static bool is_nf4(const model_param *p, load_type type) {
  return type >= LOAD_NF4 && p->role == PARAM_LINEAR && p->n_dims == 2 && !p->whole;
}

static dtype nf4_type(load_type type) {
  return type >= LOAD_NF4_DOUBLE ? DTYPE_NF4_DOUBLE : DTYPE_NF4;
}

// What trains with any method.
static bool is_score(const model *m, const model_param *p) {
  return m->labels.n && p == model_head(m);
}

// Trained tensors are f32 masters: 16-bit ones would lose updates of 2e-5.
static dtype frozen_type(const model *m, const model_param *p, load_type type) {
  // A bias is a few numbers, of which op layernorm knows no other type; 1 + w would lose what is small in w.
  const load_type rest = type % LOAD_NF4;
  if (p->whole || is_score(m, p) || p->role == PARAM_BIAS || p->offset != 0) return DTYPE_F32;
  if (is_nf4(p, type)) return nf4_type(type);
  if (rest == LOAD_F16) return DTYPE_F16;
  if (rest == LOAD_BF16) return DTYPE_BF16;
  const bool of_labels = m->labels.n && p->role == PARAM_HEAD; // a few rows, in no file of blocks
  if (rest >= LOAD_Q8_0) return p->n_dims == 2 && !of_labels ? DTYPE_Q8_0 + (dtype)(rest - LOAD_Q8_0) : DTYPE_F32;
  const dtype stored = p->source ? p->source->type : m->stored;
  const bool kept = stored == DTYPE_F16 || stored == DTYPE_BF16 || (dtype_is_quantized(stored) && p->n_dims == 2);
  return rest == LOAD_AUTO && kept ? stored : DTYPE_F32;
}

static bool check_param(const model *m, const model_param *p, load_type type, bool loaded, err *e) {
  const dtype t = frozen_type(m, p, type), stored = p->source ? p->source->type : m->stored;
  const dtype_info *info = dtype_get(t);
  if (!dtype_is_quantized(t) || (t == stored && p->source)) return true;
  if (p->shape[1] % dtype_row_elements(t))
    return ERR(e, "%s: tensor %s: expected rows in blocks of %u elements, as %s has, found the shape [%u, %u]", m->path, p->name,
               dtype_row_elements(t), info->name, p->shape[0], p->shape[1]);
  const bool made = t == DTYPE_NF4 || t == DTYPE_NF4_DOUBLE;
  if (made && dtype_is_quantized(stored))
    return ERR(e, "%s: tensor %s: expected 16 or 32 bits, of which nf4 is made, found %s, which may stay as it is", m->path,
               p->name, dtype_get(stored)->name);
  if (loaded && !made)
    return ERR(e, "%s: tensor %s: expected %s, as weight_dtype says, found %s: auto keeps each tensor as the file has it",
               m->path, p->name, info->name, dtype_get(stored)->name);
  return true;
}

bool load_check(const model *m, load_type type, bool loaded, err *e) {
  for (uint32_t i = 0; i < m->n_params; i++) TRY(check_param(m, &m->params[i], type, loaded, e));
  return true;
}

void load_declare(arena *a, model *m, params *train, bool all, load_type type) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    p->t = train && (all || p->whole || is_score(m, p))
               ? params_add(train, p->name, p->n_dims, p->shape)
               : tensor_persistent(a, p->name, frozen_type(m, p, type), LIVE_ALL, p->n_dims, p->shape);
    if (is_score(m, p) && train) params_set_head(train, p->t);
  }
}

bool load_allocate(model *m, gpu_heap *heap, err *e) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    tensor *t = m->params[i].t;
    if (!t->needs_grad && !tensor_allocate(t, heap, e)) return err_prefix(e, "tensor %s", t->name);
  }
  return true;
}

// Squared lengths of a weight's rows, from its values as the device has them: in a narrower type they were rounded.
static void square_rows(arena *a, const model_param *p, const void *stored) {
  const uint32_t rows = p->shape[0], dim = p->shape[1];
  float *values = ARENA_ARRAY(a, float, (uint64_t)rows *dim);
  dtype_to_f32(p->t->type, stored, values, (uint64_t)rows * dim);
  for (uint32_t i = 0; i < rows; i++) {
    double sum = 0;
    for (uint32_t j = 0; j < dim; j++) sum += (double)values[(uint64_t)i * dim + j] * values[(uint64_t)i * dim + j];
    p->lora->row_squares[i] = (float)sum;
  }
}

// Of what is no number nf4 would make one.
static bool check_finite(const float *values, uint64_t n, err *e) {
  for (uint64_t i = 0; i < n; i++)
    if (!isfinite(values[i]))
      return ERR(e, "element %llu: expected a finite number, of which nf4 is made, found %g", (unsigned long long)i,
                 (double)values[i]);
  return true;
}

// What the device gets of a parameter: blocks as the file has them, or its values in the device's type. NULL: it cannot be made.
static const void *stored_form(arena *a, const model *m, const model_param *p, uint64_t seed, err *e) {
  void *stored = arena_alloc(a, tensor_bytes(p->t));
  if (p->source && p->source->type == p->t->type && dtype_is_quantized(p->t->type)) {
    model_read_blocks(m, p, stored);
    return stored;
  }
  const uint64_t n = tensor_elements(p->t);
  float *values = p->t->type == DTYPE_F32 ? stored : ARENA_ARRAY(a, float, n);
  model_read_param(m, p, seed, values);
  for (uint64_t k = 0; p->offset != 0 && k < n; k++) values[k] += p->offset;
  if (dtype_is_quantized(p->t->type) && !check_finite(values, n, e)) return NULL;
  if (p->t->type != DTYPE_F32) dtype_from_f32(p->t->type, values, stored, n);
  return stored;
}

bool load_upload(model *m, gpu_device *d, uint64_t seed, err *e) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    arena *scratch = arena_new("weight on its way to the device");
    const void *stored = stored_form(scratch, m, p, seed, e);
    const bool ok = stored && tensor_upload(p->t, d, stored, e);
    if (ok && p->lora && p->lora->row_squares) square_rows(scratch, p, stored);
    arena_free(scratch);
    if (!ok) return err_prefix(e, "%s: tensor %s", m->path, p->name);
  }
  return true;
}

bool load_put(const model_param *p, gpu_device *d, float *values, err *e) {
  for (uint64_t i = 0; p->offset != 0 && i < tensor_elements(p->t); i++) values[i] += p->offset;
  return tensor_upload(p->t, d, values, e);
}

bool load_download(const model_param *p, gpu_device *d, float *out, err *e) {
  TRY(tensor_download(p->t, d, out, e));
  for (uint64_t i = 0; p->offset != 0 && i < tensor_elements(p->t); i++) out[i] -= p->offset;
  return true;
}

void load_read(const model *m, const model_param *p, load_type type, float *out) {
  model_read_param(m, p, 0, out);
  if (!is_nf4(p, type)) return;
  arena *a = arena_new("rounded weight");
  const uint64_t n = (uint64_t)p->shape[0] * p->shape[1];
  void *stored = arena_alloc(a, dtype_bytes(nf4_type(type), n));
  dtype_from_f32(nf4_type(type), out, stored, n);
  dtype_to_f32(nf4_type(type), stored, out, n);
  arena_free(a);
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
