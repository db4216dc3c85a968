#include "models/params.h"

void params_init(params *p, arena *a) {
  *p = (params){.memory = a};
}

// In f32 whatever the model's file has: small updates would be lost in 16 bits, and products with 16-bit weights may round their
// other operand as well (ops/matmul_tile.c), which what trains must not see.
tensor *params_add(params *p, const char *name, uint32_t n_dims, const uint32_t *shape) {
  tensor *t = tensor_persistent(p->memory, name, DTYPE_F32, LIVE_ALL, n_dims, shape);
  t->needs_grad = true;
  t->grad_sum = tensor_persistent(p->memory, arena_printf(p->memory, "gradient of %s", name), DTYPE_F32, LIVE_ALL, n_dims, shape);
  arena_grow(p->memory, (void **)&p->items, &p->capacity, p->n + 1, sizeof *p->items);
  const uint64_t elements = tensor_elements(t), blocks = (elements + GRAD_BLOCK - 1) / GRAD_BLOCK;
  REQUIRE(blocks < UINT32_MAX, "%s has %llu elements", name, (unsigned long long)elements);
  p->items[p->n++] = (trained){.name = name, .t = t, .decay = n_dims > 1, .n_blocks = (uint32_t)blocks, .n_rows = shape[0]};
  p->n_elements += elements;
  return t;
}

void params_set_head(params *p, const tensor *t) {
  for (uint64_t i = 0; i < p->n; i++) p->items[i].head |= p->items[i].t == t;
}

enum { BLOCK_BYTES = GRAD_BLOCK * 4 };

static params_region *open_region(params *p, uint32_t first, uint32_t blocks, uint64_t max_blocks, uint64_t *capacity) {
  params_region *r = p->n_regions > first ? &p->regions[p->n_regions - 1] : NULL;
  if (r && r->n_blocks + (uint64_t)blocks <= max_blocks) return r;
  uint64_t room = *capacity;
  arena_grow(p->memory, (void **)&p->regions, &room, p->n_regions + 1, sizeof *p->regions);
  *capacity = room;
  r = &p->regions[p->n_regions++];
  *r = (params_region){0};
  return r;
}

static tensor *region_tensor(params *p, const char *name, dtype type, const params_region *r, uint32_t row) {
  return tensor_persistent(p->memory, name, type, LIVE_ALL, 2, (uint32_t[]){r->n_blocks, row});
}

static bool has_8bit(const params *p, const trained *t) {
  return p->moments_8bit && tensor_elements(t->t) >= PARAMS_8BIT_LEAST;
}

// The tensors of one kind of moments, of the head or not, in regions of their own from `first` on.
static void lay_out(params *p, bool head, bool moments_8bit, uint64_t max_blocks, uint64_t *capacity) {
  const uint32_t first = p->n_regions;
  for (int decay = 1; decay >= 0; decay--)
    for (uint64_t i = 0; i < p->n; i++) {
      trained *t = &p->items[i];
      if (t->head != head || t->decay != decay || has_8bit(p, t) != moments_8bit) continue;
      params_region *r = open_region(p, first, t->n_blocks, max_blocks, capacity);
      t->region = p->n_regions - 1;
      t->first_block = r->n_blocks;
      r->n_blocks += t->n_blocks;
      if (decay) r->decay_blocks = r->n_blocks;
      p->n_blocks += t->n_blocks;
    }
  const dtype moments = moments_8bit ? DTYPE_I32 : DTYPE_F32;
  const uint32_t row = moments_8bit ? GRAD_BLOCK / 4 : GRAD_BLOCK;
  for (uint32_t i = first; i < p->n_regions; i++) {
    params_region *r = &p->regions[i];
    r->head = head;
    r->weight = region_tensor(p, "weights", DTYPE_F32, r, GRAD_BLOCK);
    r->grad = region_tensor(p, "gradients", DTYPE_F32, r, GRAD_BLOCK);
    r->m = region_tensor(p, "first moments", moments, r, row);
    r->v = region_tensor(p, "second moments", moments, r, row);
    if (moments_8bit) r->scales = region_tensor(p, "scales of moments", DTYPE_F32, r, 8);
  }
}

static uint64_t row_bytes(const tensor *t) {
  return (uint64_t)tensor_row_size(t) * sizeof(float);
}

// Cuts tensors that no region can hold into pieces that one can.
static void cut(params *p, uint64_t max_bytes) {
  const trained *whole = p->items;
  const uint64_t n = p->n;
  p->items = NULL;
  p->n = p->capacity = 0;
  for (uint64_t i = 0; i < n; i++) {
    trained x = whole[i];
    tensor *t = x.t;
    if ((uint64_t)x.n_blocks * BLOCK_BYTES > max_bytes && tensor_piece_rows(t, max_bytes)) {
      t->piece_rows = t->grad_sum->piece_rows = tensor_piece_rows(t, max_bytes);
      x.n_rows = t->piece_rows;
    }
    for (; x.row < tensor_rows(t); x.row += x.n_rows) {
      if (tensor_rows(t) - x.row < x.n_rows) x.n_rows = tensor_rows(t) - x.row;
      x.n_blocks = (uint32_t)((x.n_rows * row_bytes(t) + BLOCK_BYTES - 1) / BLOCK_BYTES);
      arena_grow(p->memory, (void **)&p->items, &p->capacity, p->n + 1, sizeof x);
      p->items[p->n++] = x;
    }
  }
}

void params_layout(params *p, uint64_t max_chunk_bytes) {
  if (p->n_regions) return;
  uint64_t capacity = 0;
  cut(p, max_chunk_bytes / BLOCK_BYTES * BLOCK_BYTES);
  for (int head = 0; head < 2; head++)
    for (int moments_8bit = p->moments_8bit; moments_8bit >= 0; moments_8bit--)
      lay_out(p, head, moments_8bit, max_chunk_bytes / BLOCK_BYTES, &capacity);
}

void params_bytes(const params *p, uint64_t *weights, uint64_t *gradients, uint64_t *optimizer) {
  *weights = *gradients = *optimizer = 0;
  for (uint32_t i = 0; i < p->n_regions; i++) {
    const params_region *r = &p->regions[i];
    *weights += tensor_bytes(r->weight);
    *gradients += tensor_bytes(r->grad);
    *optimizer += tensor_bytes(r->m) + tensor_bytes(r->v) + (r->scales ? tensor_bytes(r->scales) : 0);
  }
}

gpu_slice params_slice(const trained *t, const tensor *of_region) {
  return gpu_sub(of_region->memory, (uint64_t)t->first_block * BLOCK_BYTES, t->n_rows * row_bytes(t->t));
}

gpu_slice params_blocks(const trained *t, const tensor *of_region) {
  const uint64_t row = tensor_bytes(of_region) / tensor_rows(of_region);
  return gpu_sub(of_region->memory, t->first_block * row, t->n_blocks * row);
}

bool params_allocate(params *p, gpu_heap *heap, bool with_optimizer, err *e) {
  for (int k = 0; k < (with_optimizer ? 5 : 1); k++) // kind by kind
    for (uint32_t i = 0; i < p->n_regions; i++) {
      params_region *r = &p->regions[i];
      tensor *all[] = {r->weight, r->grad, r->m, r->v, r->scales};
      if (all[k]) TRY(heap_alloc(heap, tensor_bytes(all[k]), &all[k]->memory, e));
    }
  for (uint64_t i = 0; i < p->n; i++) {
    const trained *t = &p->items[i];
    const params_region *r = &p->regions[t->region];
    tensor_put_piece(t->t, heap, t->row, params_slice(t, r->weight));
    if (with_optimizer) tensor_put_piece(t->t->grad_sum, heap, t->row, params_slice(t, r->grad));
  }
  return true;
}
