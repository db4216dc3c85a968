// What the measurements share: the model, the filter, and how a figure becomes a share of the device's peaks.
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "models/batch.h"

// The configuration of SmolLM2-135M (HuggingFaceTB), whose shapes are the default.
static const model_config smollm2_135m = {.vocab_size = 49152,
                                          .hidden_size = 576,
                                          .intermediate_size = 1536,
                                          .n_layers = 30,
                                          .n_heads = 9,
                                          .n_kv_heads = 3,
                                          .head_dim = 64,
                                          .max_positions = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .rope_theta = 100000,
                                          .initializer_range = 0.041666666666666664,
                                          .tie_embeddings = true,
                                          .bos_id = -1};

bool bench_model(arena *a, const char *path, model **m, err *e) {
  if (!path) {
    *m = model_of_config(a, "SmolLM2-135M", &llama_family, &smollm2_135m);
    return true;
  }
  return model_open_shape(a, path, false, m, e);
}

uint32_t bench_linear_shapes(const model_config *c, uint32_t out[5][2]) {
  const uint32_t d = c->hidden_size, f = c->intermediate_size, q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
  const uint32_t all[5][2] = {{d, q}, {d, kv}, {q, d}, {d, f}, {f, d}};
  uint32_t n = 0;
  for (int i = 0; i < 5; i++) {
    bool known = false;
    for (uint32_t j = 0; j < n; j++) known |= out[j][0] == all[i][0] && out[j][1] == all[i][1];
    if (!known) memcpy(out[n++], all[i], sizeof all[i]);
  }
  return n;
}

bool bench_rows_fit(const bench *b, const model *m, err *e) {
  const gpu_plan *limits = device_plan(b->device);
  uint32_t shapes[5][2], widest = 0, most = batch_most_tokens(m, limits);
  const uint32_t n = bench_linear_shapes(&m->config, shapes);
  for (uint32_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++)
      if (widest < shapes[i][k]) widest = shapes[i][k];
  // What `variants` measures is one dispatch on whole tensors.
  if (b->options->variants && most > limits->max_binding_bytes / 4 / widest)
    most = (uint32_t)(limits->max_binding_bytes / 4 / widest);
  if (b->options->rows <= most) return true;
  e->usage = true;
  return ERR(e, "rows: expected at most %u for these shapes on %s%s, found %lld", most, device_snapshot(b->device)->name,
             b->options->variants ? " with variants" : "", (long long)b->options->rows);
}

bool bench_wants(const bench *b, const char *name, const char *shape) {
  char label[160];
  snprintf(label, sizeof label, "%s %s", name, shape);
  return !b->options->filter || strstr(label, b->options->filter);
}

static void put_json(const vkift_bench_figure *f, uint32_t runs, text *out) {
  const struct {
    const char *name;
    double value;
  } numbers[] = {{"gflops", f->gflops},
                 {"gbytes_per_second", f->gbytes_per_second},
                 {"share_of_peak", f->share_of_peak},
                 {"seconds", f->seconds},
                 {"cpu_seconds", f->cpu_seconds},
                 {"runs", runs}};
  text_puts(out, "{\"name\": ");
  json_put_string(out, f->name);
  text_puts(out, ", \"shape\": ");
  json_put_string(out, f->shape);
  text_puts(out, ", \"variant\": ");
  json_put_string(out, f->variant);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    text_printf(out, ", \"%s\": %.6g", numbers[i].name, numbers[i].value);
  text_putc(out, '}');
}

void bench_report(const bench *b, const char *name, const char *shape, const char *variant, double flops, double bytes,
                  const measured *m) {
  if (!bench_wants(b, name, shape)) return;
  const double of_flops = flops / m->seconds / b->peak.flops, of_bytes = bytes / m->seconds / b->peak.bytes;
  text object = {0};
  vkift_bench_figure f = {.name = name,
                          .shape = shape,
                          .variant = variant,
                          .gflops = 1e-9 * flops / m->seconds,
                          .gbytes_per_second = 1e-9 * bytes / m->seconds,
                          .share_of_peak = flops && of_flops > of_bytes ? of_flops
                                           : bytes                      ? of_bytes
                                                                        : of_flops,
                          .seconds = m->seconds,
                          .cpu_seconds = m->cpu_seconds};
  put_json(&f, m->runs, &object);
  f.json = object.data;
  b->figure(b->user, &f);
  text_free(&object);
}
