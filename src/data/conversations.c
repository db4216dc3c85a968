// Items of a file (jsonl.c) to rows (formats.c) to conversations, one at a time: a file of any size needs the memory of
// one row.
#include "data/conversations.h"

#include <string.h>

#include "base/file.h"
#include "data/dataset_files.h"
#include "data/item_reader.h"

typedef struct reading {
  const dataset_options *options;
  conversation_fn *on;
  void *user;
  const char *file;
  data_format format; // of the file's rows, from its first one on
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
static bool hand_over(reading *r, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  text prompt = {0};
  if (raw->format == DATA_SUPERNI) {
    superni_encoding how = r->options->superni;
    if (how.n_pos > row->task.n_positive) how.n_pos = row->task.n_positive;
    if (how.n_neg > row->task.n_negative) how.n_neg = row->task.n_negative;
    superni_put_prompt(&row->task, &how, raw->input, strlen(raw->input), &prompt);
    raw->messages[0].content = prompt.data;
  }
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

static bool read_row(reading *r, arena *a, const item_reader *file, const json *doc, uint32_t place, err *e) {
  const bool detected = r->options->format == DATA_AUTO;
  formats_row row;
  err fault = {0};
  if (r->format == DATA_AUTO && !formats_detect(doc, &r->format, &fault)) return skip(r, &fault, e);
  TRY(check_format(r, doc, e));
  if (!formats_open(a, doc, place, r->format, detected, r->options, &row, &fault)) return skip(r, &fault, e);
  for (uint32_t i = 0; i < row.n; i++) {
    arena *one = arena_new("one conversation");
    raw_example raw;
    const uint32_t at = file->lines.is_document ? row.places ? row.places[i] : 1 : place;
    fault = (err){0};
    const bool ok = formats_read(one, &row, i, &raw, &fault) && hand_over(r, &row, &raw, at, &fault);
    arena_free(one);
    if (!ok) TRY(skip(r, &fault, e));
  }
  return true;
}

static bool read_item(reading *r, const item_reader *file, const jsonl_item *item, err *e) {
  arena *a = arena_new("one row of data");
  json doc;
  err fault = {0};
  bool ok = item_reader_parse(file, item_reader_origin(a, file, item), item, &doc, &fault);
  if (ok) {
    ok = read_row(r, a, file, &doc, item->place, e);
    json_free(&doc);
  } else {
    ok = skip(r, &fault, e);
  }
  arena_free(a);
  return ok;
}

static bool read_file(reading *r, err *e) {
  file_map map;
  item_reader file;
  TRY(file_map_open(r->file, &map, e));
  arena *a = arena_new("columns of a table");
  bool ok = item_reader_open(a, r->file, (const char *)map.data, map.size, &file, e);
  for (bool more = true; ok && more;) {
    jsonl_item item;
    err fault = {0};
    const jsonl_status status = item_reader_next(&file, &item, &fault);
    more = status == JSONL_ITEM || status == JSONL_BAD;
    if (status == JSONL_ITEM) ok = read_item(r, &file, &item, e);
    else if (status == JSONL_BAD) ok = skip(r, &fault, e);
    else if (status == JSONL_BROKEN) ok = ERR(e, "%s", fault.message);
  }
  arena_free(a);
  file_unmap(&map);
  return ok;
}

bool conversations_read(const char *path, const dataset_options *options, conversation_fn *on, void *user, uint64_t *n_skipped,
                        err *e) {
  arena *a = arena_new("files of conversations");
  dataset_files files;
  dataset_options of_pack = *options;
  reading r = {.options = &of_pack, .on = on, .user = user};
  bool ok = dataset_files_find(a, path, "train", &files, e);
  if (ok && files.pack) of_pack.pack = files.pack, of_pack.format = DATA_PACK;
  for (uint64_t i = 0; ok && i < files.n; i++) {
    r.file = files.paths[i];
    r.format = of_pack.format;
    ok = read_file(&r, e);
  }
  if (n_skipped) *n_skipped = r.n_skipped;
  if (ok && !r.n) ok = ERR(e, "%s: expected conversations, found none that can be used", path);
  arena_free(a);
  return ok;
}
