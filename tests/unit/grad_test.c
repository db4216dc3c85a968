// Backward on the host: random graphs of products and sums, run in the planned memory, have the gradients that the chain
// rule gives; and gradient checkpointing changes not one bit of them while needing less memory.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/graph.h"
#include "ops/ops.h"

enum { WIDTH = 5, N_INPUTS = 3 };
static const gpu_plan limits = {.storage_align = 16, .max_chunk_bytes = 1 << 30, .max_binding_bytes = 1 << 30};

static tensor *op_product(graph *g, tensor *a, tensor *b);

static void product_grad(struct backward *b, const node *n) {
  for (uint32_t i = 0; i < 2; i++)
    if (grad_wanted(b, n, i)) grad_in(b, n, i, op_product(grad_graph(b), grad_out(b, n, 0), grad_saved_in(b, n, 1 - i)));
}

// tanh, whose gradient reads its own result.
static void squash_grad(struct backward *b, const node *n);

static const op_desc product_op = {.name = "product", .grad = product_grad};
static const op_desc squash_op = {.name = "squash", .grad = squash_grad};
static const op_desc squash_slope_op = {.name = "squash slope"}; // g (1 − y²)

// sum = a + b and tanh of it: goes on from the sum where it begins a segment.
static void border_grad(struct backward *b, const node *n);

static void border_resume(graph *g, const node *n, tensor *kept, tensor *const *out) {
  (void)n;
  graph_node(g, &squash_op, NULL, 0, 1, &kept, 1, out);
}

static const op_desc border_op = {.name = "border", .grad = border_grad, .resume = border_resume, .kept = 1};

static tensor *append(graph *g, const op_desc *op, uint32_t n_in, tensor *const *in) {
  tensor *y = graph_tensor_like(g, op->name, in[0]);
  graph_node(g, op, NULL, 0, n_in, in, 1, &y);
  return y;
}

static tensor *op_product(graph *g, tensor *a, tensor *b) {
  return append(g, &product_op, 2, (tensor *[]){a, b});
}

static void squash_grad(struct backward *b, const node *n) {
  if (grad_wanted(b, n, 0))
    grad_in(b, n, 0, append(grad_graph(b), &squash_slope_op, 2, (tensor *[]){grad_out(b, n, 0), grad_saved_out(b, n, 0)}));
}

static void border_grad(struct backward *b, const node *n) {
  tensor *dy = grad_out(b, n, 0), *dsum = grad_out(b, n, 1), *dx = dsum;
  if (dy) {
    dx = append(grad_graph(b), &squash_slope_op, 2, (tensor *[]){dy, grad_saved_out(b, n, 0)});
    if (dsum) dx = op_add(grad_graph(b), dsum, dx);
  }
  for (uint32_t i = 0; i < 2; i++)
    if (dx && grad_wanted(b, n, i)) grad_in(b, n, i, dx);
}

static tensor *op_border(graph *g, tensor *a, tensor *b, tensor **sum) {
  tensor *out[] = {graph_tensor_like(g, "border", a), graph_tensor_like(g, "sum", a)};
  graph_node(g, &border_op, NULL, 0, 2, (tensor *[]){a, b}, 2, out);
  *sum = out[1];
  return out[0];
}

typedef struct function {
  arena *memory;
  graph *g;
  tensor *in[N_INPUTS], *upstream, *out;
  tensor *gradient[N_INPUTS];
} function;

// The same random function for the same seed, in segments of a few nodes as a model's layers are.
static function make(uint64_t seed, graph_recompute recompute) {
  function f = {.memory = arena_new("function")};
  arena *a = f.memory;
  rng r = rng_new(seed, RNG_TEST);
  f.g = graph_new(a, "function", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  for (int i = 0; i < N_INPUTS; i++) {
    f.in[i] = tensor_persistent(a, "input", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){WIDTH});
    f.in[i]->needs_grad = i > 0; // the first is data
  }
  f.upstream = tensor_persistent(a, "upstream", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){WIDTH});
  tensor *x = op_product(f.g, f.in[0], f.in[1]), *more = f.in[2];
  const uint32_t layers = 2 + rng_below(&r, 5);
  for (uint32_t l = 0; l < layers; l++) {
    graph_segment_begin(f.g);
    tensor *h = rng_below(&r, 4) ? op_border(f.g, x, more, &x) : (x = op_add(f.g, x, more)); // with two inputs to keep, or one
    tensor *local[8] = {h, f.in[rng_below(&r, N_INPUTS)], f.in[rng_below(&r, N_INPUTS)]};
    uint32_t n = 3;
    while (n < 8) {
      tensor *p = local[rng_below(&r, n)], *q = local[rng_below(&r, n)];
      const uint32_t kind = rng_below(&r, 3);
      local[n++] = kind == 0 ? op_product(f.g, p, q) : kind == 1 ? op_add(f.g, p, q) : append(f.g, &squash_op, 1, &p);
    }
    h = op_border(f.g, x, append(f.g, &squash_op, 1, &local[7]), &x); // a residual path
    more = op_product(f.g, h, local[6]);
    graph_segment_end(f.g);
  }
  f.out = op_add(f.g, x, more);
  f.out->keep = true;
  graph_backward(f.g, f.out, f.upstream, recompute);
  for (int i = 1; i < N_INPUTS; i++)
    if ((f.gradient[i] = graph_gradient(f.g, f.in[i]))) f.gradient[i]->keep = true;
  graph_plan_within(f.g, &limits);
  return f;
}

// Values of persistent tensors lie here, those of the graph in the planned arena.
typedef struct machine {
  const function *f;
  uint8_t *arena;
  float in[N_INPUTS][WIDTH], upstream[WIDTH];
} machine;

static float *at(machine *m, const tensor *t) {
  for (int i = 0; i < N_INPUTS; i++)
    if (t == m->f->in[i]) return m->in[i];
  if (t == m->f->upstream) return m->upstream;
  assert_false(t->persistent);
  return (float *)(m->arena + t->memory.offset);
}

static void run(machine *m) {
  const graph *g = m->f->g;
  for (uint64_t i = 0; i < g->n_nodes; i++) {
    const node *n = g->nodes[i];
    const float *a = at(m, n->in[0]), *b = n->n_in > 1 ? at(m, n->in[1]) : NULL;
    float *y = at(m, n->out[0]);
    const char *op = n->op->name;
    for (int k = 0; k < WIDTH; k++) {
      if (!strcmp(op, "product")) y[k] = a[k] * b[k];
      else if (!strcmp(op, "add")) y[k] = a[k] + b[k];
      else if (!strcmp(op, "squash")) y[k] = tanhf(a[k]);
      else if (!strcmp(op, "border")) y[k] = tanhf(at(m, n->out[1])[k] = a[k] + b[k]);
      else if (!strcmp(op, "squash slope")) y[k] = a[k] * (1 - b[k] * b[k]);
      else fail_msg("operation %s", op);
    }
  }
}

static machine new_machine(const function *f, uint64_t seed) {
  machine m = {.f = f, .arena = arena_alloc(f->memory, f->g->planned_bytes)};
  rng r = rng_new(seed, RNG_INIT);
  for (int i = 0; i < N_INPUTS; i++)
    for (int k = 0; k < WIDTH; k++) m.in[i][k] = (float)(rng_uniform(&r) * 1.2 - 0.6);
  for (int k = 0; k < WIDTH; k++) m.upstream[k] = (float)(rng_uniform(&r) + 0.5);
  return m;
}

typedef struct dual {
  double value, slope;
} dual;

static dual border_dual(dual a, dual b, dual *sum) {
  *sum = (dual){a.value + b.value, a.slope + b.slope};
  const double y = tanh(sum->value);
  return (dual){y, sum->slope * (1 - y * y)};
}

// The derivative of the function by one of its inputs, forward through the nodes in f64, times upstream. Elements do not
// mix, so that all of them are done at once.
static void forward_derivative(const machine *m, int input, double *out) {
  const graph *g = m->f->g;
  dual *all = ARENA_ARRAY(m->f->memory, dual, g->n_tensors);
  for (int k = 0; k < WIDTH; k++) {
    for (uint64_t i = 0; i < g->n_nodes; i++) {
      const node *n = g->nodes[i];
      dual in[2] = {0};
      for (uint32_t q = 0; q < n->n_in; q++) {
        if (!n->in[q]->persistent) in[q] = all[n->in[q]->id];
        for (int p = 0; p < N_INPUTS; p++)
          if (n->in[q] == m->f->in[p]) in[q] = (dual){m->in[p][k], p == input};
      }
      const dual a = in[0], b = in[1];
      const double y = tanh(a.value);
      dual *result = &all[n->out[0]->id];
      if (n->op == &product_op) *result = (dual){a.value * b.value, a.slope * b.value + a.value * b.slope};
      else if (n->op == &squash_op) *result = (dual){y, a.slope * (1 - y * y)};
      else if (n->op == &border_op) *result = border_dual(a, b, &all[n->out[1]->id]);
      else *result = (dual){a.value + b.value, a.slope + b.slope};
    }
    out[k] = all[m->f->out->id].slope * m->upstream[k];
  }
}

// Gradients against forward derivatives, and with checkpointing in all its forms the same bits as without.
static void random_functions(void **state) {
  (void)state;
  const graph_recompute forms[] = {{0, 0}, {GRAPH_NONE, 0}, {GRAPH_NONE, 2}, {GRAPH_NONE, 3}, {2, 0}, {3, 2}};
  enum { N_FORMS = sizeof forms / sizeof *forms };
  uint32_t compared = 0;
  uint64_t bytes[N_FORMS] = {0};
  for (uint64_t seed = 0; seed < 150; seed++) {
    function f[N_FORMS];
    machine m[N_FORMS];
    for (int v = 0; v < N_FORMS; v++) {
      f[v] = make(seed, forms[v]);
      m[v] = new_machine(&f[v], seed);
      bytes[v] += f[v].g->planned_bytes;
    }
    for (int i = 1; i < N_INPUTS; i++) {
      for (int v = 1; v < N_FORMS; v++) assert_int_equal(!f[0].gradient[i], !f[v].gradient[i]);
      if (!f[0].gradient[i]) continue;
      double want[WIDTH];
      forward_derivative(&m[0], i, want);
      for (int v = 0; v < N_FORMS; v++) run(&m[v]);
      const float *found = at(&m[0], f[0].gradient[i]);
      for (int k = 0; k < WIDTH; k++)
        if (!(fabs(found[k] - want[k]) <= 1e-5 + 1e-5 * fabs(want[k])))
          fail_msg("seed %d, input %d: expected the gradient %g, found %g", (int)seed, i, want[k], (double)found[k]);
      for (int v = 1; v < N_FORMS; v++) assert_memory_equal(found, at(&m[v], f[v].gradient[i]), sizeof(float) * WIDTH);
      compared++;
    }
    for (int v = 0; v < N_FORMS; v++) arena_free(f[v].memory);
  }
  for (int v = 1; v < N_FORMS; v++)
    print_message("%u gradients; %d segments in groups of %u: %.0f %% of the memory\n", compared, (int)forms[v].segments,
                  forms[v].group, 100.0 * (double)bytes[v] / (double)bytes[0]);
  assert_true(compared > 200);
  assert_true(bytes[1] * 10 < bytes[0] * 9);
  assert_true(bytes[4] < bytes[0] && bytes[1] < bytes[4]);
}

// What depends on nothing that is trained gets no gradient nodes, and a trained parameter none but its own rule's.
static void nothing_for_what_is_not_trained(void **state) {
  (void)state;
  arena *a = arena_new("frozen");
  graph *g = graph_new(a, "frozen", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  tensor *data = tensor_persistent(a, "data", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){WIDTH});
  tensor *w = tensor_persistent(a, "w", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){WIDTH});
  tensor *up = tensor_persistent(a, "upstream", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){WIDTH});
  w->needs_grad = true;
  tensor *h = data;
  for (int i = 0; i < 4; i++) h = append(g, &squash_op, 1, &h);
  assert_false(h->needs_grad);
  tensor *y = op_product(g, h, w);
  assert_true(y->needs_grad);
  graph_backward(g, y, up, (graph_recompute){0});
  assert_int_equal(g->n_nodes, 6); // four squashes, the product, and one product for w
  assert_null(graph_gradient(g, data));
  assert_null(graph_gradient(g, h));
  graph_gradient(g, w)->keep = true;
  graph_plan_within(g, &limits);
  assert_int_equal(g->n_nodes, 5); // nothing reads the forward's result
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_functions),
      cmocka_unit_test(nothing_for_what_is_not_trained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
