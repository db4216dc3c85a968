// A whole training step as `vkift train` makes it: LoRA on all seven projections, one packed row of which half the tokens
// carry loss, by the host's clock from handing the row over to the step's result.
#include <string.h>

#include "base/log.h"
#include "bench/bench.h"
#include "ops/cost.h"
#include "train/setup.h"

enum { LORA_R = 16 };

// One example of `n` tokens, the second half of them targets.
static example *make_example(arena *a, const model *m, uint32_t n) {
  int32_t *ids = ARENA_ARRAY(a, int32_t, n);
  uint8_t *target = ARENA_ARRAY(a, uint8_t, n);
  example *x = ARENA_NEW(a, example);
  for (uint32_t i = 0; i < n; i++) ids[i] = (int32_t)((uint64_t)i * 2654435761u % m->config.vocab_size);
  for (uint32_t i = n / 2; i < n; i++) target[i] = 1;
  *x = (example){.ids = ids, .target = target, .n = n, .n_targets = n - n / 2, .weight = 1};
  return x;
}

static bool run_steps(const bench *b, const setup *s, const pack_row *row, measured *m, err *e) {
  enum { WARM = 1, LEAST = 3, MOST = 101 };
  const struct step_hyper h = {.learning_rate = 1e-5f,
                               .beta1 = 0.9f,
                               .beta2 = 0.999f,
                               .ln_beta1 = -0.105360516f,
                               .ln_beta2 = -0.0010005003f,
                               .epsilon = 1e-8f,
                               .max_grad_norm = 1,
                               .inverse_targets = 1 / (float)row->n_targets};
  double seconds[MOST];
  *m = (measured){0};
  TRY(step_set_applied(s->step, 0, e));
  for (int i = 0; i < WARM; i++) TRY(step_run(s->step, row, 1, 0, &h, e));
  const double until = clock_seconds() + b->options->seconds;
  while (m->runs < MOST && (m->runs < LEAST || clock_seconds() < until)) {
    const double begin = clock_seconds();
    TRY(step_run(s->step, row, 1, 0, &h, e));
    seconds[m->runs++] = clock_seconds() - begin;
  }
  m->seconds = measure_median(seconds, m->runs);
  return step_result(s->step).finite || ERR(e, "%s: a training step gave numbers that are not finite", s->model->path);
}

static vkift_train_options options_of(const bench *b, const model *m) {
  vkift_train_options o = vkift_train_defaults();
  o.lora_r = LORA_R;
  o.tune = b->options->tune ? VKIFT_ON : VKIFT_OFF;
  o.weight_dtype = b->options->weight_dtype;
  if (!m->params[0].source && !o.weight_dtype) o.weight_dtype = VKIFT_WEIGHT_BF16; // no file says what they are
  o.quantize = b->options->quantize;
  o.double_quantization = b->options->double_quantization;
  return o;
}

static bool is_wanted(const bench *b, char shape[96]) {
  const uint32_t tokens = (uint32_t)b->options->rows;
  snprintf(shape, 96, "lora r%d, %u tokens, %u targets", LORA_R, tokens, tokens - tokens / 2);
  return bench_wants(b, "train_step", shape);
}

static corpus corpus_of(uint32_t tokens) {
  return (corpus){.train = {.n = 1, .n_tokens = tokens}, .longest = tokens, .max_length = tokens};
}

bool train_step_check(const bench *b, model *m, err *e) {
  const uint32_t tokens = (uint32_t)b->options->rows;
  const vkift_train_options o = options_of(b, m);
  const corpus c = corpus_of(tokens);
  const setup_target target = setup_target_of(b->device);
  const setup_rows rows = setup_rows_of(&c, &o);
  char shape[96];
  if (!is_wanted(b, shape)) return true;
  arena *a = arena_new("size of a step");
  setup s = {0};
  bool ok = setup_plan(a, m, &target, &rows, &o, &(setup_choice){.capacity = tokens}, &s, e);
  const uint64_t need = setup_need_total(&s.need);
  if (ok && target.budget && need > target.budget)
    ok = ERR(e, "rows: a training step of %u tokens needs %llu MiB of device memory, and of %s %llu are to be had", tokens,
             (unsigned long long)(need >> 20), target.name, (unsigned long long)(target.budget >> 20));
  setup_close(&s);
  arena_free(a);
  return ok;
}

static const char *type_of_linears(const model *m) {
  uint32_t i = 0;
  while (i + 1 < m->n_params && m->params[i].role != PARAM_LINEAR) i++;
  return dtype_get(m->params[i].t->type)->name;
}

static bool measure(const bench *b, arena *a, model *m, text *note, err *e) {
  const uint32_t tokens = (uint32_t)b->options->rows;
  const example *x = make_example(a, m, tokens);
  const pack_row row = {.examples = &x, .n = 1, .n_tokens = tokens, .n_targets = x->n_targets};
  const corpus c = corpus_of(tokens);
  const vkift_train_options o = options_of(b, m);
  char shape[96];
  if (!is_wanted(b, shape)) return true;
  setup s = {0};
  measured took;
  const bool ok =
      setup_open(a, m, b->device, &c, &o, &(setup_choice){.capacity = tokens}, &s, note, e) && run_steps(b, &s, &row, &took, e);
  if (ok) {
    const cost micro = cost_of(s.step->micro, tokens, x->n_targets), update = cost_of(s.step->update, tokens, x->n_targets);
    bench_report(b, "train_step", shape, arena_printf(a, "%s weights", type_of_linears(m)), micro.flops + update.flops, 0, &took);
  }
  setup_close(&s);
  return ok;
}

bool train_step_measure(bench *b, model *m, err *e) {
  arena *a = arena_new("step");
  text note = {0};
  const bool ok = measure(b, a, m, &note, e);
  text_free(&note);
  arena_free(a);
  return ok;
}
