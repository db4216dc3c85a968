// vendor_kernels [--products|--candidates] [--code SHADER]: compiles on the device that VKIFT_DEVICE names, which need not be able to run
// anything, every kernel that vkift would use there, and prints lines of JSON for tests/vendors/report.py: the device, then of
// each kernel what its compiler says, and of shaders whose names begin with SHADER the code.
//
// Kernels: those of the graphs of training (LoRA and full, with and without checkpointing), scores, prefill and decoding, for
// models shaped like SmolLM2-135M and Llama-3.2-1B with f32, f16 and bf16 weights; and each variant that a matrix product of
// these shapes may be computed with. --products: only the variants that the products take by default;
// --candidates: only those of products.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "eval/score.h"
#include "models/adapter.h"
#include "models/load.h"
#include "ops/matmul.h"
#include "support/byte_tokenizer.h"
#include "support/test.h"
#include "train/step.h"

typedef struct shape {
  const char *name, *config;
} shape;

#define CONFIG(vocab, hidden, mlp, layers, heads, kv_heads, dim, tied)                                                           \
  "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"rms_norm_eps\": 1e-5, \"max_position_embeddings\": " \
  "8192, \"bos_token_id\": 259, \"eos_token_id\": 261, \"vocab_size\": " #vocab ", \"hidden_size\": " #hidden                    \
  ", \"intermediate_size\": " #mlp ", \"num_hidden_layers\": " #layers ", \"num_attention_heads\": " #heads                      \
  ", \"num_key_value_heads\": " #kv_heads ", \"head_dim\": " #dim ", \"tie_word_embeddings\": " #tied "}\n"

// Layers repeat the same kernels, so that two are enough.
static const shape shapes[] = {
    {"smollm2_135m", CONFIG(49152, 576, 1536, 2, 9, 3, 64, true)},
    {"llama_3_2_1b", CONFIG(128256, 2048, 8192, 2, 32, 8, 64, false)},
};
enum { N_SHAPES = 2, TOKENS = 2048, CONTEXT = 1024, SLOTS = 8, PREFILL = 256 };

static const char *model_directory(const shape *s) {
  const char *dir = test_path(test_directory(), s->name);
  text tokens = {0};
  err e = {0};
  if (!dir_make(dir, &e)) fprintf(stderr, "%s\n", e.message), exit(1);
  byte_tokenizer_json(false, &tokens);
  test_write(test_path(dir, "config.json"), s->config, strlen(s->config));
  test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
  text_free(&tokens);
  return dir;
}

// --- graphs --------------------------------------------------------------------------------------------------------------

static bool request_training(arena *a, gpu_device *d, const char *dir, bool full, graph_recompute recompute, load_type type,
                             err *e) {
  const gpu_plan *plan = device_plan(d);
  const adapter_config lora = {.r = 16, .alpha = 32, .dropout = 0.05};
  const step_options options = {.recompute = recompute, .lora_dropout = full ? 0 : 0.05f, .seed = 1};
  model *m;
  params p;
  adapter *ad;
  TRY(model_open(a, dir, true, &m, e));
  params_init(&p, a);
  load_declare(a, m, &p, full, type);
  if (!full) TRY(adapter_declare(a, m, &lora, &p, &ad, e));
  params_layout(&p, plan->max_chunk_bytes);
  batch *b = batch_new(a, m, &(pack_limits){.tokens = TOKENS}, CONTEXT);
  step *s = step_new(a, m, b, &p, &options, plan);
  score *c = score_new(a, m, b, plan);
  const bool ok = graph_request(s->micro, d, e) && graph_request(s->update, d, e) && graph_request(c->graph, d, e);
  model_close(m);
  return ok;
}

// As eval/generator.c builds it.
static bool request_pass(arena *a, gpu_device *d, const model *m, const char *name, uint32_t n, err *e) {
  const uint32_t kv = m->config.n_kv_heads * m->config.head_dim, slots = SLOTS;
  const uint32_t cache[] = {SLOTS * CONTEXT, kv}, rotary[] = {CONTEXT, m->config.head_dim / 2};
  model_inputs in = {.cache_k = ARENA_ARRAY(a, tensor *, m->config.n_layers),
                     .cache_v = ARENA_ARRAY(a, tensor *, m->config.n_layers)};
  in.counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){4});
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
  graph_plan(g, device_plan(d)->storage_align);
  return graph_request(g, d, e);
}

static bool request_inference(arena *a, gpu_device *d, const char *dir, load_type type, err *e) {
  model *m;
  TRY(model_open(a, dir, true, &m, e));
  load_declare(a, m, NULL, false, type);
  const bool ok = request_pass(a, d, m, "prefill", PREFILL, e) && request_pass(a, d, m, "decode", SLOTS, e) &&
                  request_pass(a, d, m, "decode of one", 1, e);
  model_close(m);
  return ok;
}

static bool request_graphs(arena *a, gpu_device *d, err *e) {
  static const load_type types[] = {LOAD_F32, LOAD_F16, LOAD_BF16};
  for (int s = 0; s < N_SHAPES; s++) {
    const char *dir = model_directory(&shapes[s]);
    for (int recompute = 0; recompute < 2; recompute++) {
      TRY(request_training(a, d, dir, true, (graph_recompute){recompute ? GRAPH_NONE : 0, 1}, LOAD_F32, e));
      for (int t = 0; t < 3; t++)
        TRY(request_training(a, d, dir, false, (graph_recompute){recompute ? GRAPH_NONE : 0, 1}, types[t], e));
    }
    for (int t = 0; t < 3; t++) TRY(request_inference(a, d, dir, types[t], e));
  }
  return true;
}

// --- products ------------------------------------------------------------------------------------------------------------

typedef struct job {
  matmul m;
  matmul_variant variant;
} job;

static void job_record(recorder *r, const node *n) {
  const job *j = n->params;
  matmul_record_variant(r, &j->m, &j->variant);
}

static const op_desc job_op = {.name = "product", .updates = 1 << 2, .record = job_record};

static const char *const products[] = {"y", "dx", "dw"};

static bool request_product(arena *a, gpu_device *d, job j, dtype type, err *e) {
  const bool nt = j.m.product == MATMUL_NT, tn = j.m.product == MATMUL_TN;
  const uint32_t x[] = {tn ? j.m.depth : j.m.rows, tn ? j.m.rows : j.m.depth};
  const uint32_t w[] = {nt ? j.m.cols : j.m.depth, nt ? j.m.depth : j.m.cols};
  tensor *in[] = {tensor_persistent(a, "a", DTYPE_F32, LIVE_ALL, 2, x), tensor_persistent(a, "b", type, LIVE_ALL, 2, w),
                  tensor_persistent(a, "out", DTYPE_F32, LIVE_ALL, 2, (uint32_t[]){j.m.rows, j.m.cols})};
  j.m.a = BIND(in[0]), j.m.b = BIND(in[1]), j.m.out = BIND(in[2]);
  graph *g = graph_new(a, "product", tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){4}));
  graph_node(g, &job_op, &j, sizeof j, 3, in, 0, NULL);
  return graph_request(g, d, e);
}

// --- the report ----------------------------------------------------------------------------------------------------------

typedef struct printing {
  const char *code;  // of shaders whose names begin so; NULL: none
  const char *label; // of kernels that were not printed yet
  const kernel_info *done[4096];
  uint32_t n_done;
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
static bool print_new(arena *a, gpu_device *d, printing *p, err *e) {
  kernel_report *list;
  uint64_t n;
  TRY(kernel_reports(a, d, &list, &n, e));
  for (uint64_t i = 0; i < n; i++) {
    uint32_t k = 0;
    while (k < p->n_done && p->done[k] != list[i].info) k++;
    if (k < p->n_done) continue;
    REQUIRE(p->n_done < sizeof p->done / sizeof *p->done, "%u kernels", p->n_done);
    p->done[p->n_done++] = list[i].info;
    print_report(p, &list[i]);
  }
  return true;
}

static bool print_products(arena *a, gpu_device *d, printing *p, bool defaults_only, err *e) {
  static const uint32_t sizes[][2] = {{2048, 8192}, {576, 1536}, {1536, 576}, {576, 192}, {576, 16}, {16, 576}};
  static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
  for (int t = 0; t < 3; t++)
    for (int s = 0; s < (defaults_only ? 2 : 6); s++)
      for (matmul_product k = MATMUL_NT; k <= MATMUL_TN; k++) {
        const uint32_t in = sizes[s][0], out = sizes[s][1];
        matmul m = {.product = k, .live = LIVE_ALL, .alpha = 1};
        m.rows = k == MATMUL_TN ? out : TOKENS;
        m.cols = k == MATMUL_NT ? out : in;
        m.depth = k == MATMUL_NT ? in : k == MATMUL_NN ? out : TOKENS;
        if (k == MATMUL_TN && types[t] != DTYPE_F32) continue;
        matmul_variant list[MATMUL_MAX_VARIANTS];
        const uint32_t all = matmul_variants(device_plan(d), &m, list), n = defaults_only ? 1 : all;
        for (uint32_t i = 0; i < n; i++) {
          TRY(request_product(a, d, (job){m, list[i]}, types[t], e));
          p->label = arena_printf(a, "%s %s %u x %u, %u", products[k], dtype_get(types[t])->name, list[i].group_rows,
                                  list[i].group_cols, list[i].lanes);
          TRY(print_new(a, d, p, e));
        }
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
  arena *a = arena_new("reports");
  printing p = {.code = w->code};
  print_device(device_snapshot(d));
  bool ok = print_products(a, d, &p, w->products, e);
  p.label = "model";
  if (!w->products && !w->candidates) ok = ok && request_graphs(a, d, e) && print_new(a, d, &p, e);
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
