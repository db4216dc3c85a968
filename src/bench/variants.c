// Every kernel that a device may take for a matrix product, at a model's shapes: what the choice was made from.
#include "bench/bench.h"
#include "ops/matmul.h"

// A node that records its product by one variant.
typedef struct job {
  matmul m;
  matmul_variant variant;
} job;

static void job_record(recorder *r, const node *n) {
  const job *j = n->params;
  matmul_record_variant(r, &j->m, &j->variant);
}

static const op_desc job_op = {.name = "product", .updates = 1 << 2, .record = job_record};
static const char *const names[] = {"linear", "linear_dx", "linear_dw"}; // by matmul_product

static tensor *operand(rig *r, dtype type, uint32_t rows, uint32_t cols) {
  return rig_tensor(r, "operand", type, LIVE_ALL, 2, (uint32_t[]){rows, cols});
}

static bool measure_node(const bench *b, rig *r, const node *n, const char *shape, err *e) {
  const matmul *m = &((const job *)n->params)->m;
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
  const bool nt = m.product == MATMUL_NT, tn = m.product == MATMUL_TN;
  rig r;
  rig_open(b->device, &r);
  tensor *in[] = {operand(&r, DTYPE_F32, tn ? m.depth : m.rows, tn ? m.rows : m.depth),
                  operand(&r, type, nt ? m.cols : m.depth, nt ? m.depth : m.cols), operand(&r, DTYPE_F32, m.rows, m.cols)};
  m.a = BIND(in[0]), m.b = BIND(in[1]), m.out = BIND(in[2]);
  matmul_variant variants[MATMUL_MAX_VARIANTS];
  const uint32_t n = matmul_variants(device_plan(b->device), &m, variants);
  for (uint32_t i = 0; i < n; i++) {
    const job j = {m, variants[i]};
    graph_node(r.graph, &job_op, &j, sizeof j, 3, in, 0, NULL);
  }
  bool ok = rig_ready(&r, e);
  for (uint64_t i = 0; ok && i < r.graph->n_nodes; i++) ok = measure_node(b, &r, r.graph->nodes[i], shape, e);
  rig_close(&r);
  return ok;
}

static bool measure_shape(const bench *b, matmul_product product, uint32_t in, uint32_t out, dtype type, err *e) {
  const uint32_t rows = (uint32_t)b->options->rows;
  const matmul m = {.product = product,
                    .rows = product == MATMUL_TN ? out : rows,
                    .cols = product == MATMUL_NT ? out : in,
                    .depth = product == MATMUL_NT   ? in
                             : product == MATMUL_NN ? out
                                                    : rows,
                    .live = LIVE_ALL,
                    .alpha = 1};
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
