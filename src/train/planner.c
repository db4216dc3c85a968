// The planner asks setup_plan, which training asks too, so that the two cannot differ. Costs come from the same graphs.
#include "train/planner.h"

#include <math.h>

#include "config/train_options.h"
#include "data/loader.h"
#include "eval/loaded.h"
#include "models/prompt_choice.h"
#include "ops/cost.h"
#include "train/setup.h"

enum { MOST_WAYS = 12, DEFAULT_ROW = 2048, LEAST_LENGTH = 16 };

typedef struct planner {
  arena *memory;
  const vkift_plan_options *options;
  model *model;
  corpus corpus;
  bool has_data;
  gpu_device *device; // NULL with vram_bytes
  gpu_plan floor;
  setup_target target;
  vkift_planned result;
  vkift_plan_way ways[MOST_WAYS];
} planner;

static bool open_data(planner *p, err *e) {
  const vkift_train_options *o = &p->options->train;
  prompt_style prompt;
  TRY(prompt_choose(p->memory, p->model, loaded_template(o->objective == VKIFT_CLASSIFY, o->chat_template), &prompt, e));
  const char *date = o->chat_template_date;
  TRY(prompt_fix_date(p->memory, &prompt, prompt_asks_date(&prompt) && !date ? prompt_today(p->memory) : date, e));
  TRY(corpus_read(p->memory, p->model, &prompt, o, NULL, &p->corpus, e));
  return true;
}

// Without data, a classifier has the labels that the options name, or two.
static bool open_head(planner *p, err *e) {
  static const char *const two[] = {"0", "1"};
  const vkift_strings *given = &p->options->train.labels;
  const bool classify = p->options->train.objective == VKIFT_CLASSIFY;
  strings labels = given->n ? (strings){given->items, (uint32_t)given->n} : (strings){two, 2};
  TRY(loaded_check_kind(p->model->path, p->model, classify, e));
  if (p->corpus.labels.n) labels = p->corpus.labels;
  else if (p->model->labels.n) labels = p->model->labels;
  if (classify) model_make_classifier(p->memory, p->model, &labels);
  return true;
}

static bool open_target(planner *p, err *e) {
  if (p->options->vram_bytes) {
    p->floor = choose_floor();
    p->target = (setup_target){"a device with the least limits", &p->floor, setup_share(p->options->vram_bytes)};
    return true;
  }
  err failure = {0};
  if (!device_open(p->memory, p->options->train.device, &p->device, &failure))
    return ERR(e, "%.1300s (--vram 8GiB plans for a size of memory, without a device)", failure.message);
  p->target = setup_target_of(p->device);
  return true;
}

// Both answers of a pair; a text and its label.
static uint32_t longest_example(const vkift_train_options *o, uint32_t max_length) {
  return o->objective == VKIFT_DPO ? 2 * max_length : max_length + (o->objective == VKIFT_CLASSIFY);
}

// Without data, rows are as long as the options say, and every example may be.
static bool rows_for(const planner *p, const vkift_train_options *o, setup_rows *rows, err *e) {
  uint32_t max_length;
  TRY(corpus_max_length(p->model, o->max_length, &max_length, e));
  if (p->has_data) {
    *rows = setup_rows_of(&p->corpus, o);
    rows->max_length = max_length;
    const uint32_t most = longest_example(o, max_length);
    if (rows->longest > most) rows->longest = most;
    return true;
  }
  const uint64_t asked = (uint64_t)o->micro_batch_tokens;
  *rows = (setup_rows){.max_length = max_length, .wanted = asked ? asked : DEFAULT_ROW};
  const uint32_t most = longest_example(o, max_length);
  rows->longest = asked && asked < most ? (uint32_t)asked : most;
  return true;
}

// Plans with these options in memory of its own; *too_large: it does not fit, and s->need says what the least takes.
static bool plan_with(const planner *p, arena *a, const vkift_train_options *o, setup *s, err *e) {
  setup_rows rows;
  TRY(rows_for(p, o, &rows, e));
  err failure = {0};
  if (setup_plan(a, p->model, &p->target, &rows, o, NULL, s, &failure) || s->too_large) return true;
  *e = failure;
  return false;
}

// --- costs -----------------------------------------------------------------------------------------------------------------

static void count_steps(const planner *p, const setup *s, vkift_planned *r) {
  const vkift_train_options *o = &p->options->train;
  const double tokens = s->choice.capacity;
  double targets = tokens;
  r->step_tokens = tokens;
  r->steps = o->max_steps;
  if (p->has_data) {
    const dataset *d = &p->corpus.train;
    const loader_options options = {.batch_size = (uint32_t)o->batch_size,
                                    .no_shuffle = !o->shuffle,
                                    .seed = (uint64_t)o->seed,
                                    .task_cap = (uint32_t)o->mixing_cap};
    const loader *l = loader_new(p->memory, d, &options);
    const double examples = fmin((double)o->batch_size, (double)l->epoch_n);
    r->step_tokens = (double)d->n_tokens / (double)d->n * examples;
    r->steps = (int64_t)loader_total_steps(l, o->num_train_epochs, (uint64_t)o->max_steps);
    targets *= (double)d->n_targets / (double)d->n_tokens;
  }
  const cost row = cost_of(s->step->micro, tokens, targets), update = cost_of(s->step->update, tokens, targets);
  r->row_flops = row.flops;
  r->row_bytes = row.bytes;
  r->step_flops = row.flops * r->step_tokens / tokens + update.flops;
  r->step_bytes = row.bytes * ceil(r->step_tokens / tokens) + update.bytes;
  r->run_flops = r->step_flops * (double)r->steps;
  if (p->options->gflops > 0) r->step_seconds = r->step_flops / (p->options->gflops * 1e9);
}

static void fill_result(planner *p, const setup *s) {
  vkift_planned *r = &p->result;
  const setup_need *n = &s->need;
  const double asked = p->options->pretraining_tokens;
  *r = (vkift_planned){.device = p->target.name,
                       .budget_bytes = p->target.budget,
                       .fits = !s->too_large,
                       .parameters = (int64_t)(p->model->n_parameters + (s->adapter ? adapter_elements(s->adapter) : 0)),
                       .trained_parameters = (int64_t)s->params.n_elements,
                       .frozen_bytes = n->frozen,
                       .weight_bytes = n->weights,
                       .gradient_bytes = n->gradients,
                       .optimizer_bytes = n->optimizer,
                       .activation_bytes = n->activations,
                       .rest_bytes = n->rest,
                       .device_bytes = setup_need_total(n),
                       .row_tokens = s->choice.capacity,
                       .layers = p->model->config.n_layers,
                       .checkpointing_layers = s->choice.recompute.segments,
                       .checkpointing_group = s->choice.recompute.group,
                       .ways = p->ways};
  r->pretraining_flops = 6.0 * (double)p->model->n_parameters * (asked > 0 ? asked : p->model->config.pretraining_tokens);
  count_steps(p, s, r);
}

// --- what would make it fit ------------------------------------------------------------------------------------------------

static bool try_way(planner *p, const char *change, const vkift_train_options *o, err *e) {
  setup s = {0};
  arena *a = arena_new("a way to fit");
  const bool ok = plan_with(p, a, o, &s, e);
  REQUIRE(p->result.n_ways < MOST_WAYS, "more than %d ways", MOST_WAYS);
  if (ok)
    p->ways[p->result.n_ways++] =
        (vkift_plan_way){.change = change, .device_bytes = setup_need_total(&s.need), .fits = !s.too_large};
  setup_close(&s);
  arena_free(a);
  return ok;
}

static bool has_f32_weights(const planner *p, const vkift_train_options *o) {
  if (o->weight_dtype != VKIFT_WEIGHT_AUTO) return o->weight_dtype == VKIFT_WEIGHT_F32;
  const weight *first = p->model->params[0].source;
  const dtype stored = first ? first->type : p->model->stored;
  return stored == DTYPE_F32;
}

static bool takes_nf4(const planner *p, const vkift_train_options *o) {
  err unsuited = {0};
  return o->method == VKIFT_LORA && !o->quantize && o->weight_dtype <= VKIFT_WEIGHT_BF16 &&
         load_check(p->model, LOAD_NF4, true, &unsuited);
}

// Shorter examples and rows, halved until it fits.
static bool shorter(planner *p, vkift_train_options *o, const char **change, err *e) {
  setup_rows rows;
  TRY(rows_for(p, o, &rows, e));
  uint32_t length = LEAST_LENGTH;
  while (length * 2 < rows.longest) length *= 2;
  bool ok = true;
  for (bool fits = false; ok && !fits && length >= LEAST_LENGTH; length /= 2) {
    setup s = {0};
    arena *a = arena_new("shorter rows");
    o->max_length = length;
    if (o->micro_batch_tokens) o->micro_batch_tokens = o->objective == VKIFT_DPO ? 2 * length : length;
    ok = plan_with(p, a, o, &s, e);
    fits = !s.too_large;
    setup_close(&s);
    arena_free(a);
  }
  if (!ok) return false;
  *change = arena_printf(p->memory, o->micro_batch_tokens ? "--max-length %lld --micro-batch-tokens %lld" : "--max-length %lld",
                         (long long)o->max_length, (long long)o->micro_batch_tokens);
  return true;
}

// Each change alone; where none is enough, those that keep the method all together.
static bool find_ways(planner *p, err *e) {
  const vkift_train_options *asked = &p->options->train;
  vkift_train_options together = *asked, one = *asked;
  text all = {0};
  const char *change;
  bool ok = true;
#define WAY(condition, text_, ...)                             \
  if (ok && (condition)) {                                     \
    one = *asked;                                              \
    one.__VA_ARGS__;                                           \
    together.__VA_ARGS__;                                      \
    text_printf(&all, "%s%s", all.length ? " " : "", (text_)); \
    ok = try_way(p, (text_), &one, e);                         \
  }
  WAY(asked->gradient_checkpointing == VKIFT_OFF, "--gradient-checkpointing auto", gradient_checkpointing = VKIFT_AUTO)
  WAY(asked->optim == VKIFT_ADAMW, "--optim adamw_8bit", optim = VKIFT_ADAMW_8BIT)
  WAY(asked->method != VKIFT_FULL && has_f32_weights(p, asked), "--weight-dtype bf16", weight_dtype = VKIFT_WEIGHT_BF16)
  WAY(takes_nf4(p, asked), "--quantize nf4", quantize = VKIFT_NF4)
  WAY(asked->method == VKIFT_LORA && asked->lora_r > 8, "--lora-r 8", lora_r = 8)
#undef WAY
  if (ok) {
    one = *asked;
    ok = shorter(p, &one, &change, e) && try_way(p, change, &one, e);
  }
  bool fits = false;
  for (size_t i = 0; i < p->result.n_ways; i++) fits |= p->ways[i].fits;
  if (ok && !fits) {
    ok = shorter(p, &together, &change, e);
    text_printf(&all, "%s%s", all.length ? " " : "", change);
    ok = ok && try_way(p, arena_strdup(p->memory, all.data), &together, e);
  }
  if (ok && asked->method == VKIFT_FULL) {
    one = *asked;
    one.method = VKIFT_LORA;
    one.weight_dtype = has_f32_weights(p, asked) ? VKIFT_WEIGHT_BF16 : asked->weight_dtype;
    ok = try_way(p, one.weight_dtype == VKIFT_WEIGHT_BF16 ? "--method lora --weight-dtype bf16" : "--method lora", &one, e);
  }
  text_free(&all);
  return ok;
}

bool planner_run(const vkift_plan_options *options, void (*plan)(void *user, const vkift_planned *plan), void *user, err *e) {
  arena *a = arena_new("plan");
  planner *p = ARENA_NEW(a, planner);
  *p = (planner){.memory = a, .options = options, .has_data = options->train.data.n > 0};
  setup s = {0};
  bool ok = train_options_check_plan(&options->train, e) &&
            model_open_shape(a, options->train.model, p->has_data, &p->model, e) && (!p->has_data || open_data(p, e)) &&
            open_head(p, e) && open_target(p, e) && plan_with(p, a, &options->train, &s, e);
  if (ok) fill_result(p, &s);
  if (ok && s.too_large) ok = find_ways(p, e);
  if (ok) plan(user, &p->result);
  setup_close(&s);
  device_close(p->device);
  model_close(p->model);
  arena_free(a);
  return ok;
}
