#include "models/batch.h"

#include "models/load.h"

enum { PART_ALIGN = 256, CAPACITY_STEP = 64, MOST_GROUPS = 65535, WINDOW_STEP = 64, HEAD_IDS = 128 };

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

// Of a layer's results: a fused projection's is wider than the MLP's.
static uint32_t widest(const model *m) {
  uint32_t most = m->config.intermediate_size;
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].role == PARAM_LINEAR && m->params[i].shape[0] > most) most = m->params[i].shape[0];
  return most;
}

uint32_t batch_most_tokens(const model *m, const gpu_plan *limits) {
  const model_config *c = &m->config;
  const uint64_t heads = (uint64_t)c->n_heads * c->head_dim, hidden = heads > c->hidden_size ? heads : c->hidden_size;
  // Attention and norms bind all rows whole, the head a column of 128 logits.
  uint64_t tokens = smaller(MOST_GROUPS, limits->max_binding_bytes / 4 / (hidden > HEAD_IDS ? hidden : HEAD_IDS));
  const uint64_t wide = widest(m);
  if (WINDOW_STEP * wide * 4 > limits->max_binding_bytes) tokens = smaller(tokens, limits->max_binding_bytes / 4 / wide);
  return (uint32_t)smaller(tokens, graph_chunk_bytes(limits) / 4 / (wide > hidden ? wide : hidden));
}

uint64_t batch_round(uint64_t tokens) {
  return (tokens + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
}

bool batch_capacity(const model *m, const gpu_plan *limits, uint64_t want, uint32_t longest, uint32_t *capacity, err *e) {
  const uint32_t most = batch_most_tokens(m, limits);
  if (longest > most)
    return ERR(e, "an example has %u tokens, but a row holds %u at this model's width on this device: use --max-length %u",
               longest, most, most);
  if (want < longest) want = longest;
  if (want > most) want = most;
  const uint64_t rounded = batch_round(want);
  *capacity = rounded < most ? (uint32_t)rounded : most;
  return true;
}

// The parts of a row's memory: where the tensor, the host pointer of a slot and the elements are.
typedef struct part {
  tensor **t;
  size_t host; // offset of the pointer within packed_row
  uint32_t n_dims, shape[2];
  dtype type;
  tensor_live live;
  const char *name;
  bool left_out; // of rows of this model
} part;

enum { MOST_PARTS = 21 };

// Returns how many there are.
static uint32_t list_parts(batch *b, part out[MOST_PARTS]) {
  const uint32_t n = b->limits.tokens, t = b->limits.targets, p = b->limits.pairs;
  model_inputs *in = &b->in;
#define HOST(field) offsetof(packed_row, field)
  const part parts[MOST_PARTS] = {
      {&in->counts, HOST(counts), 1, {LIVE_COUNTS}, DTYPE_I32, LIVE_ALL, "counts"},
      {&in->tokens, HOST(tokens), 1, {n}, DTYPE_I32, LIVE_TOKENS, "tokens"},
      {&in->positions, HOST(positions), 1, {n}, DTYPE_I32, LIVE_TOKENS, "positions"},
      {&in->ranges, HOST(key_ranges), 2, {n, 4}, DTYPE_I32, LIVE_TOKENS, "ranges"},
      {&in->rng_keys, HOST(rng_keys), 2, {n, 3}, DTYPE_I32, LIVE_TOKENS, "rng_keys"},
      {&in->lengths, HOST(lengths), 1, {n}, DTYPE_I32, LIVE_TOKENS, "lengths"},
      {&b->target_rows, HOST(target_rows), 1, {t}, DTYPE_I32, LIVE_TARGETS, "target_rows"},
      {&b->target_ids, HOST(target_ids), 1, {t}, DTYPE_I32, LIVE_TARGETS, "target_ids"},
      {&b->target_weights, HOST(target_weights), 1, {t}, DTYPE_F32, LIVE_TARGETS, "target_weights"},
      {&b->inverse, HOST(inverse), 1, {n}, DTYPE_I32, LIVE_TOKENS, "inverse"},
      {&in->index.ids, HOST(embed_ids), 1, {n}, DTYPE_I32, LIVE_IDS, "embed_ids"},
      {&in->index.starts, HOST(embed_starts), 1, {n + 1}, DTYPE_I32, LIVE_ALL, "embed_starts"},
      {&in->index.positions, HOST(embed_positions), 1, {n}, DTYPE_I32, LIVE_ALL, "embed_positions"},
      {&in->window_ranges, HOST(window_ranges), 2, {n, 4}, DTYPE_I32, LIVE_TOKENS, "window_ranges", !b->mixed},
      {&in->position_index.ids, HOST(place_ids), 1, {n}, DTYPE_I32, LIVE_POSITIONS, "place_ids", !b->places},
      {&in->position_index.starts, HOST(place_starts), 1, {n + 1}, DTYPE_I32, LIVE_ALL, "place_starts", !b->places},
      {&in->position_index.positions, HOST(place_positions), 1, {n}, DTYPE_I32, LIVE_ALL, "place_positions", !b->places},
      {&b->pairs.spans, HOST(pair_spans), 2, {p, 4}, DTYPE_I32, LIVE_PAIRS, "pair_spans", !p},
      {&b->pairs.answers, HOST(answers), 1, {t}, DTYPE_I32, LIVE_TARGETS, "answers", !p},
      {&b->pairs.reference, HOST(pair_reference), 2, {p, 2}, DTYPE_F32, LIVE_PAIRS, "pair_reference", !p},
      {&b->pair_weights, HOST(pair_weights), 1, {p}, DTYPE_F32, LIVE_PAIRS, "pair_weights", !p},
  };
#undef HOST
  uint32_t n_parts = 0;
  for (uint32_t i = 0; i < MOST_PARTS; i++)
    if (parts[i].t && !parts[i].left_out) out[n_parts++] = parts[i];
  return n_parts;
}

static uint64_t part_bytes(const part *p) {
  return (tensor_bytes(*p->t) + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

batch *batch_new(arena *a, const model *m, const pack_limits *limits, uint32_t n_positions) {
  batch *b = ARENA_NEW(a, batch);
  b->limits = *limits;
  if (!b->limits.targets) b->limits.targets = limits->tokens;
  b->limits.labels = m->labels.n > 0;
  b->window = m->config.sliding_window;
  b->mixed = model_mixes_windows(&m->config);
  b->places = m->config.learned_positions;
  b->longest = n_positions;
  part parts[MOST_PARTS];
  const uint32_t n_parts = list_parts(b, parts);
  for (uint32_t i = 0; i < n_parts; i++) {
    *parts[i].t = tensor_persistent(a, parts[i].name, parts[i].type, parts[i].live, parts[i].n_dims, parts[i].shape);
    b->bytes += part_bytes(&parts[i]);
  }
  load_declare_rotary(a, m, n_positions, &b->in);
  return b;
}

bool batch_allocate(batch *b, gpu_heap *heap, err *e) {
  return heap_alloc(heap, b->bytes, &b->memory, e) && load_allocate_rotary(&b->in, heap, e);
}

static void place(batch *b, const gpu_slice *slots, gpu_slice device) {
  part parts[MOST_PARTS];
  const uint32_t n_parts = list_parts(b, parts);
  uint64_t offset = 0;
  for (uint32_t i = 0; i < n_parts; i++) {
    (*parts[i].t)->memory = gpu_sub(device, offset, tensor_bytes(*parts[i].t));
    for (int s = 0; s < BATCH_SLOTS; s++) {
      void *host = (char *)gpu_map(slots[s]) + offset;
      *(void **)((char *)&b->host[s] + parts[i].host) = host; // all members are pointers of one representation
    }
    offset += part_bytes(&parts[i]);
  }
}

bool batch_open(batch *b, const model *m, gpu_device *d, gpu_heap *staging, err *e) {
  gpu_slice slots[BATCH_SLOTS];
  for (int s = 0; s < BATCH_SLOTS; s++) {
    TRY(heap_alloc(staging, b->bytes, &slots[s], e));
    b->upload[s] = recording_new(d, "batch upload");
    if (b->timed) recording_time(b->upload[s]);
    recording_copy(b->upload[s], slots[s], b->memory, b->bytes);
    TRY(recording_end(b->upload[s], e));
  }
  place(b, slots, b->memory);
  return load_rotary(m, &b->in, b->longest, d, e);
}

void batch_free(batch *b) {
  for (int s = 0; s < BATCH_SLOTS; s++) recording_free(b->upload[s]);
}

void batch_put(batch *b, uint32_t slot, const pack_row *row, uint64_t epoch) {
  pack_fill(row, &b->limits, b->window, (uint32_t)epoch, &b->host[slot]);
}
