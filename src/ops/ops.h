// Operation builders: what a model's forward calls. Each appends nodes to the graph and returns its result, which the
// graph owns. N is the row's capacity in tokens, T the capacity in target rows; formulas and gradients stand in the
// operation's own file. "any type" means F32, F16 or BF16; everything else is F32 unless said.
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "graph/graph.h"

#define OP(name, backward) extern const op_desc name##_op;
#include "ops/ops.def"
#undef OP

// a + b is declared in graph/graph.h.

// Token positions sorted by id (or by their place in their example, where places have a table too), made by the host, so that the embedding's gradient is summed in a fixed order without
// atomics: id ids[i] occurs at positions[starts[i] … starts[i + 1]).
typedef struct embedding_index {
  tensor *ids;       // i32 [N], live LIVE_IDS or LIVE_POSITIONS
  tensor *starts;    // i32 [N + 1]
  tensor *positions; // i32 [N], ascending within an id
} embedding_index;

// table[ids[n]]: table [V, D] any type, ids i32 [N] → [N, D]. `index` is needed where the table is trained.
tensor *op_embedding(graph *g, tensor *table, tensor *ids, const embedding_index *index);
// The same times `scale`.
tensor *op_embedding_scaled(graph *g, tensor *table, tensor *ids, const embedding_index *index, float scale);

// y = x · rsqrt(mean(x²) + eps) · weight: x [N, D], weight [D] any type → [N, D]. With x [N, H · D] each of the H heads by
// itself.
tensor *op_rmsnorm(graph *g, tensor *x, tensor *weight, float eps);

// *sum = a + b and the rmsnorm of it in one pass: a, b [N, D], weight [D] any type → [N, D].
tensor *op_add_rmsnorm(graph *g, tensor *a, tensor *b, tensor *weight, float eps, tensor **sum);

// y = (x − mean(x)) · rsqrt(mean((x − mean(x))²) + eps) · weight + bias: x [N, D], weight [D] any type, bias [D] → [N, D].
tensor *op_layernorm(graph *g, tensor *x, tensor *weight, tensor *bias, float eps);

// x + bias, to each row: x [N, D], bias [D] any type → [N, D].
tensor *op_bias(graph *g, tensor *x, tensor *bias);

// A low-rank term beside a weight: scale · (x_in Aᵀ) Bᵀ, with A [r, K] and B [M, r] (F32).
typedef struct lora_term {
  tensor *x; // the linear's input, or what dropout made of it
  tensor *a, *b;
  float scale;
} lora_term;

// y = x Wᵀ (+ scale · (lora.x Aᵀ) Bᵀ): x [N, K], weight [M, K] any type → [N, M]. `lora` may be NULL.
tensor *op_linear(graph *g, tensor *x, tensor *weight, const lora_term *lora);

// What the rotary embedding turns rows of heads by: positions i32 [N], cos and sin [max_position, rotary_dim / 2] from the
// host (rotary_dim ≤ head_dim, both even).
typedef struct rotary_angles {
  tensor *positions, *cos, *sin;
  uint32_t head_dim;
} rotary_angles;

// op_rotary of op_linear; the product that completes a row turns it, where a kernel can.
tensor *op_linear_rotary(graph *g, tensor *x, tensor *weight, const lora_term *lora, const rotary_angles *angles);

// x with each element zeroed with probability p and the others divided by 1 − p. Random numbers are keyed by (seed,
// example, epoch, position in the example, module, feature), never by row, so packing and recomputation repeat them.
// keys: i32 [N, 3] (example, epoch, position in the example).
tensor *op_dropout(graph *g, tensor *x, tensor *keys, float p, uint64_t seed, uint32_t module);

// Rotary embedding, half-split: for each head with halves (a, b): (a·cos − b·sin, b·cos + a·sin); features beyond rotary_dim
// pass unchanged. x [N, heads · head_dim].
tensor *op_rotary(graph *g, tensor *x, const rotary_angles *angles);

typedef struct attention_shape {
  uint32_t n_heads, n_kv_heads, head_dim; // n_heads is a multiple of n_kv_heads; head_dim at most 256
  float scale;
  float cap; // scores s become cap · tanh(s / cap); 0: they stay
} attention_shape;

// softmax(scale · q kᵀ) v over the keys that a token may see. q [N, n_heads · head_dim]; k and v [K, n_kv_heads ·
// head_dim], of the row itself (K = N) or a cache; ranges i32 [N, 4]: key_begin, key_end (the keys that query n sees),
// query_begin, query_end (the queries that see key n; used by backward only). Causality, packed examples and sliding
// windows are all in the ranges. A query whose range is empty gives 0. → [N, n_heads · head_dim]
tensor *op_attention(graph *g, tensor *q, tensor *k, tensor *v, tensor *ranges, const attention_shape *shape);

// cache[rows[n]] = x[n] for the live rows: cache [C, D] persistent, rows i32 [N], x [N, D]. Rows are distinct.
void op_cache_write(graph *g, tensor *cache, tensor *rows, tensor *x);

// silu(gate) · up, silu(z) = z / (1 + exp(−z)); same shapes.
tensor *op_swiglu(graph *g, tensor *gate, tensor *up);

// gelu(x) = x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))): what transformers calls gelu_new.
tensor *op_gelu(graph *g, tensor *x);

// gelu(gate) · up, gelu(z) = z / 2 · (1 + tanh(√(2/π) (z + 0.044715 z³))); same shapes.
tensor *op_geglu(graph *g, tensor *gate, tensor *up);

// Cuts x [N, W] into `n` parts that lie side by side in its rows: parts[i] [N, widths[i]], Σ widths = W; n at most 4.
void op_split(graph *g, tensor *x, uint32_t n, const uint32_t *widths, tensor **parts);

// x[rows[t]]: x [N, D], rows i32 [T] live LIVE_TARGETS (distinct) → [T, D] live LIVE_TARGETS. `inverse` i32 [N]: the t
// with rows[t] = n, or −1; used by backward.
tensor *op_gather_rows(graph *g, tensor *x, tensor *rows, tensor *inverse);

// Output head and cross-entropy as one operation: loss[t] = logsumexp_v(h[t]·W[v]) − h[t]·W[ids[t]].
// h [T, D] live LIVE_TARGETS, weight [V, D] any type, ids i32 [T] → [T]. Works in vocabulary chunks; rows × vocabulary
// is never held. Its gradient takes an upstream gradient per row.
tensor *op_head_loss(graph *g, tensor *h, tensor *weight, tensor *ids);
// The same of logits z that become cap · tanh(z / cap); cap 0: they stay.
tensor *op_head_loss_capped(graph *g, tensor *h, tensor *weight, tensor *ids, float cap);

// --- the step ----------------------------------------------------------------------------------------------------------
// Their scalars live on the device: `hyper` holds a struct step_hyper that the host writes, `state` a struct step_state
// (shaders/lib/step.h). Trained parameters lie in regions of blocks (models/params.h).

enum { GRAD_BLOCK = 1024 }; // elements; a parameter begins at a block of its own

// state.loss_sum += Σ weights[t] · loss[t] over live rows: loss and weights [T].
void op_loss_sum(graph *g, tensor *loss, tensor *weights, tensor *state);

// The global norm of all gradients, the clipping factor and the finite check, into state. grads[i] [blocks_i, 1024];
// squares [Σ blocks_i] gets each block's sum of squares.
void op_grad_norm(graph *g, tensor *const *grads, uint32_t n, tensor *squares, tensor *hyper, tensor *state);

// One AdamW step on blocks [first_block, first_block + n_blocks) of weight, grad, m, v [blocks, 1024] where state says
// that the step is finite; grad is set to 0 in any case.
void op_adamw(graph *g, tensor *weight, tensor *grad, tensor *m, tensor *v, uint32_t first_block, uint32_t n_blocks, bool decay,
              tensor *hyper, tensor *state);

// The same with moments of 8 bits: m and v i32 [blocks, 256], scales [blocks, 8]; zeros are moments of 0. codes: f32
// [ADAMW_8BIT_CODES], the values of adamw_8bit_codes.
enum { ADAMW_8BIT_CODES = 512 };
void adamw_8bit_codes(float codes[ADAMW_8BIT_CODES]);
void op_adamw_8bit(graph *g, tensor *weight, tensor *grad, tensor *m, tensor *v, tensor *scales, tensor *codes,
                   uint32_t first_block, uint32_t n_blocks, bool decay, tensor *hyper, tensor *state);

#endif
