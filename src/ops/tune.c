// A survey of the graphs collects their products, each kind once. All kernels are then compiled at the same time, and each
// variant runs on memory of its own, twice to warm up and three times to take the median. One that is half as fast again
// as the best so far in its warm-up is left.
#include "ops/tune.h"

#include <string.h>

#include "base/log.h"
#include "ops/matmul.h"

// A product of the survey by itself: whole tensors, and at most so many tokens as tell.
static matmul alone(const matmul *asked) {
  matmul m = {.product = asked->product,
              .rows = asked->rows,
              .cols = asked->cols,
              .depth = asked->depth,
              .live = LIVE_ALL,
              .alpha = asked->alpha,
              .accumulate = asked->accumulate};
  uint32_t *tokens = m.product == MATMUL_TN ? &m.depth : &m.rows;
  *tokens = matmul_tuned_tokens(asked);
  return m;
}

typedef struct product {
  arena *memory;
  const char *problem;
  matmul m;
  tensor *in[3];
  graph *graphs[MATMUL_MAX_VARIANTS];
  matmul_variant variants[MATMUL_MAX_VARIANTS];
  uint32_t n;
} product;

static void declare(product *p, const gpu_plan *plan, const matmul *asked) {
  arena *a = p->memory;
  matmul *m = &p->m;
  *m = alone(asked);
  uint32_t x[2], w[2];
  matmul_operand_shapes(m, x, w);
  p->in[0] = tensor_persistent(a, "a", DTYPE_F32, LIVE_ALL, 2, x);
  p->in[1] = tensor_persistent(a, "b", asked->b.t->type, LIVE_ALL, 2, w);
  p->in[2] = tensor_persistent(a, "out", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){m->rows, m->cols});
  m->a = BIND(p->in[0]), m->b = BIND(p->in[1]), m->out = BIND(p->in[2]);
  const uint32_t scratch = asked->scratch.t ? matmul_scratch_elements(m->rows, m->cols, m->depth) : 0;
  if (scratch) m->scratch = BIND(tensor_persistent(a, "scratch", DTYPE_F32, LIVE_ALL, 1, &scratch));
  p->n = matmul_variants(plan, m, p->variants);
  tensor *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  for (uint32_t i = 0; i < p->n; i++) {
    p->graphs[i] = graph_new(a, "tuning", counts);
    matmul_node(p->graphs[i], m, &p->variants[i]);
  }
}

static bool allocate(product *p, gpu_heap *h, err *e) {
  tensor *counts = p->graphs[0]->counts;
  for (int i = 0; i < 3; i++) TRY(heap_alloc(h, tensor_bytes(p->in[i]), &p->in[i]->memory, e));
  tensor *scratch = (tensor *)p->m.scratch.t;
  if (scratch) TRY(heap_alloc(h, tensor_bytes(scratch), &scratch->memory, e));
  return heap_alloc(h, tensor_bytes(counts), &counts->memory, e);
}

static bool time_variant(const product *p, uint32_t i, gpu_device *d, double best, double *seconds, err *e) {
  gpu_recording *r = recording_new(d, "tuning");
  recording_time(r);
  measured once, m;
  bool ok = graph_record(p->graphs[i], d, r, e) && recording_end(r, e) && measure_once(d, &r, 1, &once, e);
  *seconds = ok ? once.seconds : 0;
  if (ok && once.seconds < 1.5 * best) {
    ok = measure_run(d, &r, 1, 0, &m, e);
    if (ok) *seconds = m.seconds;
  }
  recording_free(r);
  return ok;
}

// A variant that this driver cannot compile or run is none, but for the default, which the run would take; nor is a product
// tuned that finds no memory beside the run's.
static bool measure(product *p, gpu_device *d, double until, err *e) {
  gpu_heap *h = heap_new(d, "tuning", GPU_MEMORY_DEVICE);
  err failure = {0};
  bool ok = allocate(p, h, &failure);
  if (!ok) {
    heap_free(h);
    return true;
  }
  double best = 1e30;
  uint32_t fastest = 0;
  for (uint32_t i = 0; i < p->n && ok; i++) {
    double seconds;
    if (clock_seconds() >= until) break; // those that come late are measured next time; this one by what is known
    failure = (err){0};
    const bool ran = time_variant(p, i, d, best, &seconds, i ? &failure : e);
    ok = ran || i;
    if (!ran || seconds >= best) continue;
    best = seconds;
    fastest = i;
  }
  heap_free(h);
  char name[MATMUL_NAME_BYTES];
  if (ok && best < 1e30) choices_set(d, p->problem, matmul_variant_name(&p->variants[fastest], name));
  return ok;
}

bool tune_graphs(gpu_device *d, graph *const *graphs, uint32_t n, err *e) {
  arena *a = arena_new("tuning");
  graph_asked s = {.memory = a};
  bool ok = true;
  for (uint32_t i = 0; i < n; i++) graph_survey(graphs[i], d, &s);
  product *list = ARENA_ARRAY(a, product, s.n);
  uint32_t n_products = 0;
  for (uint64_t i = 0; i < s.n; i++) {
    product *p = &list[n_products];
    if (choices_find(d, s.items[i].problem)) continue;
    *p = (product){.memory = a, .problem = s.items[i].problem};
    declare(p, device_plan(d), s.items[i].what);
    // A window's offset may forbid loads of four elements, which the whole product allows: that is left at its default.
    if (p->n > 1 && matmul_has_quads(s.items[i].what) == matmul_has_quads(&p->m)) n_products++;
  }
  if (n_products) choices_begin_measuring(d, n_products);
  err unsuited = {0}; // said again where the variant is tried
  for (uint32_t i = 0; i < n_products; i++)
    for (uint32_t k = 0; k < list[i].n; k++) graph_request(list[i].graphs[k], d, &unsuited);
  const double until = clock_seconds() + TUNE_SECONDS;
  for (uint32_t i = 0; i < n_products && ok && clock_seconds() < until; i++) ok = measure(&list[i], d, until, e);
  arena_free(a);
  return ok;
}

// Else the default is taken (matmul_record).
static bool is_offered(const gpu_plan *plan, const matmul *m, const char *variant) {
  matmul_variant v[MATMUL_MAX_VARIANTS];
  char name[MATMUL_NAME_BYTES];
  const uint32_t n = matmul_variants(plan, m, v);
  uint32_t i = 0;
  while (i < n && strcmp(matmul_variant_name(&v[i], name), variant)) i++;
  return i < n;
}

uint64_t tune_choices(arena *a, gpu_device *d, graph *const *graphs, uint32_t n, const char *const **lines) {
  graph_asked s = {.memory = a};
  for (uint32_t i = 0; i < n; i++) graph_survey(graphs[i], d, &s);
  const char **list = ARENA_ARRAY(a, const char *, s.n);
  uint64_t n_lines = 0;
  for (uint64_t i = 0; i < s.n; i++) {
    const char *variant = choices_find(d, s.items[i].problem);
    if (variant && is_offered(device_plan(d), s.items[i].what, variant))
      list[n_lines++] = arena_printf(a, "%s = %s", s.items[i].problem, variant);
  }
  *lines = list;
  return n_lines;
}

double tune_product_flops(gpu_device *d, graph *const *graphs, uint32_t n) {
  arena *a = arena_new("survey");
  graph_asked s = {.memory = a};
  double flops = 0;
  for (uint32_t i = 0; i < n; i++) graph_survey(graphs[i], d, &s);
  for (uint64_t i = 0; i < s.n; i++) {
    const matmul *m = s.items[i].what;
    flops += 2.0 * m->rows * m->cols * m->depth * (double)s.items[i].times;
  }
  arena_free(a);
  return flops;
}
