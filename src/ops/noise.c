// noise (NEFTune, Jain et al. 2023): y[n][i] = x[n][i] + alpha / √(L[n] · D) · (2 u[n][i] − 1), u uniform in [0, 1). x, y [N, D],
// L i32 [N] the length of the token's example, keys i32 [N, 3].
// u comes from the upper 24 bits of word i % 4 of the Philox block with the seed as its key and counter (example, epoch,
// position, i / 4): nothing of it depends on the row, so packing and recomputation repeat the noise.
// Backward: dx = dy.
#include <math.h>

#include "noise.h"
#include "ops/op.h"

static void noise_grad(struct backward *b, const node *n) {
  grad_in(b, n, 0, grad_out(b, n, 0));
}

// in: x, keys, lengths; out: y
static void noise_record(recorder *r, const node *n) {
  const tensor *x = n->in[0];
  struct noise_params p = *(const struct noise_params *)n->params;
  p.rows = tensor_rows(x), p.row_size = tensor_row_size(x), p.live = x->live;
  const bind binds[] = {BIND(x), BIND(n->in[1]), BIND(n->in[2]), BIND(record_counts(r)), BIND(n->out[0])};
  const uint32_t spec[] = {ELEMENTS_LOCAL, p.row_size};
  record_features(r, "noise_fwd", spec, 2, binds, 5, &p, sizeof p, x, div_up(p.row_size, 4));
}

const op_desc noise_op = {
    .name = "noise", .rows_in = 7, .rows_out = 1, .in_place = 1, .grad = noise_grad, .record = noise_record};

tensor *op_noise(graph *g, tensor *x, tensor *keys, tensor *lengths, float alpha, uint64_t seed) {
  REQUIRE(keys->type == DTYPE_I32 && tensor_rows(keys) == tensor_rows(x) && tensor_row_size(keys) == 3, "keys of %s", x->name);
  REQUIRE(lengths->type == DTYPE_I32 && tensor_elements(lengths) == tensor_rows(x), "lengths of %s", x->name);
  const struct noise_params params = {.key_low = (uint32_t)seed,
                                      .key_high = (uint32_t)(seed >> 32) ^ NOISE_STREAM,
                                      .alpha = (float)((double)alpha / sqrt(tensor_row_size(x)))};
  tensor *y = graph_tensor_like(g, "noise", x);
  graph_node(g, &noise_op, &params, sizeof params, 3, (tensor *[]){x, keys, lengths}, 1, &y);
  return y;
}
