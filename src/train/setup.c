#include "train/setup.h"

#include <string.h>

#include "eval/loaded.h"
#include "models/dora.h"
#include "models/trainable.h"
#include "ops/tune.h"
#include "train/preference.h"

enum { DEFAULT_CAPACITY = 2048, LEAST_PAIR = 4 }; // tokens: a prompt and an answer, twice
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

// Whether all of these are in the other list, but for a classifier's head, which it has in any case.
static bool all_in(const char *const *list, size_t n, const char *const *other, size_t n_other, bool classifier) {
  bool all = true;
  for (size_t i = 0; i < n; i++) all &= has_module(other, n_other, list[i]) || (classifier && adapter_names_head(list[i]));
  return all;
}

// An adapter has the modules that it has: others cannot be asked for beside it.
static bool check_whole(const char *from, const vkift_train_options *o, const adapter_config *c, err *e) {
  const vkift_strings *asked = &o->modules_to_save;
  if (!asked->n || (all_in(asked->items, asked->n, c->whole, c->n_whole, c->classifier) &&
                    all_in(c->whole, c->n_whole, asked->items, asked->n, c->classifier)))
    return true;
  text names = {0};
  for (uint32_t i = 0; i < c->n_whole; i++) text_printf(&names, "%s%s", i ? ", " : "", c->whole[i]);
  ERR(e,
      "modules_to_save: expected none, or those of the adapter %s that is gone on from (%.500s), found others; merge it "
      "first (vkift export), and train a new adapter on the result",
      from, names.length ? names.data : "none");
  text_free(&names);
  return false;
}

// What an adapter to go on from says wins over the options.
static bool choose_adapter(arena *a, const setup *s, const vkift_train_options *o, adapter_config *c, err *e) {
  *c = (adapter_config){.r = (uint32_t)o->lora_r,
                        .alpha = o->lora_alpha,
                        .dropout = o->lora_dropout,
                        .rslora = o->use_rslora,
                        .dora = o->use_dora,
                        .targets = o->target_modules.items,
                        .n_targets = (uint32_t)o->target_modules.n,
                        .whole = o->modules_to_save.items,
                        .n_whole = (uint32_t)o->modules_to_save.n,
                        .classifier = s->model->labels.n > 0};
  const char *from = adapter_start(o);
  if (from) {
    TRY(adapter_read_config(a, from, c, e));
    TRY(check_whole(from, o, c, e));
    if (o->lora_dropout > 0) c->dropout = o->lora_dropout;
  }
  if (c->n_targets == 1 && !strcmp(c->targets[0], "all-linear")) c->n_targets = 0;
  if (adapter_choose_whole(a, s->model, c, e)) return true;
  return from ? err_prefix(e, "%s", from) : false;
}

static bool declare(arena *a, setup *s, const gpu_plan *limits, const vkift_train_options *o, err *e) {
  const bool full = o->method == VKIFT_FULL, lora = o->method == VKIFT_LORA;
  adapter_config c;
  for (uint32_t i = 0; i < s->model->n_params; i++) s->model->params[i].lora = NULL, s->model->params[i].whole = false;
  TRY(!lora || choose_adapter(a, s, o, &c, e));
  if (o->method == VKIFT_FREEZE)
    TRY(trainable_choose(s->model, o->trainable.items, (uint32_t)o->trainable.n, (uint32_t)o->trainable_layers, e));
  params_init(&s->params, a);
  s->params.moments_8bit = o->optim == VKIFT_ADAMW_8BIT;
  const load_type type = loaded_type(o->weight_dtype, o);
  TRY(full || load_check(s->model, type, false, e));
  load_declare(a, s->model, &s->params, full, type);
  if (lora && !adapter_declare(a, s->model, &c, &s->params, &s->adapter, e))
    return adapter_start(o) ? err_prefix(e, "%s", adapter_start(o)) : false;
  params_layout(&s->params, limits->max_chunk_bytes);
  return true;
}

// --- memory --------------------------------------------------------------------------------------------------------------

uint64_t setup_need_total(const setup_need *n) {
  return n->frozen + n->weights + n->gradients + n->optimizer + n->activations + n->rest;
}

uint64_t setup_share(uint64_t bytes) {
  return bytes / 10 * 9;
}

setup_target setup_target_of(const gpu_device *d) {
  const gpu_snapshot *s = device_snapshot(d);
  return (setup_target){s->name, device_plan(d),
                        setup_share(s->device_budget_bytes ? s->device_budget_bytes : s->device_heap_bytes)};
}

static void build(arena *a, setup *s, const setup_target *target, const setup_rows *rows, const vkift_train_options *o) {
  const bool is_dpo = o->objective == VKIFT_DPO;
  const pack_limits limits = {.tokens = s->choice.capacity, .pairs = is_dpo ? s->choice.capacity / LEAST_PAIR : 0};
  const dpo_options dpo = preference_options(o);
  const step_options options = {.timed = o->profile != NULL,
                                .recompute = s->choice.recompute,
                                .lora_dropout = s->adapter ? (float)s->adapter->config.dropout : 0,
                                .neftune_alpha = (float)o->neftune_noise_alpha,
                                .seed = (uint64_t)o->seed,
                                .dpo = is_dpo ? &dpo : NULL};
  const uint32_t of_text = rows->longest - (rows->longest && s->model->labels.n); // which a label adds nothing to
  const uint32_t longest = rows->max_length > of_text ? rows->max_length : of_text;
  s->batch = batch_new(a, s->model, &limits, longest < limits.tokens ? longest : limits.tokens);
  s->batch->timed = options.timed;
  s->batch->longest = rows->sequence;
  s->step = step_new(a, s->model, s->batch, &s->params, &options, target->limits);
  s->score = score_new(a, s->model, s->batch, target->limits);
  s->activations = (graph_memory){0};
  graph_memory_add(&s->activations, s->step->micro);
  graph_memory_add(&s->activations, s->step->update);
  graph_memory_add(&s->activations, s->score->graph);
}

// Every piece of device memory that the run has, asked of a heap that counts or of the device's: the one list of them.
static bool allocate(setup *s, gpu_heap *heap, setup_need *n, err *e) {
  *n = (setup_need){0};
  TRY(params_allocate(&s->params, heap, true, e));
  uint64_t before = heap_used(heap);
  params_bytes(&s->params, &n->weights, &n->gradients, &n->optimizer);
  n->optimizer = before - n->weights - n->gradients; // with what rounds scales up
  TRY(load_allocate(s->model, heap, e) && (!s->adapter || adapter_allocate(s->adapter, heap, e)));
  n->frozen = heap_used(heap) - before;
  TRY(batch_allocate(s->batch, heap, e) && step_allocate(s->step, heap, e));
  before = heap_used(heap);
  TRY(graph_memory_allocate(&s->activations, heap, e));
  n->activations = heap_used(heap) - before;
  n->rest = heap_used(heap) - n->weights - n->gradients - n->optimizer - n->frozen - n->activations;
  return true;
}

// Builds the graphs of s->choice and counts what they take.
static bool count(arena *a, setup *s, const setup_target *target, const setup_rows *rows, const vkift_train_options *o, err *e) {
  build(a, s, target, rows, o);
  heap_free(s->counted);
  s->counted = heap_new_counting(target->limits, target->name);
  return allocate(s, s->counted, &s->need, e);
}

// --- the choice of rows and checkpointing ----------------------------------------------------------------------------------

uint64_t setup_wanted_tokens(const corpus *c, const vkift_train_options *o) {
  const uint64_t step_tokens = (c->train.n_tokens * (uint64_t)o->batch_size / c->train.n) * 5 / 4;
  return step_tokens < DEFAULT_CAPACITY ? step_tokens : DEFAULT_CAPACITY;
}

// Of pairs, whose two answers do not see each other.
static uint32_t longest_answer(const corpus *c) {
  const dataset *const sets[] = {&c->train, &c->eval};
  uint32_t most = 0;
  for (int s = 0; s < 2; s++)
    for (uint64_t i = 0; i < sets[s]->n; i++) {
      const example *x = &sets[s]->items[i];
      if (most < x->second) most = x->second;
      if (most < x->n - x->second) most = x->n - x->second;
    }
  return most;
}

setup_rows setup_rows_of(const corpus *c, const vkift_train_options *o) {
  const bool has_label = o->objective == VKIFT_CLASSIFY && c->longest; // which is no token of the text
  return (setup_rows){.longest = c->longest,
                      .sequence = o->objective == VKIFT_DPO ? longest_answer(c) : c->longest - has_label,
                      .max_length = c->max_length,
                      .wanted = setup_wanted_tokens(c, o)};
}

// As asked; else one row for a whole step where that is within DEFAULT_CAPACITY.
static bool first_capacity(const setup *s, const setup_target *target, const setup_rows *rows, const vkift_train_options *o,
                           uint32_t *out, err *e) {
  const uint32_t most = batch_most_tokens(s->model, target->limits);
  if (o->objective == VKIFT_DPO && rows->longest > most)
    return ERR(
        e,
        "a pair of answers has %u tokens, each with its prompt, but a row holds %u at this model's width on this device: use "
        "--max-length %u",
        rows->longest, most, most / 2);
  if (!o->micro_batch_tokens) return batch_capacity(s->model, target->limits, rows->wanted, rows->longest, out, e);
  if (o->micro_batch_tokens < rows->longest)
    return ERR(e, "--micro-batch-tokens: expected at least %u (the longest example), found %lld", rows->longest,
               (long long)o->micro_batch_tokens);
  if (o->micro_batch_tokens > most)
    return ERR(e, "--micro-batch-tokens: expected at most %u on this device, found %lld", most, (long long)o->micro_batch_tokens);
  *out = (uint32_t)o->micro_batch_tokens;
  return true;
}

static bool does_not_fit(setup *s, const setup_target *target, err *e) {
  const setup_need *n = &s->need;
  s->too_large = true;
  return ERR(
      e,
      "%s: the run needs %.0f MiB of device memory (frozen weights %.0f, trained weights with gradients and optimizer %.0f, "
      "activations %.0f, rest %.0f) and %.0f are to be had, with rows of %u tokens%s. Smaller: --max-length, --method lora, "
      "--lora-r, --weight-dtype f16; `vkift plan` says what each brings",
      target->name, (double)setup_need_total(n) / MIB, (double)n->frozen / MIB,
      (double)(n->weights + n->gradients + n->optimizer) / MIB, (double)n->activations / MIB, (double)n->rest / MIB,
      (double)target->budget / MIB, s->choice.capacity, s->choice.recompute.segments ? " and gradient checkpointing" : "");
}

typedef struct sizing { // what the functions below hand on
  arena *a;
  setup *s;
  const setup_target *target;
  const setup_rows *rows;
  const vkift_train_options *o;
} sizing;

static bool try_recompute(const sizing *z, uint32_t segments, uint32_t group, bool *fits, err *e) {
  z->s->choice.recompute = (graph_recompute){segments, group};
  TRY(count(z->a, z->s, z->target, z->rows, z->o, e));
  *fits = !z->target->budget || setup_need_total(&z->s->need) <= z->target->budget;
  return true;
}

// The fewest layers whose activations have to be computed again, where none is too few and all are enough: each costs time.
static bool fewest_layers(const sizing *z, uint32_t layers, bool *fits, err *e) {
  uint32_t too_few = 0, enough = layers;
  while (enough - too_few > 1) {
    const uint32_t middle = too_few + (enough - too_few) / 2;
    TRY(try_recompute(z, middle, 0, fits, e));
    if (*fits) enough = middle;
    else too_few = middle;
  }
  return try_recompute(z, enough, 0, fits, e);
}

// Checkpointing as asked, else the fastest that fits these rows: nothing again, some layers, all, all in groups.
static bool choose_recompute(const sizing *z, bool *fits, err *e) {
  const vkift_train_options *o = z->o;
  const uint32_t layers = z->s->model->config.n_layers;
  const bool chosen = o->gradient_checkpointing == VKIFT_AUTO && !o->checkpointing_layers;
  if (o->gradient_checkpointing == VKIFT_OFF) return try_recompute(z, 0, 0, fits, e);
  if (chosen) {
    TRY(try_recompute(z, 0, 0, fits, e));
    if (*fits) return true;
  }
  uint32_t all = layers;
  if (o->checkpointing_layers && o->checkpointing_layers < layers) all = (uint32_t)o->checkpointing_layers;
  TRY(try_recompute(z, all, (uint32_t)o->checkpointing_group, fits, e));
  if (*fits) return !chosen || o->checkpointing_group || fewest_layers(z, layers, fits, e);
  if (o->checkpointing_group) return true;
  uint32_t root = 2; // groups of √layers keep the fewest inputs: one for each group, and those of one group
  while (root * root < all) root++;
  return try_recompute(z, all, root, fits, e);
}

// Tries, in this order: as asked; with checkpointing; with shorter rows.
static bool choose_shape(const sizing *z, err *e) {
  setup *s = z->s;
  TRY(first_capacity(s, z->target, z->rows, z->o, &s->choice.capacity, e));
  for (;;) {
    bool fits;
    uint32_t half;
    TRY(choose_recompute(z, &fits, e));
    if (fits) return true;
    TRY(batch_capacity(s->model, z->target->limits, s->choice.capacity / 2, z->rows->longest, &half, e));
    if (z->o->micro_batch_tokens || half >= s->choice.capacity) return does_not_fit(s, z->target, e);
    s->choice.capacity = half;
  }
}

bool setup_plan(arena *a, model *m, const setup_target *target, const setup_rows *rows, const vkift_train_options *o,
                const setup_choice *fixed, setup *s, err *e) {
  *s = (setup){.model = m};
  TRY(declare(a, s, target->limits, o, e));
  if (!fixed) return choose_shape(&(sizing){a, s, target, rows, o}, e);
  s->choice = *fixed;
  return count(a, s, target, rows, o, e);
}

// --- open ----------------------------------------------------------------------------------------------------------------

static void describe(const setup *s, text *note) {
  const setup_need *n = &s->need;
  const graph_recompute *again = &s->choice.recompute;
  const uint32_t layers = s->model->config.n_layers;
  text_printf(note,
              "%llu parameters, %llu trained; %.0f MiB on the device (weights %.0f, training state %.0f, activations %.0f) with "
              "rows of %u tokens%s",
              (unsigned long long)(s->model->n_parameters + (s->adapter ? adapter_elements(s->adapter) : 0)),
              (unsigned long long)s->params.n_elements, (double)setup_need_total(n) / MIB, (double)n->frozen / MIB,
              (double)(n->weights + n->gradients + n->optimizer) / MIB, (double)n->activations / MIB, s->choice.capacity,
              again->segments ? ", gradient checkpointing on" : "");
  if (again->segments && again->segments < layers) text_printf(note, " for %u of %u layers", again->segments, layers);
  if (again->group > 1) text_printf(note, " in groups of %u layers", again->group);
}

// --- kernels ---------------------------------------------------------------------------------------------------------------

// Tuning takes half a minute on a slow device, so short runs take what is known.
static const double WORTH_FLOPS = 1e13;

static double run_flops(const setup *s, const corpus *c, const vkift_train_options *o, graph *micro) {
  double tokens = (double)c->train.n_tokens * o->num_train_epochs;
  if (o->max_steps) tokens = (double)c->train.n_tokens / (double)c->train.n * (double)o->max_steps * (double)o->batch_size;
  return tune_product_flops(s->device, &micro, 1) * tokens / s->choice.capacity;
}

static bool choose_kernels(arena *a, setup *s, const corpus *c, const vkift_train_options *o, err *e) {
  graph *graphs[] = {s->step->micro, s->score->graph};
  choices_clear(s->device);
  for (size_t i = 0; i < o->kernels.n; i++)
    if (!choices_set_text(s->device, o->kernels.items[i]))
      return ERR(e, "kernels: expected \"PRODUCT = KERNEL\", found \"%.100s\"", o->kernels.items[i]);
  if (!o->kernels.n && o->tune != VKIFT_OFF) {
    choices_load(s->device);
    if (o->tune == VKIFT_ON || run_flops(s, c, o, graphs[0]) >= WORTH_FLOPS) {
      TRY(tune_graphs(s->device, graphs, 2, e));
      choices_save(s->device);
    }
  }
  s->kernels.n = tune_choices(a, s->device, graphs, 2, &s->kernels.items);
  return true;
}

static bool fill(setup *s, const vkift_train_options *o, err *e) {
  TRY(step_request(s->step, s->device, e) && graph_request(s->score->graph, s->device, e)); // compiled while weights are read
  TRY(load_upload(s->model, s->device, (uint64_t)o->seed, e));
  // A preference's reference is the model without an adapter, so that is what the run has first.
  const char *start = o->objective == VKIFT_DPO ? NULL : adapter_start(o);
  if (s->adapter)
    TRY(adapter_upload(s->adapter, start, (uint64_t)o->seed, s->device, e) && dora_compute_norms(s->model, s->device, e));
  return batch_open(s->batch, s->model, s->device, s->staging, e) &&
         step_record(s->step, s->device, &s->activations, s->staging, e) &&
         score_record(s->score, s->device, &s->activations, s->staging, e);
}

bool setup_take_adapter(setup *s, const vkift_train_options *o, err *e) {
  const char *start = adapter_start(o);
  return !s->adapter || !start ||
         (adapter_upload(s->adapter, start, (uint64_t)o->seed, s->device, e) && dora_compute_norms(s->model, s->device, e));
}

bool setup_open(arena *a, model *m, gpu_device *d, const corpus *c, const vkift_train_options *o, const setup_choice *fixed,
                setup *s, text *note, err *e) {
  const setup_target target = setup_target_of(d);
  const setup_rows rows = setup_rows_of(c, o);
  TRY(setup_plan(a, m, &target, &rows, o, fixed, s, e)); // which marks what trains whole
  TRY(o->method == VKIFT_FULL || load_check(m, loaded_type(o->weight_dtype, o), true, e));
  describe(s, note);
  s->device = d;
  TRY(choose_kernels(a, s, c, o, e));
  s->heap = heap_new(d, "training", GPU_MEMORY_DEVICE);
  s->staging = heap_new(d, "host side of training", GPU_MEMORY_STAGING);
  heap_expect(s->heap, s->counted);
  setup_need made;
  TRY(allocate(s, s->heap, &made, e));
  REQUIRE(heap_bytes(s->heap) == setup_need_total(&s->need), "%llu bytes were planned, %llu are allocated",
          (unsigned long long)setup_need_total(&s->need), (unsigned long long)heap_bytes(s->heap));
  return fill(s, o, e);
}

void setup_close(setup *s) {
  step_free(s->step);
  score_free(s->score);
  if (s->batch) batch_free(s->batch);
  heap_free(s->heap);
  heap_free(s->staging);
  heap_free(s->counted);
}
