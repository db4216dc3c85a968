// ‖w + s b A‖² = ‖w‖² + 2 s b · (A wᵀ) + s² b (A Aᵀ) bᵀ for the row w of W and b of B: the products of A with W, of A with
// itself and of B with that go through the kernels of other products, so that W may be of any type and of any size.
#include "models/dora.h"

static bool has_magnitude(const model_param *p) {
  return p->lora && p->lora->magnitude;
}

void dora_append_norms(graph *g, const model *m) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    if (!has_magnitude(p)) continue;
    const model_lora *l = p->lora;
    tensor *aw = op_linear(g, l->a, p->t, NULL), *aa = op_linear(g, l->a, l->a, NULL);
    op_dora_norm(g, l->norms, l->squares, aw, op_linear(g, l->b, aa, NULL), l->b, l->scale);
  }
}

static bool compute(arena *a, const model *m, gpu_device *d, gpu_heap *heap, err *e) {
  tensor *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  graph *g = graph_new(a, "norms", counts);
  dora_append_norms(g, m);
  graph_plan_within(g, device_plan(d));
  graph_memory memory = {0};
  graph_memory_add(&memory, g);
  TRY(graph_memory_allocate(&memory, heap, e) && heap_alloc(heap, tensor_bytes(counts), &counts->memory, e));
  graph_bind_memory(g, &memory);
  gpu_recording *r = recording_new(d, "norms");
  const bool ok = graph_record(g, d, r, e) && recording_end(r, e) && gpu_run(d, &r, 1, e);
  recording_free(r);
  return ok;
}

bool dora_compute_norms(const model *m, gpu_device *d, err *e) {
  uint32_t i = 0;
  while (i < m->n_params && !has_magnitude(&m->params[i])) i++;
  if (i == m->n_params) return true;
  arena *a = arena_new("norms of DoRA");
  gpu_heap *heap = heap_new(d, "norms of DoRA", GPU_MEMORY_DEVICE);
  const bool ok = compute(a, m, d, heap, e);
  heap_free(heap);
  arena_free(a);
  return ok;
}
