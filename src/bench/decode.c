// A step of generation as `vkift generate` makes it: one token of each of some sequences, by the host's clock from handing
// the tokens over to the logits. At two places of the sequences: what is written before costs only the attention on it. The
// prefill is that of one prompt.
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "bench/bench.h"
#include "eval/generator.h"
#include "models/load.h"

enum { CONTEXT = 1024, PROMPT = 256, MOST_SLOTS = 32 };

// Runs what `pieces` says, as a feed.
static bool time_feed(const bench *b, generator *g, const feed *pieces, uint32_t n, measured *m, err *e) {
  enum { WARM = 2, LEAST = 3, MOST = 101 };
  const float *logits[MOST_SLOTS];
  double seconds[MOST], cpu[MOST];
  *m = (measured){0};
  for (int i = 0; i < WARM; i++) TRY(generator_feed(g, pieces, n, logits, e));
  const double until = clock_seconds() + b->options->seconds;
  while (m->runs < MOST && (m->runs < LEAST || clock_seconds() < until)) {
    const clock_t cpu_begin = clock();
    const double begin = clock_seconds();
    TRY(generator_feed(g, pieces, n, logits, e));
    seconds[m->runs] = clock_seconds() - begin;
    cpu[m->runs++] = (double)(clock() - cpu_begin) / CLOCKS_PER_SEC;
  }
  m->seconds = measure_median(seconds, m->runs);
  m->cpu_seconds = measure_median(cpu, m->runs);
  return true;
}

// Multiply-adds of the products and of attention on `keys` keys, twice, for each of n tokens; of the head for `ended` of them.
static double operations(const model *m, double n, double keys, double ended) {
  const model_config *c = &m->config;
  const double head = (double)c->vocab_size * c->hidden_size;
  double products = 0;
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].role == PARAM_LINEAR) products += (double)m->params[i].shape[0] * m->params[i].shape[1];
  return 2 * (n * (products + 2.0 * c->n_layers * c->n_heads * c->head_dim * keys) + ended * head);
}

// What a feed must read: all weights once, of the embedding the tokens' rows, and the keys and values.
static double bytes_read(const model *m, double sequences, double keys) {
  const model_config *c = &m->config;
  double bytes = 2.0 * sequences * keys * c->n_layers * c->n_kv_heads * c->head_dim * sizeof(float);
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].role != PARAM_EMBEDDING || c->tie_embeddings) bytes += (double)tensor_bytes(m->params[i].t);
  return bytes;
}

// What is measured, as a place: sequences 0 is the prefill.
typedef struct figure {
  uint32_t sequences, place;
} figure;

static const figure figures[] = {{0, PROMPT}, {1, 32}, {1, 512}, {8, 32}, {8, 512}, {MOST_SLOTS, 32}, {MOST_SLOTS, 512}};
enum { N_FIGURES = sizeof figures / sizeof *figures };

// Whether it is wanted; its name and shape.
static bool wanted(const bench *b, const figure *f, const char **name, char shape[64]) {
  *name = f->sequences ? "decode" : "prefill";
  if (f->sequences) snprintf(shape, 64, "%u sequence%s, token %u", f->sequences, f->sequences > 1 ? "s" : "", f->place);
  else snprintf(shape, 64, "%u tokens", f->place);
  return bench_wants(b, *name, shape);
}

static bool measure_figure(const bench *b, const model *m, generator *g, const figure *f, const int32_t *ids, err *e) {
  const char *name;
  char shape[64];
  feed pieces[MOST_SLOTS] = {{.n = f->place, .ids = ids}};
  const double n = f->sequences ? f->sequences : f->place, keys = f->sequences ? f->place + 1 : (f->place + 1) / 2.0;
  const uint32_t n_pieces = f->sequences ? f->sequences : 1;
  measured took;
  if (!wanted(b, f, &name, shape)) return true;
  for (uint32_t i = 0; i < f->sequences; i++) pieces[i] = (feed){.slot = i, .position = f->place, .n = 1, .ids = ids};
  TRY(time_feed(b, g, pieces, n_pieces, &took, e));
  bench_report(b, name, shape, arena_printf(b->memory, "%s weights", dtype_get(m->params[0].t->type)->name),
               operations(m, n, keys, n_pieces), bytes_read(m, n_pieces, f->place), &took);
  return true;
}

static bool measure(const bench *b, arena *a, model *m, err *e) {
  const generator_options shape =
      generator_fit(m, b->device, MOST_SLOTS, m->config.max_positions < CONTEXT ? m->config.max_positions : CONTEXT);
  gpu_heap *heap = heap_new(b->device, "generator", GPU_MEMORY_DEVICE),
           *staging = heap_new(b->device, "host side of the generator", GPU_MEMORY_STAGING);
  int32_t ids[PROMPT];
  for (uint32_t i = 0; i < PROMPT; i++) ids[i] = (int32_t)((uint64_t)i * 2654435761u % m->config.vocab_size);
  generator *g = NULL;
  for (uint32_t i = 0; i < m->n_params; i++) m->params[i].lora = NULL, m->params[i].whole = false; // of a step that was planned
  load_declare(a, m, NULL, false, m->params[0].source ? LOAD_AUTO : LOAD_BF16);                    // no file says what they are
  bool ok = load_allocate(m, heap, e) && load_upload(m, b->device, 0, e) &&
            generator_new(a, m, b->device, heap, staging, &shape, &g, e);
  for (int i = 0; ok && i < N_FIGURES; i++)
    if (figures[i].sequences <= shape.slots && figures[i].place < shape.context)
      ok = measure_figure(b, m, g, &figures[i], ids, e);
  generator_free(g);
  heap_free(heap);
  heap_free(staging);
  return ok;
}

bool decode_measure(bench *b, model *m, err *e) {
  bool any = false;
  for (int i = 0; i < N_FIGURES; i++) any |= wanted(b, &figures[i], &(const char *){NULL}, (char[64]){0});
  if (!any) return true;
  arena *a = arena_new("decode");
  const bool ok = measure(b, a, m, e);
  arena_free(a);
  return ok;
}
