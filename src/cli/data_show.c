// vkift data show: single examples as the model gets them, or (--packed) the rows that a run's steps compute.
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/json_line.h"
#include "cli/marked.h"
#include "config/train_options.h"
#include "io/json.h"

// --- one example -------------------------------------------------------------------------------------------------------

static void put_text(text *out, const vkift_data_example *x, const marked_style *s) {
  if (x->second) text_puts(out, "chosen:\n");
  for (size_t i = 0; i < x->n; i++) {
    if (i && i == x->second) text_puts(out, "\nrejected:\n");
    const vkift_data_token *t = &x->tokens[i];
    const bool opens = t->target && (i == 0 || !x->tokens[i - 1].target),
               closes = t->target && (i + 1 == x->n || !x->tokens[i + 1].target);
    const bool plain_control = t->control && !t->target;
    if (opens) text_puts(out, s->loss);
    if (plain_control) text_puts(out, s->control);
    marked_put_visible(out, t->text, t->length);
    if (plain_control) text_puts(out, s->end_control);
    if (closes) text_puts(out, s->end_loss);
  }
  text_putc(out, '\n');
}

static void put_token(text *out, size_t place, const vkift_data_token *t) {
  text_printf(out, "%6zu  %7d  %-4s  ", place, t->id, t->target ? "loss" : "");
  json_put_bytes(out, t->text, t->length);
  text_puts(out, t->control ? "  control" : "");
}

static void put_tokens(text *out, const vkift_data_example *x) {
  for (size_t i = 0; i < x->n; i++) {
    if (x->second && (!i || i == x->second)) text_puts(out, i ? "rejected:\n" : "chosen:\n");
    put_token(out, i, &x->tokens[i]);
    text_putc(out, '\n');
  }
}

static void put_origin(text *out, const vkift_data_example *x) {
  text_printf(out, "{\"index\": %lld, \"file\": ", (long long)x->index);
  json_put_string(out, x->file);
  text_printf(out, ", \"line\": %lld, \"task\": ", (long long)x->line);
  json_put_string(out, x->task);
}

static void put_labels(text *out, const vkift_data_example *x) {
  text_putc(out, '[');
  for (size_t i = 0; i < x->n; i++) text_printf(out, "%s%d", i ? ", " : "", x->tokens[i].target ? x->tokens[i].id : -100);
  text_putc(out, ']');
}

static void put_json_example(text *out, const vkift_data_example *x) {
  put_origin(out, x);
  text_puts(out, ", \"cluster\": ");
  json_put_string(out, x->cluster);
  text_puts(out, ", \"source\": ");
  json_put_string(out, x->source);
  text_puts(out, ", \"weight\": ");
  json_put_number(out, x->weight);
  text_printf(out, ", \"prompt_tokens\": %zu", x->prompt_tokens);
  if (x->second) text_printf(out, ", \"rejected_begin\": %zu", x->second);
  text_puts(out, ", \"input_ids\": [");
  for (size_t i = 0; i < x->n; i++) text_printf(out, "%s%d", i ? ", " : "", x->tokens[i].id);
  text_puts(out, "], \"labels\": ");
  put_labels(out, x);
  text_puts(out, ", \"tokens\": [");
  for (size_t i = 0; i < x->n; i++) {
    if (i) text_puts(out, ", ");
    json_put_bytes(out, x->tokens[i].text, x->tokens[i].length);
  }
  text_puts(out, "]}\n");
}

static void put_from(text *out, const vkift_data_example *x) {
  text_puts(out, "(");
  marked_put_visible(out, x->file, strlen(x->file));
  text_printf(out, ":%lld%s", (long long)x->line, *x->task ? ", task " : "");
  marked_put_visible(out, x->task, strlen(x->task));
  text_putc(out, ')');
}

static void flush(text *out) {
  fwrite(out->data, 1, out->length, stdout);
  text_free(out);
}

static void on_example(void *user, const vkift_data_example *x) {
  const show_flags *f = user;
  text out = {0};
  if (f->json) {
    put_json_example(&out, x);
  } else {
    const marked_style s = marked_style_of_stdout();
    text_printf(&out, "example %lld  ", (long long)x->index);
    put_from(&out, x);
    text_printf(&out, "  %zu tokens, %zu with loss\n", x->n, x->n_targets);
    if (f->tokens) put_tokens(&out, x);
    else put_text(&out, x, &s);
    text_putc(&out, '\n');
  }
  flush(&out);
}

// --- rows --------------------------------------------------------------------------------------------------------------

static void put_numbers(text *out, const char *key, const int32_t *values, size_t n) {
  text_printf(out, ", \"%s\": ", key);
  json_line_put_ids(out, values, n);
}

static void put_json_row(text *out, const vkift_packed_row *r) {
  text_printf(
      out,
      "{\"step\": %lld, \"epoch\": %lld, \"row\": %lld, \"rows\": %lld, \"capacity\": %zu, \"padding\": %zu, \"examples\": [",
      (long long)r->step, (long long)r->epoch, (long long)r->row, (long long)r->rows, r->capacity, r->capacity - r->n);
  for (size_t i = 0; i < r->n_examples; i++) {
    if (i) text_puts(out, ", ");
    put_origin(out, &r->examples[i].example);
    text_printf(out, ", \"begin\": %zu, \"end\": %zu}", r->examples[i].begin, r->examples[i].begin + r->examples[i].example.n);
  }
  text_putc(out, ']');
  put_numbers(out, "input_ids", r->input_ids, r->n);
  put_numbers(out, "labels", r->labels, r->n);
  put_numbers(out, "positions", r->positions, r->n);
  put_numbers(out, "seen_begin", r->seen_begin, r->n);
  put_numbers(out, "seen_end", r->seen_end, r->n);
  text_puts(out, "}\n");
}

static void put_row_tokens(text *out, const vkift_packed_row *r, const vkift_packed_example *x) {
  for (size_t i = 0; i < x->example.n; i++) {
    const size_t o = x->begin + i;
    if (x->example.second && (!i || i == x->example.second)) text_puts(out, i ? "rejected:\n" : "chosen:\n");
    put_token(out, o, &x->example.tokens[i]);
    text_printf(out, "  position %d, sees %d to %d\n", r->positions[o], r->seen_begin[o], r->seen_end[o] - 1);
  }
}

static void put_row_example(text *out, const vkift_packed_row *r, const vkift_packed_example *x, const show_flags *f) {
  const marked_style s = marked_style_of_stdout();
  const size_t last = x->begin + x->example.n - 1;
  text_printf(out, "-- tokens %zu to %zu: example %lld  ", x->begin, last, (long long)x->example.index);
  put_from(out, &x->example);
  // The last token sees most: all of its example, or as many as the model's sliding window lets it.
  const int32_t window = r->seen_end[last] - r->seen_begin[last];
  text_printf(out, "  %zu with loss; each sees ", x->example.n_targets);
  const size_t begin = x->begin + x->example.second; // of a pair, the rejected answer with its prompt
  if ((size_t)r->seen_begin[last] == begin && begin != x->begin)
    text_printf(out, "%zu, then %zu, up to itself\n", x->begin, begin);
  else if ((size_t)r->seen_begin[last] == begin) text_printf(out, "%d up to itself\n", r->seen_begin[last]);
  else text_printf(out, "the last %d of them, itself included\n", window);
  if (f->tokens) put_row_tokens(out, r, x);
  else put_text(out, &x->example, &s);
}

static void on_row(void *user, const vkift_packed_row *r) {
  const show_flags *f = user;
  text out = {0};
  if (f->json) {
    put_json_row(&out, r);
  } else {
    text_printf(&out, "step %lld (epoch %lld), row %lld of %lld: %s of %s tokens, %s with loss, %zu examples\n",
                (long long)r->step, (long long)r->epoch, (long long)r->row, (long long)r->rows, show_count((int64_t)r->n).text,
                show_count((int64_t)r->capacity).text, show_count((int64_t)r->n_targets).text, r->n_examples);
    for (size_t i = 0; i < r->n_examples; i++) put_row_example(&out, r, &r->examples[i], f);
    if (r->n < r->capacity) text_printf(&out, "-- tokens %zu to %zu: padding, which nothing sees\n", r->n, r->capacity - 1);
    text_putc(&out, '\n');
  }
  flush(&out);
}

// --- the command -------------------------------------------------------------------------------------------------------

// A run's own options, or those of a run with this model and data; flags win.
static bool run_options(arena *a, const vkift_data_options *o, const show_flags *f, vkift_train_options *run, err *e) {
  *run = vkift_train_defaults();
  if (o->source.run) TRY(train_options_read(a, path_join(a, o->source.run, "config.yaml"), run, e));
  if (o->source.model) run->model = o->source.model;
  if (o->source.chat_template) run->chat_template = o->source.chat_template;
  if (o->data.n) {
    run->data = o->data;
    run->reading = o->reading;
    run->augment = o->augment;
    run->objective = o->objective;
    run->excess_length = o->excess_length;
  }
  if (o->max_length) run->max_length = o->max_length;
  if (f->batch_size) run->batch_size = f->batch_size;
  if (f->micro_batch_tokens) run->micro_batch_tokens = f->micro_batch_tokens;
  if (f->has_seed || !o->source.run) run->seed = o->seed;
  return true;
}

static bool show_rows(const vkift_data_options *o, show_flags *f, err *e) {
  arena *a = arena_new("options of a run");
  vkift_train_options run;
  vkift_error error = {0};
  const bool ok = run_options(a, o, f, &run, e) &&
                  library_ok(vkift_data_pack(&run, f->step ? f->step : 1, f->count, on_row, f, &error), &error, e);
  arena_free(a);
  return ok;
}

bool data_show(const vkift_data_options *o, show_flags *f, err *e) {
  if (f->packed && f->index) {
    e->usage = true;
    return ERR(e, "--index is about examples: --packed shows steps, from --step on");
  }
  if (f->packed) return show_rows(o, f, e);
  if (f->step || f->batch_size || f->micro_batch_tokens) {
    e->usage = true;
    return ERR(e, "--step, --batch-size and --micro-batch-tokens are about rows: they need --packed");
  }
  const vkift_data_events events = {.user = f, .first = f->index, .count = f->count, .example = on_example};
  vkift_error error = {0};
  return library_ok(vkift_data_read(o, &events, NULL, &error), &error, e);
}
