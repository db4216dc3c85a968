// Every kernel that a device may take for a matrix product, at a model's shapes: what the choice was made from.
#include "bench/bench.h"
#include "ops/matmul.h"

static const char *const names[] = {"linear", "linear_dx", "linear_dw"}; // by matmul_product

static tensor *operand(rig *r, dtype type, const uint32_t *shape) {
  return rig_tensor(r, "operand", type, LIVE_ALL, 2, shape);
}

static bool measure_node(const bench *b, rig *r, const node *n, const matmul *m, const char *shape, err *e) {
  gpu_recording *recording;
  measured took;
  TRY(rig_record(r, n, &recording, e));
  const bool ok = measure_run(b->device, &recording, 1, b->options->seconds, &took, e);
  const double bytes = (double)(tensor_bytes(n->in[0]) + tensor_bytes(n->in[1]) + tensor_bytes(n->in[2]));
  if (ok) bench_report(b, names[m->product], shape, rig_kernels(r, recording), 2.0 * m->rows * m->cols * m->depth, bytes, &took);
  recording_free(recording);
  return ok;
}

// One graph for a product, with a node for each variant.
static bool measure_product(const bench *b, matmul m, dtype type, const char *shape, err *e) {
  rig r;
  rig_open(b->device, &r);
  uint32_t x[2], w[2];
  matmul_operand_shapes(&m, x, w);
  tensor *in[] = {operand(&r, DTYPE_F32, x), operand(&r, type, w), operand(&r, DTYPE_F32, (uint32_t[]){m.rows, m.cols})};
  m.a = BIND(in[0]), m.b = BIND(in[1]), m.out = BIND(in[2]);
  const uint32_t scratch = matmul_scratch_elements(m.rows, m.cols, m.depth);
  if (scratch && m.product == MATMUL_TN) m.scratch = BIND(rig_tensor(&r, "scratch", DTYPE_F32, LIVE_ALL, 1, &scratch));
  matmul_variant variants[MATMUL_MAX_VARIANTS];
  const uint32_t n = matmul_variants(device_plan(b->device), &m, variants);
  for (uint32_t i = 0; i < n; i++) matmul_node(r.graph, &m, &variants[i]);
  bool ok = rig_ready(&r, e);
  for (uint64_t i = 0; ok && i < r.graph->n_nodes; i++) ok = measure_node(b, &r, r.graph->nodes[i], &m, shape, e);
  rig_close(&r);
  return ok;
}

static bool measure_shape(const bench *b, matmul_product product, uint32_t in, uint32_t out, dtype type, err *e) {
  const uint32_t rows = (uint32_t)b->options->rows;
  const matmul m = matmul_of_linear(product, rows, in, out);
  char shape[80];
  snprintf(shape, sizeof shape, "%u x %u -> %u, %s, variant", rows, in, out, dtype_get(type)->name);
  return !bench_wants(b, names[product], shape) || measure_product(b, m, type, shape, e);
}

bool variants_measure(bench *b, const model_config *c, err *e) {
  static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
  uint32_t shapes[5][2];
  const uint32_t n = bench_linear_shapes(c, shapes);
  for (uint32_t s = 0; s < n; s++)
    for (int t = 0; t < 3; t++)
      for (matmul_product p = MATMUL_NT; p <= MATMUL_TN; p++)
        if (p != MATMUL_TN || types[t] == DTYPE_F32) TRY(measure_shape(b, p, shapes[s][0], shapes[s][1], types[t], e));
  return true;
}
