// Items of a file (jsonl.c) to rows (formats.c) to conversations, one at a time: a file of any size needs the memory of
// one row.
#include "data/conversations.h"

#include <string.h>

#include "base/file.h"
#include "data/dataset_files.h"
#include "data/jsonl.h"

typedef struct reading {
  const dataset_options *options;
  conversation_fn *on;
  void *user;
  const char *file;
  data_format format;     // of the file's rows, from its first one on
  const augment *augment; // NULL: the examples stay as they are
  uint64_t n, n_skipped;
  bool is_stopped; // by the callback: no fault of the data
} reading;

// false ends the reading; a fault that is skipped does not.
static bool skip(reading *r, const err *fault, err *e) {
  if (r->is_stopped || !r->options->skip_bad_examples) return ERR(e, "%s", fault->message);
  r->n_skipped++;
  return true;
}

// The instruction of Super-NaturalInstructions is put into words with as many demonstrations as were asked for: nothing is
// left out for its length, which only a tokenizer knows.
static bool hand_over(reading *r, arena *a, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  text prompt = {0};
  augmented with;
  if (raw->format == DATA_SUPERNI) {
    superni_encoding how = r->options->superni;
    if (how.n_pos > row->task.n_positive) how.n_pos = row->task.n_positive;
    if (how.n_neg > row->task.n_negative) how.n_neg = row->task.n_negative;
    superni_put_prompt(&row->task, &how, raw->input, strlen(raw->input), &prompt);
    raw->messages[0].content = prompt.data;
  }
  if (augment_draw(r->augment, a, raw, place, &with)) *raw = augment_build(a, &with, augment_all(&with));
  r->n++;
  const bool ok = r->on(r->user, &(conversation){raw, r->file, place}, e);
  text_free(&prompt);
  r->is_stopped = !ok;
  return ok;
}

static bool check_format(const reading *r, const json *doc, err *e) {
  if (r->format != DATA_TEXT && r->format != DATA_SEGMENTS && r->format != DATA_TOKENS) return true;
  return ERR(e, "%s: expected a conversation (messages, sharegpt, alpaca, prompt/completion), found a row of the format %s",
             doc->origin, formats_name(r->format));
}

static bool read_row(reading *r, arena *a, const jsonl *file, const json *doc, uint32_t place, err *e) {
  const bool detected = r->options->format == DATA_AUTO;
  formats_row row;
  err fault = {0};
  if (r->format == DATA_AUTO && !formats_detect(doc, &r->format, &fault)) return skip(r, &fault, e);
  TRY(check_format(r, doc, e));
  if (!formats_open(a, doc, r->format, detected, r->options, &row, &fault)) return skip(r, &fault, e);
  for (uint32_t i = 0; i < row.n; i++) {
    arena *one = arena_new("one conversation");
    raw_example raw;
    const uint32_t at = file->is_document ? row.places ? row.places[i] : 1 : place;
    fault = (err){0};
    const bool ok = formats_read(one, &row, i, &raw, &fault) && hand_over(r, one, &row, &raw, at, &fault);
    arena_free(one);
    if (!ok) TRY(skip(r, &fault, e));
  }
  return true;
}

static bool read_item(reading *r, const jsonl *file, const jsonl_item *item, err *e) {
  arena *a = arena_new("one row of data");
  const char *origin =
      file->is_document ? r->file : arena_printf(a, file->is_array ? "%s: item %u" : "%s:%u", r->file, item->place);
  json doc;
  err fault = {0};
  bool ok = json_parse(origin, item->data, item->length, &doc, &fault);
  if (ok) {
    ok = read_row(r, a, file, &doc, item->place, e);
    json_free(&doc);
  } else {
    ok = skip(r, &fault, e);
  }
  arena_free(a);
  return ok;
}

static bool read_memory(reading *r, const void *data, uint64_t size, err *e) {
  jsonl file;
  bool ok = jsonl_open(r->file, data, size, &file, e);
  for (bool more = true; ok && more;) {
    jsonl_item item;
    err fault = {0};
    const jsonl_status status = jsonl_next(&file, &item, &fault);
    more = status == JSONL_ITEM || status == JSONL_BAD;
    if (status == JSONL_ITEM) ok = read_item(r, &file, &item, e);
    else if (status == JSONL_BAD) ok = skip(r, &fault, e);
    else if (status == JSONL_BROKEN) ok = ERR(e, "%s", fault.message);
  }
  return ok;
}

// --- demonstrations ----------------------------------------------------------------------------------------------------

typedef struct offer {
  augment *to;
  conversations_may *may;
  void *user;
} offer;

static bool offer_one(void *user, const conversation *c, err *e) {
  const offer *o = user;
  if (c->raw->format == DATA_SUPERNI) return ERR(e, "%s: task files have demonstrations of their own", c->file);
  if (augment_wants(o->to, c->raw, c->place) && (!o->may || o->may(o->user, c->raw))) augment_offer(o->to, c->raw, c->place);
  return true;
}

void conversations_offer(const char *name, const void *data, uint64_t size, const dataset_options *options,
                         conversations_may *may, void *user, augment *g) {
  dataset_options how = *options;
  offer o = {g, may, user};
  err unused = {0};
  how.skip_bad_examples = true;
  reading r = {.options = &how, .on = offer_one, .user = &o, .file = name, .format = how.format};
  read_memory(&r, data, size, &unused);
}

// --- files -------------------------------------------------------------------------------------------------------------

static bool read_file(reading *r, err *e) {
  file_map map;
  TRY(file_map_open(r->file, &map, e));
  augment *g = augment_new(r->options, r->file);
  if (augment_needs_pool(g)) conversations_offer(r->file, map.data, map.size, r->options, NULL, NULL, g);
  r->augment = g;
  const bool ok = read_memory(r, map.data, map.size, e);
  augment_free(g);
  file_unmap(&map);
  return ok;
}

bool conversations_read(const char *path, const dataset_options *options, conversation_fn *on, void *user, uint64_t *n_skipped,
                        err *e) {
  arena *a = arena_new("files of conversations");
  dataset_files files;
  reading r = {.options = options, .on = on, .user = user};
  bool ok = dataset_files_find(a, path, "train", &files, e);
  for (uint64_t i = 0; ok && i < files.n; i++) {
    r.file = files.paths[i];
    r.format = options->format;
    ok = read_file(&r, e);
  }
  if (n_skipped) *n_skipped = r.n_skipped;
  if (ok && !r.n) ok = ERR(e, "%s: expected conversations, found none that can be used", path);
  arena_free(a);
  return ok;
}
