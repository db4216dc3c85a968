#include "eval/generator.h"

#include <math.h>
#include <string.h>

#include "models/load.h"

// One forward with a capacity: its inputs, graph and recording.
typedef struct pass {
  uint32_t capacity, n_last; // tokens; sequences whose logits it gives
  model_inputs in;
  tensor *last;   // i32 [n_last]: the rows of the sequences' last tokens
  tensor *logits; // [n_last, V]
  graph *graph;
  gpu_slice host_in, device_in, host_logits;
  gpu_recording *recording;
} pass;

enum { MOST_DECODE_ROWS = 32, MOST_DECODES = 6, SLOT_ALIGN = 64 };

struct generator {
  const model *model;
  gpu_device *device;
  generator_options options;
  tensor **cache_k, **cache_v;         // per layer [slots · context, kv]
  model_inputs tables;                 // the rotary ones
  pass prefill, decodes[MOST_DECODES]; // decodes: the smallest first
  uint32_t n_decodes;
  uint32_t stride; // rows of the cache from one slot to the next
  float *logits;   // [slots, vocabulary]: a feed may take several submissions
};

static uint32_t kv_size(const model *m) {
  return m->config.n_kv_heads * m->config.head_dim;
}

// Kernels take keys in steps from the first one that a group of rows sees, and sums are rounded by step. Slots that begin at
// multiples of all steps give a sequence the same bits in every slot and beside any other.
static uint32_t stride_of(uint32_t context) {
  return (context + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
}

generator_options generator_fit(const model *m, const gpu_device *d, uint32_t slots, uint32_t context) {
  const uint64_t rows = device_plan(d)->max_binding_bytes / 4 / kv_size(m) / SLOT_ALIGN * SLOT_ALIGN;
  if (context > rows) context = (uint32_t)rows;
  if (context && (uint64_t)slots * stride_of(context) > rows) slots = (uint32_t)(rows / stride_of(context));
  return (generator_options){.slots = slots, .context = context, .prefill_tokens = 256};
}

// --- inputs --------------------------------------------------------------------------------------------------------------

// Host and device hold the same arrays one after the other, so that one copy moves them.
enum { INPUT_COUNTS, INPUT_TOKENS, INPUT_POSITIONS, INPUT_RANGES, INPUT_CACHE_ROWS, INPUT_LAST, INPUT_WINDOW_RANGES, N_INPUTS };
enum { INPUT_ALIGN = 256 };

static void list_inputs(pass *p, tensor **out[N_INPUTS]) {
  tensor **const all[N_INPUTS] = {&p->in.counts,     &p->in.tokens, &p->in.positions,    &p->in.ranges,
                                  &p->in.cache_rows, &p->last,      &p->in.window_ranges};
  memcpy(out, all, sizeof all);
}

// 0 of an input that the model does not have.
static uint64_t input_bytes(const tensor *t) {
  return !t ? 0 : (tensor_bytes(t) + INPUT_ALIGN - 1) / INPUT_ALIGN * INPUT_ALIGN;
}

static void declare_inputs(arena *a, const model *m, pass *p) {
  const uint32_t n = p->capacity;
  p->in.counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){4});
  p->in.tokens = tensor_persistent(a, "tokens", DTYPE_I32, LIVE_TOKENS, 1, &n);
  p->in.positions = tensor_persistent(a, "positions", DTYPE_I32, LIVE_TOKENS, 1, &n);
  p->in.ranges = tensor_persistent(a, "ranges", DTYPE_I32, LIVE_TOKENS, 2, (uint32_t[]){n, 4});
  p->in.cache_rows = tensor_persistent(a, "cache_rows", DTYPE_I32, LIVE_TOKENS, 1, &n);
  if (model_mixes_windows(&m->config))
    p->in.window_ranges = tensor_persistent(a, "window_ranges", DTYPE_I32, LIVE_TOKENS, 2, (uint32_t[]){n, 4});
  p->last = tensor_persistent(a, "last", DTYPE_I32, LIVE_TARGETS, 1, &p->n_last);
}

static bool allocate_inputs(pass *p, gpu_heap *heap, gpu_heap *staging, err *e) {
  tensor **inputs[N_INPUTS];
  uint64_t bytes = 0, offset = 0;
  list_inputs(p, inputs);
  for (int i = 0; i < N_INPUTS; i++) bytes += input_bytes(*inputs[i]);
  TRY(heap_alloc(heap, bytes, &p->device_in, e) && heap_alloc(staging, bytes, &p->host_in, e));
  for (int i = 0; i < N_INPUTS; i++) {
    if (*inputs[i]) (*inputs[i])->memory = gpu_sub(p->device_in, offset, tensor_bytes(*inputs[i]));
    offset += input_bytes(*inputs[i]);
  }
  return heap_alloc(staging, tensor_bytes(p->logits), &p->host_logits, e);
}

static int32_t *host_input(pass *p, int which) {
  tensor **inputs[N_INPUTS];
  list_inputs(p, inputs);
  uint64_t offset = 0;
  for (int i = 0; i < which; i++) offset += input_bytes(*inputs[i]);
  return (int32_t *)(void *)((char *)gpu_map(p->host_in) + offset);
}

// --- building --------------------------------------------------------------------------------------------------------------

static void build(arena *a, generator *g, pass *p, const char *name, uint32_t capacity, uint32_t n_last) {
  p->capacity = capacity;
  p->n_last = n_last;
  p->in = g->tables;
  declare_inputs(a, g->model, p);
  p->in.cache_k = g->cache_k;
  p->in.cache_v = g->cache_v;
  p->graph = graph_new(a, name, p->in.counts);
  const model_forward f = {.g = p->graph, .m = g->model, .in = &p->in};
  tensor *h = op_gather_rows(p->graph, model_build(&f), p->last, NULL);
  p->logits = op_linear(p->graph, h, model_head(g->model)->t, NULL);
  p->logits->keep = true;
  graph_plan_within(p->graph, device_plan(g->device));
}

static bool record(generator *g, pass *p, const graph_memory *activations, err *e) {
  graph_bind_memory(p->graph, activations);
  p->recording = recording_new(g->device, p->graph->name);
  recording_copy(p->recording, p->host_in, p->device_in, p->device_in.bytes);
  recording_barrier(p->recording);
  TRY(graph_record(p->graph, g->device, p->recording, e));
  recording_barrier(p->recording);
  recording_copy(p->recording, p->logits->memory, p->host_logits, tensor_bytes(p->logits));
  return recording_end(p->recording, e);
}

static bool allocate_cache(generator *g, gpu_heap *heap, err *e) {
  for (uint32_t l = 0; l < g->model->config.n_layers; l++) {
    TRY(heap_alloc(heap, tensor_bytes(g->cache_k[l]), &g->cache_k[l]->memory, e));
    TRY(heap_alloc(heap, tensor_bytes(g->cache_v[l]), &g->cache_v[l]->memory, e));
  }
  return load_allocate_rotary(&g->tables, heap, e);
}

static void declare_cache(arena *a, generator *g) {
  const uint32_t n = g->model->config.n_layers, shape[] = {g->options.slots * g->stride, kv_size(g->model)};
  g->cache_k = ARENA_ARRAY(a, tensor *, n);
  g->cache_v = ARENA_ARRAY(a, tensor *, n);
  for (uint32_t l = 0; l < n; l++) {
    g->cache_k[l] = tensor_persistent(a, "cache_k", DTYPE_F32, LIVE_ALL, 2, shape);
    g->cache_v[l] = tensor_persistent(a, "cache_v", DTYPE_F32, LIVE_ALL, 2, shape);
  }
  load_declare_rotary(a, g->model, g->options.context, &g->tables);
}

// A step costs what its capacity costs, not what is alive in it, and sequences end one after the other: so there are
// decodes of several capacities. All of them must round as one: products of more rows may take kernels that round otherwise
// (cooperative matrices), so larger steps take several submissions.
static void build_all(arena *a, generator *g) {
  const uint32_t slots = g->options.slots, prefill = g->options.prefill_tokens;
  const uint32_t most = slots < MOST_DECODE_ROWS ? slots : MOST_DECODE_ROWS;
  build(a, g, &g->prefill, "prefill", prefill > 2 ? prefill : 2, slots);
  for (uint32_t capacity = 1; capacity < most; capacity *= 2)
    build(a, g, &g->decodes[g->n_decodes++], "decode", capacity, capacity);
  build(a, g, &g->decodes[g->n_decodes++], "decode", most, most);
}

static pass *pass_at(generator *g, uint32_t i) {
  return i ? &g->decodes[i - 1] : &g->prefill;
}

bool generator_new(arena *a, const model *m, gpu_device *d, gpu_heap *heap, gpu_heap *staging, const generator_options *options,
                   generator **out, err *e) {
  generator *g = ARENA_NEW(a, generator);
  *g = (generator){.model = m, .device = d, .options = *options, .stride = stride_of(options->context)};
  *out = g;
  g->logits = ARENA_ARRAY(a, float, (uint64_t)options->slots * m->config.vocab_size);
  declare_cache(a, g);
  build_all(a, g);
  graph_memory activations = {0};
  for (uint32_t i = 0; i <= g->n_decodes; i++) graph_memory_add(&activations, pass_at(g, i)->graph);
  TRY(allocate_cache(g, heap, e) && load_rotary(m, &g->tables, options->context, d, e));
  for (uint32_t i = 0; i <= g->n_decodes; i++) TRY(allocate_inputs(pass_at(g, i), heap, staging, e));
  TRY(graph_memory_allocate(&activations, heap, e));
  for (uint32_t i = 0; i <= g->n_decodes; i++) TRY(graph_request(pass_at(g, i)->graph, d, e));
  for (uint32_t i = 0; i <= g->n_decodes; i++) TRY(record(g, pass_at(g, i), &activations, e));
  return true;
}

void generator_free(generator *g) {
  if (!g) return;
  for (uint32_t i = 0; i <= g->n_decodes; i++) recording_free(pass_at(g, i)->recording);
}

// --- feeding -------------------------------------------------------------------------------------------------------------

static void put_range(pass *p, int which, uint32_t row, uint32_t first, uint32_t position, uint32_t window) {
  int32_t *range = host_input(p, which) + 4 * (uint64_t)row;
  range[0] = (int32_t)(first + (window && position + 1 > window ? position + 1 - window : 0));
  range[1] = (int32_t)(first + position + 1);
  range[2] = range[3] = 0;
}

// One token of a sequence as row `row` of a pass.
static void put_token(const generator *g, pass *p, uint32_t row, uint32_t slot, uint32_t position, int32_t id) {
  const uint32_t first = slot * g->stride, window = g->model->config.sliding_window;
  const bool mixed = p->in.window_ranges != NULL;
  REQUIRE(position < g->options.context, "position %u of a slot of %u tokens", position, g->options.context);
  host_input(p, INPUT_TOKENS)[row] = id;
  host_input(p, INPUT_POSITIONS)[row] = (int32_t)position;
  host_input(p, INPUT_CACHE_ROWS)[row] = (int32_t)(first + position);
  put_range(p, INPUT_RANGES, row, first, position, mixed ? 0 : window);
  if (mixed) put_range(p, INPUT_WINDOW_RANGES, row, first, position, window);
}

// The beginning of a sequence is always a prefill, if it is only one token: so what an answer is does not depend on what else
// is fed beside it.
static pass *choose_pass(generator *g, const feed *pieces, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (pieces[i].n > 1 || !pieces[i].position) return &g->prefill;
  uint32_t i = 0;
  while (i + 1 < g->n_decodes && g->decodes[i].capacity < n) i++;
  return &g->decodes[i];
}

static void cap_logits(const generator *g, float *logits, uint64_t n) {
  const float cap = (float)g->model->config.logits_cap;
  for (uint64_t i = 0; cap > 0 && i < n; i++) logits[i] = cap * tanhf(logits[i] / cap);
}

bool generator_feed(generator *g, const feed *pieces, uint32_t n, const float **logits, err *e) {
  const uint64_t vocabulary = g->model->config.vocab_size;
  uint32_t piece = 0, done = 0; // done: tokens of `piece` that are in
  REQUIRE(n <= g->options.slots, "%u sequences in %u slots", n, g->options.slots);
  pass *p = choose_pass(g, pieces, n);
  while (piece < n) {
    uint32_t rows = 0, ended = 0;
    const uint64_t first_ended = piece;
    while (piece < n && rows < p->capacity) {
      const feed *f = &pieces[piece];
      put_token(g, p, rows++, f->slot, f->position + done, f->ids[done]);
      if (++done < f->n) continue;
      host_input(p, INPUT_LAST)[ended++] = (int32_t)rows - 1;
      piece++;
      done = 0;
    }
    int32_t *counts = host_input(p, INPUT_COUNTS);
    counts[LIVE_TOKENS] = (int32_t)rows;
    counts[LIVE_TARGETS] = (int32_t)ended;
    counts[LIVE_IDS] = counts[3] = 0;
    TRY(gpu_run(g->device, &p->recording, 1, e));
    memcpy(g->logits + first_ended * vocabulary, gpu_map(p->host_logits), ended * vocabulary * sizeof(float));
    cap_logits(g, g->logits + first_ended * vocabulary, ended * vocabulary);
  }
  for (uint32_t i = 0; i < n; i++) logits[i] = g->logits + i * vocabulary;
  return true;
}

uint32_t generator_vocabulary(const generator *g) {
  return g->model->config.vocab_size;
}
