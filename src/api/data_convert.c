// vkift_data_convert of the public API: any readable form as rows of messages or of token ids.
#include <stdio.h>
#include <string.h>

#include "api/data_reading.h"
#include "api/status.h"
#include "base/file.h"
#include "config/train_options.h"
#include "data/conversations.h"
#include "data/prompt_template.h"
#include "eval/corpus.h"

typedef struct conversion {
  file_writer file;
  text row;
  vkift_conversion counts;
} conversion;

static bool write_row(conversion *c, err *e) {
  text_puts(&c->row, "}\n");
  const bool ok = file_write(&c->file, c->row.data, c->row.length, e);
  text_clear(&c->row);
  c->counts.rows += ok;
  return ok;
}

// --- what rows of all forms may carry ----------------------------------------------------------------------------------

static void put_string(text *out, const char *key, const char *value) {
  if (!value || !*value) return;
  text_printf(out, ", \"%s\": ", key);
  json_put_string(out, value);
}

static void put_strings(text *out, const char *key, const packed_strings *all) {
  if (!all) return;
  const char *s = all->data;
  text_printf(out, ", \"%s\": [", key);
  for (uint32_t i = 0; i < all->n; i++, s = packed_next(s)) {
    if (i) text_puts(out, ", ");
    json_put_string(out, s);
  }
  text_putc(out, ']');
}

static void put_attributes(text *out, const example_origin *from, float times, const packed_strings *references,
                           const packed_strings *choices) {
  put_string(out, "task", from->task);
  put_string(out, "cluster", from->cluster);
  put_string(out, "source", from->source);
  put_string(out, "category", from->category);
  put_string(out, "metric", from->metric);
  if (times < 1 || times > 1) {
    text_puts(out, ", \"weight\": ");
    json_put_number(out, (double)times);
  }
  put_strings(out, "references", references);
  put_strings(out, "choices", choices);
}

// --- messages ----------------------------------------------------------------------------------------------------------

static void put_message(text *out, const message *m) {
  text_printf(out, "{\"role\": \"%s\", \"content\": ", prompt_role_name(m->role));
  json_put_string(out, m->content);
  if (m->tool_calls) text_printf(out, ", \"tool_calls\": %s", m->tool_calls);
  if (m->role == ROLE_ASSISTANT && !m->train) text_puts(out, ", \"train\": false");
  text_putc(out, '}');
}

static bool write_conversation(void *user, const conversation *one, err *e) {
  conversion *c = user;
  const raw_example *raw = one->raw;
  text_puts(&c->row, "{\"messages\": [");
  for (uint32_t i = 0; i < raw->n_messages; i++) {
    if (i) text_puts(&c->row, ", ");
    put_message(&c->row, &raw->messages[i]);
  }
  text_putc(&c->row, ']');
  if (raw->messages[0].tools) text_printf(&c->row, ", \"tools\": %s", raw->messages[0].tools);
  arena *a = arena_new("a row's lists");
  const example_origin from = {
      .task = raw->task, .cluster = raw->cluster, .source = raw->source, .category = raw->category, .metric = raw->metric};
  put_attributes(&c->row, &from, raw->weight, packed_strings_of(a, raw->references), packed_strings_of(a, raw->choices));
  put_string(&c->row, "definition", raw->definition);
  put_string(&c->row, "things_to_avoid", raw->avoid);
  put_strings(&c->row, "personas", packed_strings_of(a, raw->personas));
  arena_free(a);
  return write_row(c, e);
}

static bool no_pairs(vkift_objective objective, err *e) {
  if (objective != VKIFT_DPO) return true;
  e->usage = true;
  return ERR(e,
             "objective dpo: expected sft or lm, since neither messages nor token ids have a place for two answers, found dpo");
}

// Of a run only its options are needed.
static bool write_messages(arena *a, const vkift_data_options *given, conversion *c, err *e) {
  vkift_data_options own = *given;
  const vkift_data_options *o = &own;
  if (!own.data.n) {
    vkift_train_options run = vkift_train_defaults();
    TRY(train_options_read(a, path_join(a, own.source.run, "config.yaml"), &run, e));
    data_reading_take_run(&own, &run);
    if (run.augment.num_demonstrations && run.eval_data)
      return ERR(e,
                 "%s: what demonstrates nothing, since it is evaluated on, is known by its tokens only: --to tokens writes the "
                 "run's data, or give --data",
                 own.source.run);
    if (!own.source.chat_template) own.source.chat_template = run.chat_template;
  }
  TRY(no_pairs(o->objective, e));
  const bool alpaca = o->source.chat_template && !strcmp(o->source.chat_template, "alpaca");
  const prompt_style prompt = {.kind = alpaca ? PROMPT_ALPACA : PROMPT_TEMPLATE}; // decides how an input joins an instruction
  dataset_options options = corpus_reading(&o->reading);
  options.prompt = &prompt;
  options.all_tokens = o->objective == VKIFT_LM;
  TRY(corpus_augment(a, &o->augment, o->seed, o->objective, &options, e));
  for (size_t i = 0; i < o->data.n; i++) {
    uint64_t skipped;
    TRY(conversations_read(o->data.items[i].path, &options, write_conversation, c, &skipped, e));
    c->counts.skipped_bad += (int64_t)skipped;
  }
  return true;
}

// --- tokens ------------------------------------------------------------------------------------------------------------

static bool write_example(conversion *c, const example *x, err *e) {
  text_puts(&c->row, "{\"input_ids\": [");
  for (uint32_t i = 0; i < x->n; i++) text_printf(&c->row, "%s%d", i ? ", " : "", (int)x->ids[i]);
  text_puts(&c->row, "], \"labels\": [");
  for (uint32_t i = 0; i < x->n; i++) text_printf(&c->row, "%s%d", i ? ", " : "", x->target[i] ? (int)x->ids[i] : -100);
  text_putc(&c->row, ']');
  put_attributes(&c->row, x->origin, x->weight, x->references, x->choices);
  return write_row(c, e);
}

static bool write_tokens(arena *a, const vkift_data_options *o, conversion *c, err *e) {
  data_reading r = {.options = *o};
  bool ok = data_reading_open(a, &r, e) && no_pairs(r.options.objective, e);
  if (ok && r.labels.n) {
    e->usage = true;
    ok = ERR(e, "objective classify: the examples of a classifier have no form of their own to be converted to");
  }
  for (uint64_t i = 0; ok && i < r.data.n; i++) ok = write_example(c, &r.data.items[i], e);
  c->counts.skipped_bad = (int64_t)r.data.skipped_bad;
  c->counts.dropped_long = (int64_t)r.data.dropped_long;
  c->counts.truncated = (int64_t)r.data.truncated;
  loaded_close(&r.loaded);
  return ok;
}

// --- the file ----------------------------------------------------------------------------------------------------------

static bool check(const vkift_data_options *o, const char *output, err *e) {
  const char *fault = NULL;
  if (!o->data.n && !o->source.run) fault = "--data is missing: which data?";
  else if (!output) fault = "--output is missing: which file?";
  if (fault) {
    e->usage = true;
    return ERR(e, "%s", fault);
  }
  return !file_exists(output) || ERR(e, "%s: expected a new file's name, found something there already", output);
}

static bool convert(const vkift_data_options *o, vkift_convert_to to, const char *output, conversion *c, err *e) {
  TRY(check(o, output, e));
  TRY(file_writer_open(output, &c->file, e));
  arena *a = arena_new("data");
  bool ok = to == VKIFT_CONVERT_TOKENS ? write_tokens(a, o, c, e) : write_messages(a, o, c, e);
  arena_free(a);
  ok = ok && file_writer_commit(&c->file, e);
  if (!ok) file_writer_abort(&c->file);
  text_free(&c->row);
  return ok;
}

vkift_status vkift_data_convert(const vkift_data_options *options, vkift_convert_to to, const char *output,
                                vkift_conversion *result, vkift_error *error) {
  err e = {0};
  conversion c = {0};
  const bool ok = convert(options, to, output, &c, &e);
  if (ok && result) *result = c.counts;
  return status_from(ok, &e, error);
}
