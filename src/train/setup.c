#include "train/setup.h"

#include <string.h>

#include "eval/loaded.h"

enum { DEFAULT_CAPACITY = 2048 };
static const double MIB = 1024.0 * 1024.0;

// --- what trains -------------------------------------------------------------------------------------------------------

// The adapter that the run begins with. A resumed run has its settings in the options and its values in the checkpoint.
static const char *adapter_start(const vkift_train_options *o) {
  return o->resume ? NULL : o->adapter;
}

static bool has_module(const char *const *list, size_t n, const char *name) {
  size_t i = 0;
  while (i < n && strcmp(list[i], name)) i++;
  return i < n;
}

// An adapter has the modules that it has: others cannot be asked for beside it.
static bool check_whole(const char *from, const vkift_train_options *o, const adapter_config *c, err *e) {
  bool same = !o->modules_to_save.n || o->modules_to_save.n == c->n_whole;
  for (size_t i = 0; i < o->modules_to_save.n; i++) same &= has_module(c->whole, c->n_whole, o->modules_to_save.items[i]);
  return same ||
         ERR(e,
             "modules_to_save: expected none, or those of the adapter %s that is gone on from (%s), found others; merge it "
             "first (vkift export --merge), and train a new adapter on the result",
             from,
             !c->n_whole       ? "none"
             : c->n_whole == 1 ? c->whole[0]
                               : "embed_tokens, lm_head");
}

// What an adapter to go on from says wins over the options.
static bool choose_adapter(arena *a, const setup *s, const vkift_train_options *o, adapter_config *c, err *e) {
  *c = (adapter_config){.r = (uint32_t)o->lora_r,
                        .alpha = o->lora_alpha,
                        .dropout = o->lora_dropout,
                        .rslora = o->use_rslora,
                        .targets = o->target_modules.items,
                        .n_targets = (uint32_t)o->target_modules.n,
                        .whole = o->modules_to_save.items,
                        .n_whole = (uint32_t)o->modules_to_save.n};
  const char *from = adapter_start(o);
  if (from) {
    TRY(adapter_read_config(a, from, c, e));
    TRY(check_whole(from, o, c, e));
    if (o->lora_dropout > 0) c->dropout = o->lora_dropout;
  }
  if (c->n_targets == 1 && !strcmp(c->targets[0], "all-linear")) c->n_targets = 0;
  if (adapter_choose_whole(s->model, c, e)) return true;
  return from ? err_prefix(e, "%s", from) : false;
}

static bool declare(arena *a, setup *s, const vkift_train_options *o, err *e) {
  const bool full = o->method == VKIFT_FULL;
  adapter_config c;
  TRY(full || choose_adapter(a, s, o, &c, e));
  params_init(&s->params, a);
  load_declare(a, s->model, &s->params, full, loaded_type(o->weight_dtype));
  if (!full && !adapter_declare(a, s->model, &c, &s->params, &s->adapter, e))
    return adapter_start(o) ? err_prefix(e, "%s", adapter_start(o)) : false;
  params_layout(&s->params, device_plan(s->device)->max_chunk_bytes);
  return true;
}

// --- memory --------------------------------------------------------------------------------------------------------------

typedef struct need {
  uint64_t frozen, trained, activations, rest;
} need;

static uint64_t need_total(const need *n) {
  return n->frozen + n->trained + n->activations + n->rest;
}

static uint64_t activation_bytes(const setup *s) {
  const uint64_t train = step_activation_bytes(s->step), eval = s->score->graph->planned_bytes;
  return train > eval ? train : eval;
}

static void build(arena *a, setup *s, const corpus *c, const vkift_train_options *o) {
  const uint32_t align = device_plan(s->device)->storage_align;
  const pack_limits limits = {.tokens = s->choice.capacity};
  const step_options options = {.recompute = s->choice.recompute,
                                .lora_dropout = s->adapter ? (float)s->adapter->config.dropout : 0,
                                .seed = (uint64_t)o->seed};
  s->batch = batch_new(a, s->model, &limits, c->longest);
  s->step = step_new(a, s->model, s->batch, &s->params, &options, align);
  s->score = score_new(a, s->model, s->batch, align);
}

static need measure(const setup *s) {
  return (need){.frozen = load_frozen_bytes(s->model),
                .trained = params_bytes(&s->params, true),
                .activations = activation_bytes(s),
                .rest = batch_bytes(s->batch) + step_state_bytes(s->step)};
}

// What the device may give to this run; a reserve stays for the driver and the screen. 0: not known.
static uint64_t budget(const gpu_device *d) {
  const gpu_snapshot *s = device_snapshot(d);
  const uint64_t bytes = s->device_budget_bytes ? s->device_budget_bytes : s->device_heap_bytes;
  return bytes / 10 * 9;
}

uint64_t setup_wanted_tokens(const corpus *c, const vkift_train_options *o) {
  const uint64_t step_tokens = (c->train.n_tokens * (uint64_t)o->batch_size / c->train.n) * 5 / 4;
  return step_tokens < DEFAULT_CAPACITY ? step_tokens : DEFAULT_CAPACITY;
}

// As asked; else one row for a whole step where that is within DEFAULT_CAPACITY.
static bool first_capacity(const setup *s, const corpus *c, const vkift_train_options *o, uint32_t *out, err *e) {
  if (o->micro_batch_tokens) {
    const uint32_t most = batch_most_tokens(s->model, s->device);
    if (o->micro_batch_tokens < c->longest)
      return ERR(e, "--micro-batch-tokens: expected at least %u (the longest example), found %lld", c->longest,
                 (long long)o->micro_batch_tokens);
    if (o->micro_batch_tokens > most)
      return ERR(e, "--micro-batch-tokens: expected at most %u on this device, found %lld", most,
                 (long long)o->micro_batch_tokens);
    *out = (uint32_t)o->micro_batch_tokens;
    return true;
  }
  return batch_capacity(s->model, s->device, setup_wanted_tokens(c, o), c->longest, out, e);
}

static bool does_not_fit(const setup *s, const need *n, uint64_t bytes, err *e) {
  return ERR(
      e,
      "%s: the run needs %.0f MiB of device memory (frozen weights %.0f, trained weights with gradients and optimizer %.0f, "
      "activations %.0f, rest %.0f) and %.0f are to be had, with rows of %u tokens%s. Smaller: --max-length, --method lora, "
      "--lora-r, --weight-dtype f16",
      device_snapshot(s->device)->name, (double)need_total(n) / MIB, (double)n->frozen / MIB, (double)n->trained / MIB,
      (double)n->activations / MIB, (double)n->rest / MIB, (double)bytes / MIB, s->choice.capacity,
      s->choice.recompute ? " and gradient checkpointing" : "");
}

// Tries, in this order: as asked; with checkpointing; with shorter rows.
static bool choose_rows(arena *a, setup *s, const corpus *c, const vkift_train_options *o, need *n, err *e) {
  const uint64_t bytes = budget(s->device);
  TRY(first_capacity(s, c, o, &s->choice.capacity, e));
  s->choice.recompute = o->gradient_checkpointing == VKIFT_ON;
  for (;;) {
    build(a, s, c, o);
    *n = measure(s);
    if (!bytes || need_total(n) <= bytes) return true;
    uint32_t half;
    TRY(batch_capacity(s->model, s->device, s->choice.capacity / 2, c->longest, &half, e));
    if (!s->choice.recompute && o->gradient_checkpointing == VKIFT_AUTO) s->choice.recompute = true;
    else if (!o->micro_batch_tokens && half < s->choice.capacity) s->choice.capacity = half;
    else return does_not_fit(s, n, bytes, e);
  }
}

static void describe(const setup *s, const need *n, text *note) {
  text_printf(note,
              "%llu parameters, %llu trained; %.0f MiB on the device (weights %.0f, training state %.0f, activations %.0f) with "
              "rows of %u tokens%s",
              (unsigned long long)(s->model->n_parameters + (s->adapter ? adapter_elements(s->adapter) : 0)),
              (unsigned long long)s->params.n_elements, (double)need_total(n) / MIB, (double)n->frozen / MIB,
              (double)n->trained / MIB, (double)n->activations / MIB, s->choice.capacity,
              s->choice.recompute ? ", gradient checkpointing on" : "");
}

// --- open ----------------------------------------------------------------------------------------------------------------

static bool allocate(setup *s, const vkift_train_options *o, err *e) {
  gpu_slice activations;
  TRY(step_request(s->step, s->device, e) && graph_request(s->score->graph, s->device, e)); // compiled while weights are read
  TRY(params_allocate(&s->params, s->heap, true, e));
  TRY(load_upload(s->model, s->device, s->heap, (uint64_t)o->seed, e));
  if (s->adapter) TRY(adapter_upload(s->adapter, adapter_start(o), (uint64_t)o->seed, s->device, s->heap, e));
  TRY(batch_allocate(s->batch, s->model, s->device, s->heap, s->staging, e));
  TRY(heap_alloc(s->heap, activation_bytes(s), &activations, e));
  return step_record(s->step, s->device, activations, s->heap, s->staging, e) &&
         score_record(s->score, s->device, activations, s->staging, e);
}

bool setup_open(arena *a, model *m, gpu_device *d, const corpus *c, const vkift_train_options *o, const setup_choice *fixed,
                setup *s, text *note, err *e) {
  need n;
  *s = (setup){.model = m, .device = d};
  TRY(declare(a, s, o, e));
  if (fixed) {
    s->choice = *fixed;
    build(a, s, c, o);
    n = measure(s);
  } else {
    TRY(choose_rows(a, s, c, o, &n, e));
  }
  describe(s, &n, note);
  s->heap = heap_new(d, "training", GPU_MEMORY_DEVICE);
  s->staging = heap_new(d, "host side of training", GPU_MEMORY_STAGING);
  return allocate(s, o, e);
}

void setup_close(setup *s) {
  step_free(s->step);
  score_free(s->score);
  if (s->batch) batch_free(s->batch);
  if (s->heap) heap_free(s->heap);
  if (s->staging) heap_free(s->staging);
}
