// Front matter is YAML, in which a string may stand as in JSON. Tables are GitHub's, which the hub renders.
#include "eval/card.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "config/train_options.h"
#include "io/json.h"
#include "vkift.h"

enum { CARD_LIMIT = 1 << 20 };
static const char file_name[] = "README.md", front_end[] = "\n---\n", form_heading[] = "\n## This form\n",
                  scores_heading[] = "\n## Scores\n";

static void put_front(card_kind kind, bool classifier, const char *base, text *out) {
  static const char *const libraries[] = {
      [CARD_ADAPTER] = "peft", [CARD_MODEL] = "transformers", [CARD_GGUF] = "gguf", [CARD_GGUF_ADAPTER] = "gguf"};
  const bool low_rank = kind == CARD_ADAPTER || kind == CARD_GGUF_ADAPTER;
  text_puts(out, "---\nbase_model: ");
  json_put_string(out, base);
  text_printf(out, "\nlibrary_name: %s\npipeline_tag: text-%s\ntags:\n- vkift\n", libraries[kind],
              classifier ? "classification" : "generation");
  if (low_rank) text_puts(out, "- lora\n");
  text_puts(out, "---\n");
}

static bool write(const char *dir, const text *out, err *e) {
  arena *a = arena_new("card");
  const bool ok = file_replace(path_join(a, dir, file_name), out->data, out->length, e);
  arena_free(a);
  return ok;
}

// A cell of a table.
static void put_cell(text *out, const char *s) {
  for (; *s; s++) {
    if (*s == '|') text_putc(out, '\\');
    text_putc(out, *s == '\n' ? ' ' : *s);
  }
}

// --- of a training run -----------------------------------------------------------------------------------------------------

static void put_data(arena *a, const card_run *r, text *out) {
  const vkift_data_list *d = &r->options->data;
  text_puts(out, "| data | ");
  for (size_t i = 0; i < d->n; i++) {
    text_puts(out, i ? ", " : "");
    put_cell(out, path_name(path_trim(a, d->items[i].path)));
    if (d->items[i].weight != 1) text_printf(out, " (weight %g)", d->items[i].weight);
  }
  text_puts(out, " |\n");
  const dataset *s = &r->corpus->train;
  text_printf(out, "| examples | %llu, of %llu tokens, %llu of which carry loss |\n", (unsigned long long)s->n,
              (unsigned long long)s->n_tokens, (unsigned long long)s->n_targets);
}

static void put_method(const card_run *r, text *out) {
  const vkift_train_options *o = r->options;
  text_printf(out, "| objective | %s |\n| method | %s", objective_names[o->objective], method_names[o->method]);
  if (r->adapter) {
    const adapter_config *c = &r->adapter->config;
    text_printf(out, ", r %u, alpha %g%s, on ", c->r, c->alpha, c->rslora ? " (rsLoRA)" : "");
    for (uint32_t i = 0; i < c->n_targets; i++) text_printf(out, "%s%s", i ? ", " : "", c->targets[i]);
  }
  text_puts(out, " |\n");
}

// What is said in a row of its own, or is of this machine, or decides what is kept of the run and not what it trains.
static bool is_left_out(const option *o) {
  static const char *const names[] = {
      "model",           "data",       "adapter",        "objective",     "method",     "lora_r",
      "lora_alpha",      "use_rslora", "target_modules", "device",        "kernels",    "tune",
      "profile",         "seed",       "tensorboard",    "logging_steps", "save_steps", "save_total_limit",
      "log_tensor_norms"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(o->name, names[i])) return true;
  return o->rules & OPTION_NOT_RECORDED;
}

// Every other option whose value is not its default, as config.yaml has it; of a path the name.
static void put_options(arena *a, const card_run *r, text *out) {
  const vkift_train_options defaults = vkift_train_defaults();
  bool any = false;
  for (const option *o = train_option_table; o->name; o++) {
    if (is_left_out(o) || option_is_default(o, r->options, &defaults)) continue;
    text value = {0};
    option_format(o, r->options, &value);
    text_printf(out, any ? ", %s " : "| options | %s ", o->name);
    if (value.length) put_cell(out, o->type == OPTION_PATH ? path_name(path_trim(a, value.data)) : value.data);
    text_free(&value);
    any = true;
  }
  if (any) text_puts(out, " |\n");
}

static void put_results(const card_run *r, text *out) {
  text_puts(out, "\n## Results\n\n| | |\n|---|---|\n");
  text_printf(out, "| steps | %llu |\n", (unsigned long long)r->steps);
  if (r->best_step)
    text_printf(out, "| kept | the weights of step %llu, whose evaluation loss was the least |\n",
                (unsigned long long)r->best_step);
  if (isfinite(r->train_loss)) text_printf(out, "| training loss, last step | %.4f |\n", r->train_loss);
  if (isfinite(r->eval_loss))
    text_printf(out, "| evaluation loss, %llu examples | %.4f |\n", (unsigned long long)r->corpus->eval.n, r->eval_loss);
}

bool card_write(const card_run *r, const char *dir, err *e) {
  arena *a = arena_new("card");
  const char *base = path_name(r->model->path);
  const bool random = r->options->init == VKIFT_INIT_RANDOM;
  text out = {0};
  put_front(r->adapter ? CARD_ADAPTER : CARD_MODEL, r->model->labels.n > 0, base, &out);
  text_printf(&out, "\n# %s, %s\n\n%s with vkift %s.\n\n## Training\n\n| | |\n|---|---|\n| base model | ", base,
              random ? "trained from random weights" : "finetuned",
              r->adapter ? "A LoRA adapter for it, trained" : "A whole model, trained", vkift_version());
  put_cell(&out, base);
  text_printf(&out, " (%s, %llu parameters%s) |\n", r->model->family->name, (unsigned long long)r->model->n_parameters,
              random ? ", its shape alone" : "");
  put_data(a, r, &out);
  put_method(r, &out);
  if (!r->model->labels.n)
    text_printf(&out, "| prompt | %s |\n",
                r->prompt->kind == PROMPT_ALPACA ? "Alpaca's" : "the chat template that comes with it");
  put_options(a, r, &out);
  text_printf(&out, "| seed | %lld |\n", (long long)r->options->seed);
  put_results(r, &out);
  const bool ok = write(dir, &out, e);
  text_free(&out);
  arena_free(a);
  return ok;
}

// --- of an export ----------------------------------------------------------------------------------------------------------

// A card of vkift's without its front matter, and without what an export had added to it. NULL: another's, whose front matter says more
// than ours would (as what is too large to be ours), or none.
static const char *read_body(arena *a, const char *from) {
  const char *path = path_join(a, from, file_name);
  char *source;
  err unread = {0};
  if (!file_exists(path) || !file_read(a, path, CARD_LIMIT, &source, NULL, &unread)) return NULL;
  char *end = !strncmp(source, "---\n", 4) ? strstr(source + 3, front_end) : NULL, *tag = strstr(source, "\n- vkift\n");
  if (!end || !tag || tag > end) return NULL;
  source = end + strlen(front_end);
  char *added[] = {strstr(source, scores_heading), strstr(source, form_heading)};
  for (int i = 0; i < 2; i++)
    if (added[i]) *added[i] = 0;
  return source;
}

static void put_scores(const card_copy *c, text *out) {
  if (!c->n_scores) return;
  text_puts(out, scores_heading);
  text_puts(out,
            "\nOf greedy answers, by `vkift eval`, with 95 % intervals.\n\n| data | metric | score | interval | examples |\n"
            "|---|---|--:|---|--:|\n");
  for (uint64_t i = 0; i < c->n_scores; i++) {
    const card_score *s = &c->scores[i];
    text_puts(out, "| ");
    put_cell(out, s->data);
    text_printf(out, " | %s | %.1f | %.1f to %.1f | %llu |\n", s->metric, s->score, s->low, s->high, (unsigned long long)s->n);
  }
}

bool card_export(const card_copy *c, const char *dir, err *e) {
  arena *a = arena_new("card");
  const char *body = c->from ? read_body(a, c->from) : NULL;
  text out = {0};
  put_front(c->kind, c->is_classifier, c->base, &out);
  if (body) text_puts(&out, body);
  else text_printf(&out, "\n# %s\n", c->base);
  put_scores(c, &out);
  text_printf(&out, "%s\n%s\n", form_heading, c->form);
  const bool ok = write(dir, &out, e);
  text_free(&out);
  arena_free(a);
  return ok;
}
