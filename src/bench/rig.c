#include "bench/rig.h"

#include <string.h>

#include "base/quantize.h"
#include "base/rng.h"
#include "ops/tune.h"

enum { RANDOM_ELEMENTS = 1 << 16 }; // drawn once and repeated: enough that no cache or compressor can tell

// What a persistent tensor will hold: words (NULL: random numbers).
typedef struct rig_content {
  tensor *t;
  const void *words;
  struct rig_content *next;
} rig_content;

void rig_open(gpu_device *d, rig *r) {
  arena *a = arena_new("rig");
  *r = (rig){.memory = a, .device = d, .heap = heap_new(d, "rig", GPU_MEMORY_DEVICE)};
  tensor *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  r->graph = graph_new(a, "rig", counts);
  r->contents = ARENA_NEW(a, rig_content);
  uint32_t *copy = ARENA_ARRAY(a, uint32_t, LIVE_COUNTS);
  memset(copy, 0xFF, LIVE_COUNTS * sizeof *copy); // all rows
  *r->contents = (rig_content){.t = counts, .words = copy};
}

void rig_close(rig *r) {
  recording_free(r->whole);
  if (r->heap) heap_free(r->heap);
  arena_free(r->memory);
  *r = (rig){0};
}

static tensor *add(rig *r, tensor *t, const void *words) {
  rig_content *c = ARENA_NEW(r->memory, rig_content);
  *c = (rig_content){.t = t, .next = r->contents};
  if (words) c->words = memcpy(arena_alloc(r->memory, tensor_bytes(t)), words, (size_t)tensor_bytes(t));
  r->contents = c;
  return t;
}

tensor *rig_tensor(rig *r, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape) {
  return add(r, tensor_persistent(r->memory, name, type, live, n_dims, shape), NULL);
}

tensor *rig_ints(rig *r, const char *name, tensor_live live, uint32_t n_dims, const uint32_t *shape, const int32_t *values) {
  return add(r, tensor_persistent(r->memory, name, DTYPE_I32, live, n_dims, shape), values);
}

tensor *rig_words(rig *r, const char *name, uint32_t n, const void *words) {
  return add(r, tensor_persistent(r->memory, name, DTYPE_F32, LIVE_ALL, 1, &n), words);
}

tensor *rig_weight(rig *r, const char *name, uint32_t n_dims, const uint32_t *shape) {
  tensor *w = rig_tensor(r, name, DTYPE_F32, LIVE_ALL, n_dims, shape);
  w->needs_grad = true;
  w->grad_sum = rig_tensor(r, "grad_sum", DTYPE_F32, LIVE_ALL, n_dims, shape);
  return w;
}

void rig_backward(rig *r, tensor *y, tensor *const *x, uint32_t n) {
  y->keep = true;
  graph_backward(r->graph, y, rig_tensor(r, "dy", DTYPE_F32, y->live, y->n_dims, y->shape), (graph_recompute){0});
  for (uint32_t i = 0; i < n; i++) graph_gradient(r->graph, x[i])->keep = true;
}

// --- memory ----------------------------------------------------------------------------------------------------------

static bool fill_random(const rig *r, const tensor *t, const float *random, void *stored, err *e) {
  if (quantize_makes(t->type)) quantize(t->type, random, stored, RANDOM_ELEMENTS);
  else dtype_from_f32(t->type, random, stored, RANDOM_ELEMENTS); // nf4
  const uint64_t bytes = dtype_bytes(t->type, tensor_elements(t)), piece = dtype_bytes(t->type, RANDOM_ELEMENTS);
  for (uint64_t done = 0; done < bytes; done += piece) {
    const uint64_t n = bytes - done < piece ? bytes - done : piece;
    TRY(gpu_upload(r->device, gpu_sub(t->memory, done, n), stored, n, e));
  }
  return true;
}

static bool fill(const rig *r, err *e) {
  rng random = rng_new(1, RNG_TEST);
  float *f = ARENA_ARRAY(r->memory, float, RANDOM_ELEMENTS), *stored = ARENA_ARRAY(r->memory, float, RANDOM_ELEMENTS);
  for (uint32_t i = 0; i < RANDOM_ELEMENTS; i++) f[i] = (float)(2 * rng_uniform(&random) - 1);
  for (const rig_content *c = r->contents; c; c = c->next) {
    TRY(heap_alloc(r->heap, tensor_bytes(c->t), &c->t->memory, e));
    if (c->words) TRY(gpu_upload(r->device, c->t->memory, c->words, dtype_bytes(c->t->type, tensor_elements(c->t)), e));
    else TRY(fill_random(r, c->t, f, stored, e));
  }
  return true;
}

bool rig_ready(rig *r, err *e) {
  graph_memory memory = {0};
  graph_plan_within(r->graph, device_plan(r->device));
  graph_memory_add(&memory, r->graph);
  TRY(fill(r, e) && graph_memory_allocate(&memory, r->heap, e));
  graph_bind_memory(r->graph, &memory);
  TRY(!r->tune || tune_graphs(r->device, &r->graph, 1, e));
  r->whole = recording_new(r->device, "rig");
  return graph_record(r->graph, r->device, r->whole, e) && recording_end(r->whole, e) && gpu_run(r->device, &r->whole, 1, e);
}

// --- one node --------------------------------------------------------------------------------------------------------

bool rig_record(rig *r, const node *n, gpu_recording **recording, err *e) {
  *recording = recording_new(r->device, n->op->name);
  recording_time(*recording);
  if (graph_record_node(r->graph, n, r->device, *recording, e) && recording_end(*recording, e)) return true;
  recording_free(*recording);
  *recording = NULL;
  return false;
}

const char *rig_kernels(const rig *r, const gpu_recording *recording) {
  uint32_t n;
  gpu_kernel *const *kernels = recording_kernels(recording, &n);
  text out = {0};
  for (uint32_t i = 0; i < n; i++) {
    if (i) text_puts(&out, " + ");
    kernel_describe(kernels[i], &out);
  }
  const char *copy = arena_strdup(r->memory, n ? out.data : "");
  text_free(&out);
  return copy;
}
