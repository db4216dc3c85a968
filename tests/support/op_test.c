#include "support/op_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/blocks.h"

static op_value value_new(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape) {
  op_value value = {.t = tensor_persistent(t->memory, name, type, live, n_dims, shape)};
  err e = {0};
  if (!heap_alloc(t->heap, tensor_bytes(value.t), &value.t->memory, &e)) fail_msg("%s", e.message);
  value.v = ARENA_ARRAY(t->memory, double, tensor_elements(value.t));
  return value;
}

static void upload(op_test *t, const tensor *to, const void *data) {
  err e = {0};
  if (!gpu_upload(t->device, to->memory, data, dtype_bytes(to->type, tensor_elements(to)), &e)) fail_msg("%s", e.message);
}

// Of bytes that hold a tensor as the device has it.
static op_value value_of(op_test *t, op_value value, const void *stored) {
  const uint64_t n = tensor_elements(value.t);
  float *f = ARENA_ARRAY(t->memory, float, n);
  dtype_to_f32(value.t->type, stored, f, n);
  for (uint64_t i = 0; i < n; i++) value.v[i] = f[i];
  upload(t, value.t, stored);
  return value;
}

op_value op_test_stored(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        const void *stored) {
  return value_of(t, value_new(t, name, type, live, n_dims, shape), stored);
}

op_value op_test_values(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        const double *v) {
  uint64_t n = 1;
  for (uint32_t i = 0; i < n_dims; i++) n *= shape[i];
  float *f = ARENA_ARRAY(t->memory, float, n);
  void *stored = arena_alloc(t->memory, dtype_bytes(type, n));
  for (uint64_t i = 0; i < n; i++) f[i] = (float)v[i];
  dtype_from_f32(type, f, stored, n);
  return op_test_stored(t, name, type, live, n_dims, shape, stored);
}

op_value op_test_random(op_test *t, const char *name, dtype type, tensor_live live, uint32_t n_dims, const uint32_t *shape,
                        double scale) {
  if (dtype_is_quantized(type) && type < DTYPE_NF4) { // not of values: nothing here makes these types of them
    op_value value = value_new(t, name, type, live, n_dims, shape);
    uint8_t *stored = arena_alloc(t->memory, tensor_bytes(value.t));
    blocks_random(&t->random, type, tensor_elements(value.t), scale, stored);
    return value_of(t, value, stored);
  }
  uint64_t n = 1;
  for (uint32_t i = 0; i < n_dims; i++) n *= shape[i];
  double *v = ARENA_ARRAY(t->memory, double, n);
  for (uint64_t i = 0; i < n; i++) v[i] = scale * rng_normal(&t->random);
  return op_test_values(t, name, type, live, n_dims, shape, v);
}

tensor *op_test_ints(op_test *t, const char *name, tensor_live live, uint32_t n_dims, const uint32_t *shape, const int32_t *v) {
  op_value value = value_new(t, name, DTYPE_I32, live, n_dims, shape);
  upload(t, value.t, v);
  return value.t;
}

tensor *op_test_train(op_test *t, op_value *value, double start) {
  uint64_t n = tensor_elements(value->t);
  double *v = ARENA_ARRAY(t->memory, double, n);
  for (uint64_t i = 0; i < n; i++) v[i] = start;
  value->t->needs_grad = true;
  value->t->grad_sum = op_test_values(t, "grad_sum", DTYPE_F32, value->t->live, value->t->n_dims, value->t->shape, v).t;
  return value->t->grad_sum;
}

void op_test_wants_gradient(op_value *value) {
  value->t->needs_grad = true;
}

tensor *op_test_passed(op_test *t, tensor *x) {
  double *zeros = ARENA_ARRAY(t->memory, double, tensor_elements(x));
  return op_add(t->graph, x, op_test_values(t, "zeros", DTYPE_F32, x->live, x->n_dims, x->shape, zeros).t);
}

tensor *op_test_handed_on(op_test *t, tensor *y) {
  const uint32_t n = tensor_row_size(y);
  double *identity = ARENA_ARRAY(t->memory, double, (uint64_t)n *n);
  for (uint32_t i = 0; i < n; i++) identity[(uint64_t)i * n + i] = 1;
  return op_linear(t->graph, y, op_test_values(t, "identity", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){n, n}, identity).t, NULL);
}

void op_test_in_place(const op_test *t, const char *op, uint32_t outputs) {
  uint32_t found = 0;
  for (uint64_t i = 0; i < t->graph->n_nodes; i++) {
    const node *n = t->graph->nodes[i];
    if (strcmp(n->op->name, op)) continue;
    found++;
    for (uint32_t k = 0; k < n->n_out; k++) {
      if (!(outputs >> k & 1)) continue;
      const gpu_slice in = n->in[k]->memory, out = n->out[k]->memory;
      if (in.buffer != out.buffer || in.offset != out.offset)
        fail_msg("output %u of %s does not lie where its input lies", k, op);
    }
  }
  if (!found) fail_msg("no node of %s", op);
}

void op_test_run(op_test *t) {
  err e = {0};
  upload(t, t->graph->counts, t->counts);
  graph_plan_within(t->graph, device_plan(t->device));
  graph_memory memory = {0};
  graph_memory_add(&memory, t->graph);
  gpu_recording *poison = recording_new(t->device, "poison"), *r = recording_new(t->device, "case");
  if (!graph_memory_allocate(&memory, t->heap, &e)) fail_msg("%s", e.message);
  graph_bind_memory(t->graph, &memory);
  for (uint32_t i = 0; i < memory.n; i++)
    recording_fill(poison, memory.slices[i], 0x7fc00000u); // NaN: what a kernel does not write must not be read
  bool ok = recording_end(poison, &e) && graph_record(t->graph, t->device, r, &e) && recording_end(r, &e) &&
            gpu_run(t->device, (gpu_recording *[]){poison, r}, 2, &e);
  if (!ok) fail_msg("%s", e.message);
  recording_free(poison);
  recording_free(r);
  assert_int_equal(device_validation_messages(t->device), 0);
}

double *op_test_read(op_test *t, const tensor *x) {
  uint64_t n = tensor_elements(x);
  void *stored = arena_alloc(t->memory, tensor_bytes(x));
  float *f = ARENA_ARRAY(t->memory, float, n);
  double *v = ARENA_ARRAY(t->memory, double, n);
  err e = {0};
  if (!gpu_download(t->device, x->memory, stored, dtype_bytes(x->type, n), &e)) fail_msg("%s", e.message);
  if (x->type == DTYPE_I32) {
    for (uint64_t i = 0; i < n; i++) v[i] = ((const int32_t *)stored)[i];
    return v;
  }
  dtype_to_f32(x->type, stored, f, n);
  for (uint64_t i = 0; i < n; i++) v[i] = f[i];
  return v;
}

void op_test_close(const char *what, const double *got, const double *want, uint64_t n, double tolerance) {
  double largest = 1, worst = -1;
  uint64_t at = 0;
  for (uint64_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
  for (uint64_t i = 0; i < n; i++) {
    double error = fabs(got[i] - want[i]);
    if (!(error <= worst)) worst = error, at = i; // a NaN is the worst there is
    if (isnan(error)) break;
  }
  if (n && !(worst <= tolerance * largest))
    fail_msg("%s: element %llu of %llu is %.9g, expected %.9g (allowed difference %.3g)", what, (unsigned long long)at,
             (unsigned long long)n, got[at], want[at], tolerance * largest);
}

static double *copy_of(op_test *t, const double *v, uint64_t n) {
  double *c = ARENA_ARRAY(t->memory, double, n);
  memcpy(c, v, (size_t)n * sizeof *c);
  return c;
}

static double dot(const double *a, const double *b, uint64_t n) {
  double sum = 0;
  for (uint64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double *random_array(op_test *t, uint64_t n) {
  double *v = ARENA_ARRAY(t->memory, double, n);
  for (uint64_t i = 0; i < n; i++) v[i] = rng_normal(&t->random);
  return v;
}

// With upstream w, d(w·f(x + h·u))/dh at 0 must be u · backward(w), for each input and a random direction u.
void op_reference_check(op_test *t, const op_reference *r, double *const *in) {
  const double h = 1e-5;
  double *w = random_array(t, r->out_size), *out = ARENA_ARRAY(t->memory, double, r->out_size), *din[8];
  for (uint32_t i = 0; i < r->n_in; i++) din[i] = ARENA_ARRAY(t->memory, double, r->in_size[i]);
  r->backward(r->context, in, w, din);
  for (uint32_t i = 0; i < r->n_in; i++) {
    uint64_t n = r->in_size[i];
    double *u = random_array(t, n), *moved[8], f[2];
    memcpy(moved, in, sizeof(double *) * r->n_in);
    moved[i] = copy_of(t, in[i], n);
    for (int side = 0; side < 2; side++) {
      for (uint64_t k = 0; k < n; k++) moved[i][k] = in[i][k] + (side ? -h : h) * u[k];
      memset(out, 0, (size_t)r->out_size * sizeof *out);
      r->forward(r->context, moved, out);
      f[side] = dot(w, out, r->out_size);
    }
    double numeric = (f[0] - f[1]) / (2 * h), exact = dot(u, din[i], n);
    double scale = fmax(1, fmax(fabs(exact), sqrt(dot(u, u, n) * dot(din[i], din[i], n))));
    if (!(fabs(numeric - exact) <= 1e-7 * scale))
      fail_msg("reference gradient of input %u: finite differences give %.12g, backward %.12g", i, numeric, exact);
  }
}

void op_test_check(op_test *t, const op_reference *r, tensor *y, op_value *inputs, const uint64_t *in_live, uint64_t live_out,
                   double tolerance) {
  double *in[8], *din[8], *want = ARENA_ARRAY(t->memory, double, r->out_size);
  bool any_gradient = false;
  for (uint32_t i = 0; i < r->n_in; i++) {
    in[i] = inputs[i].v;
    din[i] = ARENA_ARRAY(t->memory, double, r->in_size[i]);
    any_gradient |= inputs[i].t->needs_grad;
  }
  if (r->backward) op_reference_check(t, r, in);
  r->forward(r->context, in, want);

  y->keep = true;
  op_value upstream = {0};
  if (any_gradient) {
    upstream = op_test_random(t, "upstream", DTYPE_F32, y->live, y->n_dims, y->shape, 1.0);
    for (uint64_t i = live_out; i < r->out_size; i++) upstream.v[i] = 0; // rows that hold no data
    r->backward(r->context, in, upstream.v, din);
    graph_backward(t->graph, y, upstream.t, (graph_recompute){0});
    for (uint32_t i = 0; i < r->n_in; i++) {
      tensor *gradient = inputs[i].t->needs_grad && !inputs[i].t->grad_sum ? graph_gradient(t->graph, inputs[i].t) : NULL;
      if (gradient) gradient->keep = true;
    }
  }
  op_test_run(t);
  op_test_close("forward", op_test_read(t, y), want, live_out, tolerance);
  for (uint32_t i = 0; i < r->n_in; i++) {
    tensor *x = inputs[i].t;
    if (!x->needs_grad) continue;
    uint64_t n = in_live && in_live[i] ? in_live[i] : r->in_size[i];
    char what[64];
    snprintf(what, sizeof what, "gradient of %s", x->name);
    const tensor *gradient = x->grad_sum ? x->grad_sum : graph_gradient(t->graph, x);
    assert_non_null(gradient);
    if (x->grad_sum)
      for (uint64_t k = 0; k < n; k++) din[i][k] += 0.5; // what op_test_train put there
    op_test_close(what, op_test_read(t, gradient), din[i], n, tolerance);
  }
}
