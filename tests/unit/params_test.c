// How trained tensors are laid out in regions: blocks of their own, decayed ones first, no region above the chunk size.
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "models/params.h"

enum { BLOCK_BYTES = GRAD_BLOCK * 4 };

// The rules that any layout has to keep, looked at block by block.
static void check(const params *p, uint64_t max_chunk) {
  arena *a = arena_new("owners");
  uint64_t elements = 0, blocks = 0;
  for (uint32_t i = 0; i < p->n_regions; i++) {
    const params_region *r = &p->regions[i];
    const trained **owner = ARENA_ARRAY(a, const trained *, r->n_blocks);
    uint32_t owned = 0;
    for (uint64_t k = 0; k < p->n; k++) {
      const trained *t = &p->items[k];
      if (t->region != i) continue;
      assert_true(t->first_block + (uint64_t)t->n_blocks <= r->n_blocks);
      for (uint32_t b = t->first_block; b < t->first_block + t->n_blocks; b++) {
        assert_null(owner[b]);
        owner[b] = t;
        assert_int_equal(b < r->decay_blocks, t->decay); // weight decay applies to the first blocks alone
        owned++;
      }
      assert_true((uint64_t)t->n_blocks * GRAD_BLOCK >= tensor_elements(t->t));
      assert_true((uint64_t)(t->n_blocks - 1) * GRAD_BLOCK < tensor_elements(t->t));
      elements += tensor_elements(t->t);
    }
    assert_int_equal(owned, r->n_blocks); // no block belongs to nothing
    const tensor *parts[] = {r->weight, r->grad, r->m, r->v};
    for (int k = 0; k < 4; k++) {
      assert_int_equal(tensor_rows(parts[k]), r->n_blocks);
      assert_int_equal(tensor_row_size(parts[k]), GRAD_BLOCK);
      assert_true(tensor_bytes(parts[k]) <= max_chunk);
    }
    blocks += r->n_blocks;
  }
  assert_int_equal(blocks, p->n_blocks);
  assert_int_equal(elements, p->n_elements);
  uint64_t weights, gradients, optimizer;
  params_bytes(p, &weights, &gradients, &optimizer);
  assert_int_equal(weights, blocks * BLOCK_BYTES);
  assert_int_equal(gradients, blocks * BLOCK_BYTES);
  assert_int_equal(optimizer, 2 * blocks * BLOCK_BYTES);
  arena_free(a);
}

// An adapter's many small tensors are one piece of memory, so that one dispatch steps over all of them.
static void an_adapter_is_one_region(void **state) {
  (void)state;
  arena *a = arena_new("params");
  params p;
  params_init(&p, a);
  for (int i = 0; i < 420; i++) params_add(&p, "lora", 2, (uint32_t[]){i % 2 ? 576 : 16, i % 2 ? 16 : 576});
  params_layout(&p, 1u << 30);
  check(&p, 1u << 30);
  assert_int_equal(p.n_regions, 1);
  assert_int_equal(p.regions[0].decay_blocks, p.n_blocks);
  arena_free(a);
}

static void a_known_layout(void **state) {
  (void)state;
  arena *a = arena_new("params");
  params p;
  params_init(&p, a);
  tensor *norm = params_add(&p, "norm", 1, (uint32_t[]){7});
  params_add(&p, "w", 2, (uint32_t[]){64, 33});    // 2112 elements: 3 blocks
  params_add(&p, "full", 2, (uint32_t[]){32, 32}); // exactly 1
  params_layout(&p, 1 << 20);
  check(&p, 1 << 20);
  assert_int_equal(p.n_regions, 1);
  assert_int_equal(p.n_blocks, 5);
  assert_int_equal(p.regions[0].decay_blocks, 4);
  assert_int_equal(p.items[0].first_block, 4);
  assert_int_equal(p.items[1].first_block, 0);
  assert_int_equal(p.items[2].first_block, 3);
  assert_true(norm->needs_grad && norm->grad_sum && tensor_elements(norm->grad_sum) == 7);
  assert_true(norm->type == DTYPE_F32 && norm->grad_sum->type == DTYPE_F32);
  p.regions[0].m->memory = (gpu_slice){.offset = 100 * BLOCK_BYTES, .bytes = 5 * BLOCK_BYTES};
  const gpu_slice s = params_slice(&p.items[0], p.regions[0].m);
  assert_int_equal(s.offset, 104 * BLOCK_BYTES);
  assert_int_equal(s.bytes, 28);
  arena_free(a);
}

static void random_layouts(void **state) {
  (void)state;
  uint32_t most_regions = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    rng r = rng_new(seed, RNG_TEST);
    arena *a = arena_new("params");
    params p;
    params_init(&p, a);
    const uint32_t n = 1 + rng_below(&r, 40);
    for (uint32_t i = 0; i < n; i++) {
      const uint32_t shape[] = {1 + rng_below(&r, 90), 1 + rng_below(&r, 90)};
      params_add(&p, arena_printf(a, "tensor %u", i), 1 + rng_below(&r, 2), shape);
    }
    const uint64_t max_chunk = (8 + rng_below(&r, 24)) * (uint64_t)BLOCK_BYTES; // at least the largest tensor
    params_layout(&p, max_chunk);
    check(&p, max_chunk);
    if (most_regions < p.n_regions) most_regions = p.n_regions;
    arena_free(a);
  }
  assert_true(most_regions > 3);
}

// A tensor that no region can hold is cut into pieces of a power of two rows, each in a region of its own.
static void a_large_tensor_is_cut(void **state) {
  (void)state;
  arena *a = arena_new("params");
  params p;
  params_init(&p, a);
  params_add(&p, "small", 2, (uint32_t[]){10, 64});
  tensor *large = params_add(&p, "large", 2, (uint32_t[]){1100, 64}); // 256 bytes a row, 16 rows a block
  params_layout(&p, 40 * BLOCK_BYTES + 5);
  assert_int_equal(p.n, 4); // 40 blocks are 640 rows: pieces of 512, 512 and 76
  assert_int_equal(large->piece_rows, 512);
  assert_int_equal(large->grad_sum->piece_rows, 512);
  const uint32_t rows[] = {512, 512, 76}, blocks[] = {32, 32, 5};
  for (int i = 0; i < 3; i++) {
    const trained *t = &p.items[1 + i];
    assert_ptr_equal(t->t, large);
    assert_int_equal(t->row, 512 * i);
    assert_int_equal(t->n_rows, rows[i]);
    assert_int_equal(t->n_blocks, blocks[i]);
    assert_true(t->first_block + t->n_blocks <= p.regions[t->region].n_blocks);
  }
  assert_true(p.items[1].region != p.items[2].region);
  assert_int_equal(p.n_elements, 10 * 64 + 1100 * 64);
  for (uint32_t i = 0; i < p.n_regions; i++) assert_true(tensor_bytes(p.regions[i].weight) <= 40 * BLOCK_BYTES);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_adapter_is_one_region),
      cmocka_unit_test(a_known_layout),
      cmocka_unit_test(random_layouts),
      cmocka_unit_test(a_large_tensor_is_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
