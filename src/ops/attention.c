// attention: o = softmax(cap(scale · q kᵀ)) v, each query over its own range of keys. q, o [N, H·D]; k, v [K, Hkv·D], of the
// row itself (K = N) or a cache; lse [N, H] (saved) = ln Σ_j exp(scale · q·k[j]); ranges i32 [N, 4]. Scores are never
// stored. A query without keys: o = lse = 0. cap(s) = c · tanh(s / c), or s where c is 0; then kernels are compiled without it.
//
// Backward (Dao, "FlashAttention-2", 2023), for K = N, with w[n][j] = exp(cap(scale · q[n]·k[j]) − lse[n]):
//   delta[n] = do[n]·o[n],  ds = w · (do[n]·v[j] − delta[n]) · cap′, cap′ = 1 − tanh²
//   dq[n] = scale · Σ_j ds k[j]    dk[j] = scale · Σ_n ds q[n]    dv[j] = Σ_n w do[n]
// dq per tile of queries and dk, dv per tile of keys are kernels of their own: seven products instead of five, but no
// atomics, so that the order of every sum is fixed. A third one before them makes delta.
//
// Each pass has two forms: shaders/attention_tile.glsl for GPUs, where query heads that share a key head share its staged
// tiles; and shaders/attention_lanes.glsl for CPU devices, where an invocation holds a whole row, for heads that its private
// arrays hold. Few queries against a cache, each on keys of its own, have forms of their own: shaders/attention_decode.comp and
// attention_lanes_decode.comp.
#include "attention.h"
#include "ops/op.h"

typedef struct attention_options {
  attention_shape shape;
} attention_options;

enum { DECODE_ROWS = 64, DECODE_LOCAL = 64 }; // at most that many query rows against more keys take attention_decode
enum { LANES_MAX_DIM = 128, LANES_MAX_HEADS = 4, DECODE_STEP = 8 }; // DECODE_STEP subgroups of keys in a block
// Of attention_tile.glsl: how many quads of sums an invocation holds for each of its rows before 16 instead of 8 share a row,
// and at most; `few` where registers are.
typedef struct tile_sums {
  uint32_t usual, few, most;
} tile_sums;
static const tile_sums fwd_sums = {4, 2, 4}, dq_sums = {4, 1, 4}, dkv_sums = {2, 1, 2};

static struct attention_params params_of(const attention_shape *s, const tensor *q, const tensor *k) {
  return (struct attention_params){.rows = tensor_rows(q),
                                   .keys = tensor_rows(k),
                                   .n_heads = s->n_heads,
                                   .n_kv_heads = s->n_kv_heads,
                                   .live = q->live,
                                   .scale = s->scale,
                                   .cap = s->cap};
}

// Tiles of `tile` rows × heads.
static void record_row_tiles(recorder *r, const char *shader, const uint32_t *spec, uint32_t n_spec, const bind *binds,
                             uint32_t n_binds, const struct attention_params *p, uint32_t rows, tensor_live live, uint32_t tile,
                             uint32_t heads) {
  const row_groups groups = {
      .groups = {div_up(rows, tile), heads, 1}, .live = live, .rows = rows, .per_row = 1, .per_group = tile};
  record_dispatch_rows(r, shader, spec, n_spec, binds, n_binds, p, sizeof *p, &groups);
}

// Dispatches a tiled kernel (shaders/attention_tile.glsl) over `rows` rows, each of `sharing` query heads or (1) a key head.
// Shared memory is 64 · down · chunk + 512 · wide + 16 · size bytes: at most 14 KiB, or 22 where there are 32. Software drivers,
// where a barrier is a switch between coroutines, stage twice as many features of rows at once, in 26 KiB.
static void record_tiled(recorder *r, const char *shader, const attention_shape *s, const struct attention_params *p,
                         uint32_t rows, tensor_live live, uint32_t sharing, const tile_sums *sums, const bind *binds,
                         uint32_t n_binds) {
  const gpu_plan *plan = record_plan(r);
  const bool few = plan->waves_of_64 || plan->max_sums < 64, roomy = !few && plan->max_shared_bytes >= 32 * 1024;
  const uint32_t quads = div_up(s->head_dim, 4), held = few ? sums->few : sums->usual;
  const uint32_t across = quads > 8 * held ? 16 : 8, size = plan->is_cpu ? 64 : 128;
  const uint32_t down = size / across, parts = div_up(quads, across * sums->most), each = div_up(quads, across * parts);
  const uint32_t wide = roomy && each > 1 ? 2 * across : across; // more goes over the columns NVK does not unroll
  const uint32_t chunk = wide > 8 && plan->software && roomy ? 16 : 8;
  const uint32_t spec[] = {size,  s->head_dim, across, down, wide, s->n_heads / s->n_kv_heads, parts, plan->software ? 1 : 2,
                           chunk, s->cap > 0};
  const row_groups groups = {.groups = {div_up(rows * sharing, 4 * down), s->n_kv_heads, parts},
                             .live = live,
                             .rows = rows,
                             .per_row = sharing,
                             .per_group = 4 * down};
  record_dispatch_rows(r, shader, spec, 10, binds, n_binds, p, sizeof *p, &groups);
}

// Whether the form for CPU devices takes such heads.
static bool takes_lanes(const recorder *r, const attention_shape *s) {
  const gpu_plan *plan = record_plan(r);
  const uint32_t most = plan->on[GPU_FEATURE_BUFFER_ADDRESS] ? LANES_MAX_DIM : plan->lanes_bound;
  return plan->is_cpu && s->head_dim % 4 == 0 && s->head_dim <= most && s->head_dim <= LANES_MAX_DIM;
}

// Query heads of one key head that an invocation holds: the more, the more is done with each broadcast element.
static uint32_t heads_together(const attention_shape *s) {
  const uint32_t sharing = s->n_heads / s->n_kv_heads, most = s->head_dim > 64 ? LANES_MAX_HEADS / 2 : LANES_MAX_HEADS;
  for (uint32_t n = most; n > 1; n--)
    if (sharing % n == 0) return n;
  return 1;
}

// Dispatches a kernel of shaders/attention_lanes.glsl, named [by addresses, with bindings], over rows × heads, `together` heads
// and `step` columns at a time. Longer steps make code that leaves the instruction cache and takes seconds to compile.
static void record_lanes(recorder *r, const char *const shaders[2], const attention_shape *s, const struct attention_params *p,
                         uint32_t rows, tensor_live live, uint32_t heads, uint32_t together, uint32_t step, const bind *binds,
                         uint32_t n_binds) {
  const uint32_t lanes = record_plan(r)->subgroup_size, spec[] = {lanes, s->head_dim, together, step, s->cap > 0};
  const char *shader = shaders[!record_plan(r)->on[GPU_FEATURE_BUFFER_ADDRESS]];
  record_row_tiles(r, shader, spec, 5, binds, n_binds, p, rows, live, lanes, heads / together);
}

static const char *const lanes_fwd[] = {"attention_lanes_fwd_addr", "attention_lanes_fwd"};
static const char *const lanes_decode[] = {"attention_lanes_decode_addr", "attention_lanes_decode"};
static const char *const lanes_dq[] = {"attention_lanes_dq_addr", "attention_lanes_dq"};
static const char *const lanes_dkv[] = {"attention_lanes_dkv_addr", "attention_lanes_dkv"};

// in: o, do, lse, ranges; out: stats [N, H, 2] (lse, delta), spans [N, 2] (the queries that see a key)
static void attention_prepare_record(recorder *r, const node *n) {
  const attention_shape *s = &((const attention_options *)n->params)->shape;
  const struct attention_params p = params_of(s, n->in[0], n->in[0]);
  const uint32_t spec[] = {ELEMENTS_LOCAL, s->head_dim};
  const bind binds[] = {BIND(n->in[0]),         BIND(n->in[1]),  BIND(n->in[2]), BIND(n->in[3]),
                        BIND(record_counts(r)), BIND(n->out[0]), BIND(n->out[1])};
  uint32_t groups[2];
  record_grid(((uint64_t)p.rows * p.n_heads + ELEMENTS_LOCAL - 1) / ELEMENTS_LOCAL, groups);
  record_dispatch(r, "attention_prepare", spec, 2, binds, 7, &p, sizeof p, groups[0], groups[1], 1);
}

static const op_desc attention_prepare_op = {.name = "attention_prepare", .record = attention_prepare_record};

// in: q, k, v, do, ranges, stats; out: dq
static void attention_dq_record(recorder *r, const node *n) {
  const attention_shape *s = &((const attention_options *)n->params)->shape;
  const struct attention_params p = params_of(s, n->in[0], n->in[1]);
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2]),         BIND(n->in[3]),
                        BIND(n->in[4]), BIND(n->in[5]), BIND(record_counts(r)), BIND(n->out[0])};
  const uint32_t together = heads_together(s);
  if (takes_lanes(r, s)) record_lanes(r, lanes_dq, s, &p, p.rows, p.live, p.n_heads, together, together > 1 ? 1 : 2, binds, 8);
  else record_tiled(r, "attention_dq", s, &p, p.rows, p.live, s->n_heads / s->n_kv_heads, &dq_sums, binds, 8);
}

static const op_desc attention_dq_op = {.name = "attention_dq", .record = attention_dq_record};

// in: q, k, v, do, spans, stats; out: dk, dv
static void attention_dkv_record(recorder *r, const node *n) {
  const attention_shape *s = &((const attention_options *)n->params)->shape;
  const struct attention_params p = params_of(s, n->in[0], n->in[1]);
  const bind binds[] = {BIND(n->in[0]), BIND(n->in[1]), BIND(n->in[2]),  BIND(n->in[3]),
                        BIND(n->in[4]), BIND(n->in[5]), BIND(n->out[0]), BIND(n->out[1])};
  if (takes_lanes(r, s)) record_lanes(r, lanes_dkv, s, &p, p.keys, LIVE_ALL, p.n_kv_heads, 1, 2, binds, 8);
  else record_tiled(r, "attention_dkv", s, &p, p.keys, LIVE_ALL, 1, &dkv_sums, binds, 8);
}

static const op_desc attention_dkv_op = {.name = "attention_dkv", .record = attention_dkv_record};

static void attention_grad(struct backward *b, const node *n) {
  graph *g = grad_graph(b);
  const attention_options *options = n->params;
  tensor *q = grad_saved_in(b, n, 0), *k = grad_saved_in(b, n, 1), *v = grad_saved_in(b, n, 2), *ranges = n->in[3];
  tensor *o = grad_saved_out(b, n, 0), *lse = grad_saved_out(b, n, 1), *dout = grad_out(b, n, 0);
  const uint32_t rows = tensor_rows(q);
  REQUIRE(tensor_rows(k) == rows, "gradient of attention of %u queries on %u keys", rows, tensor_rows(k));

  tensor *prepared[] = {
      graph_tensor(g, "attention_stats", DTYPE_F32, q->live, 3, (uint32_t[]){rows, options->shape.n_heads, 2}),
      graph_tensor(g, "attention_spans", DTYPE_I32, LIVE_ALL, 2, (uint32_t[]){rows, 2}),
  };
  graph_node(g, &attention_prepare_op, options, sizeof *options, 4, (tensor *[]){o, dout, lse, ranges}, 2, prepared);
  if (grad_wanted(b, n, 0)) {
    tensor *dq = graph_tensor_like(g, "dq", q);
    graph_node(g, &attention_dq_op, options, sizeof *options, 6, (tensor *[]){q, k, v, dout, ranges, prepared[0]}, 1, &dq);
    grad_in(b, n, 0, dq);
  }
  if (!grad_wanted(b, n, 1) && !grad_wanted(b, n, 2)) return;
  tensor *dkv[] = {graph_tensor_like(g, "dk", k), graph_tensor_like(g, "dv", v)};
  graph_node(g, &attention_dkv_op, options, sizeof *options, 6, (tensor *[]){q, k, v, dout, prepared[1], prepared[0]}, 2, dkv);
  for (uint32_t i = 0; i < 2; i++)
    if (grad_wanted(b, n, 1 + i)) grad_in(b, n, 1 + i, dkv[i]);
}

static void attention_record(recorder *r, const node *n) {
  const attention_shape *s = &((const attention_options *)n->params)->shape;
  const struct attention_params p = params_of(s, n->in[0], n->in[1]);
  const bind binds[] = {BIND(n->in[0]),         BIND(n->in[1]),  BIND(n->in[2]), BIND(n->in[3]),
                        BIND(record_counts(r)), BIND(n->out[0]), BIND(n->out[1])};
  if (p.rows <= DECODE_ROWS && p.keys > p.rows && takes_lanes(r, s)) {
    const uint32_t together = heads_together(s), lanes = record_plan(r)->subgroup_size;
    const uint32_t spec[] = {lanes, s->head_dim, together, DECODE_STEP, s->cap > 0};
    record_row_tiles(r, lanes_decode[!record_plan(r)->on[GPU_FEATURE_BUFFER_ADDRESS]], spec, 5, binds, 7, &p, p.rows, p.live, 1,
                     p.n_heads / together);
  } else if (p.rows <= DECODE_ROWS && p.keys > p.rows) {
    const uint32_t spec[] = {DECODE_LOCAL, s->head_dim, s->cap > 0};
    record_row_tiles(r, "attention_decode", spec, 3, binds, 7, &p, p.rows, p.live, 1, p.n_heads);
  } else if (takes_lanes(r, s)) {
    record_lanes(r, lanes_fwd, s, &p, p.rows, p.live, p.n_heads, heads_together(s), 2, binds, 7);
  } else {
    record_tiled(r, "attention_fwd", s, &p, p.rows, p.live, s->n_heads / s->n_kv_heads, &fwd_sums, binds, 7);
  }
}

const op_desc attention_op = {.name = "attention", .grad = attention_grad, .record = attention_record};

tensor *op_attention(graph *g, tensor *q, tensor *k, tensor *v, tensor *ranges, const attention_shape *shape) {
  const attention_options options = {*shape};
  const uint32_t rows = tensor_rows(q), lse_shape[] = {rows, shape->n_heads};
  REQUIRE(shape->n_kv_heads && shape->n_heads % shape->n_kv_heads == 0, "%u query heads, %u key heads", shape->n_heads,
          shape->n_kv_heads);
  REQUIRE(shape->head_dim && shape->head_dim <= 256, "attention with heads of %u features", shape->head_dim);
  REQUIRE(shape->cap >= 0, "attention with scores capped at %g", (double)shape->cap);
  REQUIRE(tensor_row_size(q) == shape->n_heads * shape->head_dim, "%s has %u features", q->name, tensor_row_size(q));
  REQUIRE(tensor_row_size(k) == shape->n_kv_heads * shape->head_dim, "%s has %u features", k->name, tensor_row_size(k));
  REQUIRE(tensor_elements(k) == tensor_elements(v), "%s and %s differ in shape", k->name, v->name);
  REQUIRE(ranges->type == DTYPE_I32 && tensor_rows(ranges) == rows && tensor_row_size(ranges) == 4, "ranges of %s", q->name);
  tensor *out[] = {graph_tensor_like(g, "attention", q), graph_tensor(g, "lse", DTYPE_F32, q->live, 2, lse_shape)};
  graph_node(g, &attention_op, &options, sizeof options, 4, (tensor *[]){q, k, v, ranges}, 2, out);
  return out[0];
}
