// vendor_kernels [--products|--candidates] [--code SHADER]: compiles on the device that VKIFT_DEVICE names, which need not be
// able to run anything, every kernel that vkift would use there, and prints lines of JSON for tests/vendors/report.py: the
// device, then of each kernel what its compiler says, and of shaders whose names begin with SHADER the code.
//
// Kernels: those of the graphs of training (LoRA and full, with and without checkpointing), scores, prefill and decoding, for
// models shaped like SmolLM2-135M and Llama-3.2-1B with f32, f16 and bf16 weights, and the latter with those of quantized types;
// attention with heads of other sizes, other families' layers, DoRA, NEFTune and preferences; and each variant that a matrix
// product of these shapes may be computed with, also where it turns rows of out. --products: only the variants that the products
// take by default; --candidates: only those of products.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "eval/score.h"
#include "models/adapter.h"
#include "models/load.h"
#include "ops/matmul.h"
#include "train/step.h"

// Layers repeat the same kernels, so that two are enough.
#define SHAPE(vocab, hidden, mlp, heads, kv_heads, dim, tied)                                                \
  {                                                                                                          \
    .vocab_size = vocab, .hidden_size = hidden, .intermediate_size = mlp, .n_layers = 2, .n_heads = heads,   \
    .n_kv_heads = kv_heads, .head_dim = dim, .max_positions = 2048, .rms_norm_eps = 1e-5, .rope_theta = 1e4, \
    .initializer_range = 0.02, .tie_embeddings = tied, .bos_id = -1                                          \
  }
static const model_config shapes[] = {
    SHAPE(49152, 576, 1536, 9, 3, 64, true),     // SmolLM2-135M
    SHAPE(128256, 2048, 8192, 32, 8, 64, false), // Llama-3.2-1B
};
enum { N_SHAPES = 2, TOKENS = 2048, CONTEXT = 1024, SLOTS = 8, PREFILL = 256, HEAD_DIM = 64 };

// --- graphs --------------------------------------------------------------------------------------------------------------

typedef struct training {
  bool full, adamw_8bit;
  graph_recompute recompute;
  load_type type; // of frozen weights
} training;

static bool request_training(arena *a, gpu_device *d, const model_config *config, const training *t, err *e) {
  const gpu_plan *plan = device_plan(d);
  const adapter_config lora = {.r = 16, .alpha = 32, .dropout = 0.05};
  const step_options options = {.recompute = t->recompute, .lora_dropout = t->full ? 0 : 0.05f, .seed = 1};
  model *m = model_of_config(a, "shape", &llama_family, config);
  params p;
  adapter *ad;
  params_init(&p, a);
  p.moments_8bit = t->adamw_8bit;
  load_declare(a, m, &p, t->full, t->type);
  if (!t->full) TRY(adapter_declare(a, m, &lora, &p, &ad, e));
  params_layout(&p, plan->max_chunk_bytes);
  batch *b = batch_new(a, m, &(pack_limits){.tokens = TOKENS}, CONTEXT);
  step *s = step_new(a, m, b, &p, &options, plan);
  score *c = score_new(a, m, b, plan);
  return graph_request(s->micro, d, e) && graph_request(s->update, d, e) && graph_request(c->graph, d, e);
}

// As eval/generator.c builds it.
static bool request_pass(arena *a, gpu_device *d, const model *m, const char *name, uint32_t n, err *e) {
  const uint32_t kv = m->config.n_kv_heads * m->config.head_dim, slots = SLOTS;
  const uint32_t cache[] = {SLOTS * CONTEXT, kv}, rotary[] = {CONTEXT, m->config.head_dim / 2};
  model_inputs in = {.cache_k = ARENA_ARRAY(a, tensor *, m->config.n_layers),
                     .cache_v = ARENA_ARRAY(a, tensor *, m->config.n_layers)};
  in.counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  in.tokens = tensor_persistent(a, "tokens", DTYPE_I32, LIVE_TOKENS, 1, &n);
  in.positions = tensor_persistent(a, "positions", DTYPE_I32, LIVE_TOKENS, 1, &n);
  in.ranges = tensor_persistent(a, "ranges", DTYPE_I32, LIVE_TOKENS, 2, (uint32_t[]){n, 4});
  in.cache_rows = tensor_persistent(a, "cache_rows", DTYPE_I32, LIVE_TOKENS, 1, &n);
  in.cos = tensor_persistent(a, "cos", DTYPE_F32, LIVE_ALL, 2, rotary);
  in.sin = tensor_persistent(a, "sin", DTYPE_F32, LIVE_ALL, 2, rotary);
  for (uint32_t l = 0; l < m->config.n_layers; l++) {
    in.cache_k[l] = tensor_persistent(a, "cache_k", DTYPE_F32, LIVE_ALL, 2, cache);
    in.cache_v[l] = tensor_persistent(a, "cache_v", DTYPE_F32, LIVE_ALL, 2, cache);
  }
  tensor *last = tensor_persistent(a, "last", DTYPE_I32, LIVE_TARGETS, 1, &slots);
  graph *g = graph_new(a, name, in.counts);
  const model_forward f = {.g = g, .m = m, .in = &in};
  tensor *h = op_gather_rows(g, model_build(&f), last, NULL);
  op_linear(g, h, model_head(m)->t, NULL)->keep = true;
  graph_plan_within(g, device_plan(d));
  return graph_request(g, d, e);
}

static bool request_inference(arena *a, gpu_device *d, const model_config *config, load_type type, err *e) {
  model *m = model_of_config(a, "shape", &llama_family, config);
  load_declare(a, m, NULL, false, type);
  return request_pass(a, d, m, "prefill", PREFILL, e) && request_pass(a, d, m, "decode", SLOTS, e) &&
         request_pass(a, d, m, "decode of one", 1, e);
}

// Forward and backward, with heads of sizes that these models do not have, and with capped scores.
static bool request_attention(arena *a, gpu_device *d, uint32_t head_dim, uint32_t sharing, float cap, err *e) {
  const attention_shape shape = {.n_heads = 2 * sharing, .n_kv_heads = 2, .head_dim = head_dim, .scale = 1, .cap = cap};
  const uint32_t of_q[] = {TOKENS, shape.n_heads * head_dim}, of_k[] = {TOKENS, 2 * head_dim};
  tensor *in[3], *ranges = tensor_persistent(a, "ranges", DTYPE_I32, LIVE_TOKENS, 2, (uint32_t[]){TOKENS, 4});
  for (int i = 0; i < 3; i++) {
    in[i] = tensor_persistent(a, "input", DTYPE_F32, LIVE_TOKENS, 2, i ? of_k : of_q);
    in[i]->needs_grad = true;
  }
  graph *g = graph_new(a, "attention", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  tensor *o = op_attention(g, in[0], in[1], in[2], ranges, &shape);
  graph_backward(g, o, tensor_persistent(a, "upstream", DTYPE_F32, LIVE_TOKENS, 2, of_q), (graph_recompute){0});
  return graph_request(g, d, e);
}

static bool request_quantized(arena *a, gpu_device *d, load_type type, err *e) {
  return request_training(a, d, &shapes[1], &(training){false, false, {0}, type}, e) &&
         request_inference(a, d, &shapes[1], type, e);
}

// What the decoders of other families have beside Llama's.
static bool request_others(arena *a, gpu_device *d, err *e) {
  enum { WIDTH = 256, IDS = 512 };
  const uint32_t whole[] = {TOKENS, 2 * WIDTH}, part[] = {TOKENS, WIDTH}, matrix[] = {IDS, WIDTH}, rows = TOKENS;
  graph *g = graph_new(a, "others", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  tensor *x = tensor_persistent(a, "input", DTYPE_F32, LIVE_TARGETS, 2, whole), *parts[2];
  x->needs_grad = true;
  op_split(g, x, 2, (uint32_t[]){part[1], part[1]}, parts);
  tensor *ids = tensor_persistent(a, "ids", DTYPE_I32, LIVE_TARGETS, 1, &rows);
  tensor *head = tensor_persistent(a, "head", DTYPE_F32, LIVE_ALL, 2, matrix);
  tensor *loss = op_head_loss_capped(g, op_geglu(g, parts[0], parts[1]), head, ids, 30);
  graph_backward(g, loss, tensor_persistent(a, "upstream", DTYPE_F32, LIVE_TARGETS, 1, &rows), (graph_recompute){0});
  return graph_request(g, d, e);
}

static tensor *given(arena *a, dtype type, tensor_live live, uint32_t rows, uint32_t width) { // width 0: of one dimension
  return tensor_persistent(a, "input", type, live, width ? 2 : 1, (uint32_t[]){rows, width});
}

static tensor *trained_of(arena *a, uint32_t n) {
  tensor *t = given(a, DTYPE_F32, LIVE_ALL, n, 0);
  t->needs_grad = true;
  t->grad_sum = given(a, DTYPE_F32, LIVE_ALL, n, 0);
  return t;
}

// The same of their layers, and what DoRA and NEFTune have.
static bool request_layers(arena *a, gpu_device *d, err *e) {
  enum { WIDTH = 256, RANK = 16 };
  graph *g = graph_new(a, "layers", given(a, DTYPE_I32, LIVE_ALL, LIVE_COUNTS, 0));
  tensor *x = given(a, DTYPE_F32, LIVE_TOKENS, TOKENS, WIDTH), *norms = given(a, DTYPE_F32, LIVE_ALL, WIDTH, 0);
  x->needs_grad = true;
  tensor *keys = given(a, DTYPE_I32, LIVE_TOKENS, TOKENS, 3), *lengths = given(a, DTYPE_I32, LIVE_TOKENS, TOKENS, 0);
  x = op_layernorm(g, op_noise(g, x, keys, lengths, 5, 1), trained_of(a, WIDTH), trained_of(a, WIDTH), 1e-5f);
  x = op_rmsnorm(g, op_gelu(g, op_bias(g, x, trained_of(a, WIDTH))), trained_of(a, HEAD_DIM), 1e-6f);
  x = op_dora(g, x, trained_of(a, WIDTH), norms);
  graph_backward(g, x, given(a, DTYPE_F32, LIVE_TOKENS, TOKENS, WIDTH), (graph_recompute){0});
  tensor *squares = given(a, DTYPE_F32, LIVE_ALL, WIDTH, 0), *aw = given(a, DTYPE_F32, LIVE_ALL, RANK, WIDTH);
  op_dora_norm(g, norms, squares, aw, given(a, DTYPE_F32, LIVE_ALL, WIDTH, RANK), given(a, DTYPE_F32, LIVE_ALL, WIDTH, RANK), 2);
  return graph_request(g, d, e);
}

static bool request_preferences(arena *a, gpu_device *d, err *e) {
  enum { PAIRS = 8 };
  const dpo_pairs pairs = {given(a, DTYPE_I32, LIVE_PAIRS, PAIRS, 4), given(a, DTYPE_F32, LIVE_PAIRS, PAIRS, 2),
                           given(a, DTYPE_I32, LIVE_TARGETS, TOKENS, 0)};
  graph *g = graph_new(a, "preferences", given(a, DTYPE_I32, LIVE_ALL, LIVE_COUNTS, 0));
  tensor *losses = given(a, DTYPE_F32, LIVE_TARGETS, TOKENS, 0), *of_pairs = given(a, DTYPE_F32, LIVE_PAIRS, PAIRS, 0), *rewards;
  losses->needs_grad = true;
  tensor *loss = op_dpo_loss(g, losses, &pairs, &(dpo_options){.beta = 0.1f}, &rewards);
  graph_backward(g, loss, of_pairs, (graph_recompute){0});
  op_reward_sum(g, rewards, of_pairs, given(a, DTYPE_I32, LIVE_ALL, (sizeof(struct step_state) + 3) / 4, 0));
  return graph_request(g, d, e);
}

static bool request_graphs(arena *a, gpu_device *d, err *e) {
  static const load_type types[] = {LOAD_F32, LOAD_F16, LOAD_BF16};
  static const graph_recompute recompute[] = {{0}, {.segments = GRAPH_NONE, .group = 1}};
  for (int s = 0; s < N_SHAPES; s++) {
    for (int r = 0; r < 2; r++) {
      for (int bits = 0; bits < 2; bits++)
        TRY(request_training(a, d, &shapes[s], &(training){true, bits, recompute[r], LOAD_F32}, e));
      for (int t = 0; t < 3; t++) TRY(request_training(a, d, &shapes[s], &(training){false, false, recompute[r], types[t]}, e));
    }
    for (int t = 0; t < 3; t++) TRY(request_inference(a, d, &shapes[s], types[t], e));
  }
  for (int t = LOAD_Q8_0; t <= LOAD_Q6_K; t++) TRY(request_quantized(a, d, (load_type)t, e));
  TRY(request_quantized(a, d, LOAD_NF4 + LOAD_BF16, e) && request_quantized(a, d, LOAD_NF4_DOUBLE + LOAD_BF16, e));
  static const uint32_t head_dims[] = {8, 32, 33, 80, 96, 128, 256};
  for (size_t i = 0; i < sizeof head_dims / sizeof *head_dims; i++)
    for (int capped = 0; capped < 2; capped++)
      TRY(request_attention(a, d, head_dims[i], 1 + (uint32_t)i % 4, capped ? 50.0f : 0.0f, e));
  return request_others(a, d, e) && request_layers(a, d, e) && request_preferences(a, d, e);
}

// --- products ------------------------------------------------------------------------------------------------------------

static const char *const products[] = {"y", "dx", "dw"};

static bool request_product(arena *a, gpu_device *d, matmul m, const matmul_variant *v, dtype type, err *e) {
  uint32_t x[2], w[2];
  matmul_operand_shapes(&m, x, w);
  m.a = BIND(tensor_persistent(a, "a", DTYPE_F32, LIVE_ALL, 2, x));
  m.b = BIND(tensor_persistent(a, "b", type, LIVE_ALL, 2, w));
  m.out = BIND(tensor_persistent(a, "out", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){m.rows, m.cols}));
  graph *g = graph_new(a, "product", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS}));
  matmul_node(g, &m, v);
  return graph_request(g, d, e);
}

// --- the report ----------------------------------------------------------------------------------------------------------

typedef struct printing {
  const char *code;  // of shaders whose names begin so; NULL: none
  const char *label; // what the kernels are for
} printing;

static void print_report(const printing *p, const kernel_report *r) {
  cJSON *row = cJSON_CreateObject(), *spec = cJSON_AddArrayToObject(row, "spec");
  cJSON_AddStringToObject(row, "shader", r->info->shader);
  cJSON_AddStringToObject(row, "used_for", p->label);
  cJSON_AddNumberToObject(row, "invocations", r->info->local_size[0] * r->info->local_size[1] * r->info->local_size[2]);
  for (uint32_t i = 0; i < r->n_spec; i++) cJSON_AddItemToArray(spec, cJSON_CreateNumber(r->spec[i]));
  if (r->failure.failed) cJSON_AddStringToObject(row, "failure", r->failure.message);
  cJSON_AddNumberToObject(row, "subgroup", r->subgroup_size);
  cJSON *statistics = cJSON_AddObjectToObject(row, "statistics");
  for (uint32_t i = 0; i < r->n; i++) cJSON_AddNumberToObject(statistics, r->items[i].name, r->items[i].value);
  if (p->code && !strncmp(r->info->shader, p->code, strlen(p->code))) cJSON_AddStringToObject(row, "code", r->code);
  char *line = cJSON_PrintUnformatted(row);
  printf("%s\n", line);
  cJSON_free(line);
  cJSON_Delete(row);
}

// Those that were asked for since the last call.
static bool print_new(gpu_device *d, const printing *p, err *e) {
  arena *a = arena_new("reports");
  kernel_report *list;
  uint64_t n;
  const bool ok = kernel_reports(a, d, &list, &n, e);
  for (uint64_t i = 0; ok && i < n; i++) print_report(p, &list[i]);
  arena_free(a);
  return ok;
}

// Each variant of a product that the device may take, or the default alone.
static bool print_product(arena *a, gpu_device *d, printing *p, matmul m, dtype type, bool default_only, err *e) {
  matmul_variant list[MATMUL_MAX_VARIANTS];
  m.b = BIND(tensor_persistent(a, "b", type, LIVE_ALL, 1, &m.depth)); // only its type matters here
  const uint32_t n = matmul_variants(device_plan(d), &m, list), table[] = {CONTEXT, HEAD_DIM / 2};
  const rotary_angles angles = {tensor_persistent(a, "positions", DTYPE_I32, LIVE_ALL, 1, &m.rows),
                                tensor_persistent(a, "cos", DTYPE_F32, LIVE_ALL, 2, table),
                                tensor_persistent(a, "sin", DTYPE_F32, LIVE_ALL, 2, table), HEAD_DIM};
  for (uint32_t i = 0; i < (default_only ? 1 : n); i++) {
    TRY(request_product(a, d, m, &list[i], type, e));
    p->label = arena_printf(a, "%s %s %u x %u, %u", products[m.product], dtype_get(type)->name, list[i].group_rows,
                            list[i].group_cols, list[i].lanes);
    TRY(print_new(d, p, e));
    matmul turned = m;
    turned.turn = &angles;
    if (default_only || !matmul_turns(&turned, &list[i])) continue;
    TRY(request_product(a, d, turned, &list[i], type, e));
    p->label = arena_printf(a, "%s, turned", p->label);
    TRY(print_new(d, p, e));
  }
  return true;
}

// The shapes of linear layers, and those of LoRA's terms; rows as in training, and as in decoding.
static bool print_products(arena *a, gpu_device *d, printing *p, bool defaults_only, err *e) {
  static const uint32_t sizes[][2] = {{2048, 8192}, {576, 1536}, {1536, 576}, {576, 192}, {576, 16}, {16, 576}};
  static const uint32_t rows[] = {TOKENS, SLOTS, 1};
  enum { N_WIDE = 3, N_TYPES = 13 };
  static const dtype types[N_TYPES] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1,      DTYPE_Q5_0,
                                       DTYPE_Q5_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_NF4,  DTYPE_NF4_DOUBLE};
  for (int t = 0; t < (defaults_only ? N_WIDE : N_TYPES); t++)
    for (int s = 0; s < (t >= N_WIDE ? 1 : defaults_only ? 2 : 6); s++)
      for (int r = 0; r < (defaults_only ? 1 : 3); r++) {
        const uint32_t in = sizes[s][0], out = sizes[s][1], n = rows[r];
        const matmul y = matmul_of_linear(MATMUL_NT, n, in, out), dx = matmul_of_linear(MATMUL_NN, n, in, out);
        const matmul dw = matmul_of_linear(MATMUL_TN, n, in, out);
        TRY(print_product(a, d, p, y, types[t], defaults_only, e));
        if (r == 0) TRY(print_product(a, d, p, dx, types[t], defaults_only, e));
        if (r == 0 && t == 0) TRY(print_product(a, d, p, dw, types[t], defaults_only, e)); // both are activations
      }
  return true;
}

typedef struct wanted {
  bool products, candidates; // only these
  const char *code;
} wanted;

static void print_device(const gpu_snapshot *s) {
  cJSON *row = cJSON_CreateObject();
  cJSON_AddStringToObject(row, "device", s->name);
  cJSON_AddStringToObject(row, "driver", s->driver_name);
  cJSON_AddStringToObject(row, "version", s->driver_info);
  char *line = cJSON_PrintUnformatted(row);
  printf("%s\n", line);
  cJSON_free(line);
  cJSON_Delete(row);
}

static bool run(gpu_device *d, const wanted *w, err *e) {
  arena *a = arena_new("graphs");
  printing p = {.code = w->code};
  print_device(device_snapshot(d));
  bool ok = print_products(a, d, &p, w->products, e);
  p.label = "model";
  if (!w->products && !w->candidates) ok = ok && request_graphs(a, d, e) && print_new(d, &p, e);
  arena_free(a);
  return ok;
}

int main(int argc, char **argv) {
  wanted w = {0};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--code") && i + 1 < argc) w.code = argv[++i];
    else if (!strcmp(argv[i], "--products")) w.products = true;
    else if (!strcmp(argv[i], "--candidates")) w.candidates = true;
    else return fprintf(stderr, "usage: vendor_kernels [--products|--candidates] [--code SHADER]\n"), 2;
  }
  arena *a = arena_new("kernels");
  gpu_device *d = NULL;
  err e = {0};
  const bool ok = device_open_for_reports(a, getenv("VKIFT_DEVICE"), &d, &e) && run(d, &w, &e);
  if (!ok) fprintf(stderr, "vendor_kernels: %s\n", e.message);
  device_close(d);
  arena_free(a);
  return !ok;
}
