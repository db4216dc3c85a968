#include "data/rows.h"

#include "base/file.h"
#include "data/item_reader.h"

// Of a mapped file, what is behind the reader is let go in pieces of this size; how far it is, is said more often.
enum { LET_GO_BYTES = 16 << 20, SAY_BYTES = 1 << 18 };

typedef struct file_reading {
  rows_reading *r;
  item_reader items;
  data_format format; // of the file's rows, from its first one on
} file_reading;

// false ends the reading; a fault that is skipped does not.
static bool skip(file_reading *f, const err *fault, err *e) {
  rows_reading *r = f->r;
  const dataset_watch *w = r->options->watch;
  if (w && w->bad) w->bad(w->user, f->items.name, fault->message);
  if (!r->options->skip_bad_examples) return ERR(e, "%s", fault->message);
  if (!r->n_bad++) r->first_bad = *fault;
  return true;
}

static bool read_example(file_reading *f, const formats_row *row, uint32_t i, uint32_t place, err *e) {
  rows_reading *r = f->r;
  arena *one = arena_new("one example of data");
  raw_example raw;
  err fault = {0};
  const row_outcome outcome = formats_read(one, row, i, &raw, &fault) ? r->on(r->user, row, &raw, place, &fault) : ROW_BAD;
  arena_free(one);
  if (outcome == ROW_STOP) return ERR(e, "%s", fault.message);
  return outcome == ROW_TAKEN || skip(f, &fault, e);
}

static bool read_row(file_reading *f, arena *a, const json *doc, uint32_t item_place, err *e) {
  const dataset_options *o = f->r->options;
  const bool detected = o->format == DATA_AUTO;
  formats_row row;
  err fault = {0};
  if (f->format == DATA_AUTO && !formats_detect(doc, &f->format, &fault)) return skip(f, &fault, e);
  if (!formats_open(a, doc, item_place, f->format, detected, o, &row, &fault)) return skip(f, &fault, e);
  for (uint32_t i = 0; i < row.n; i++) {
    const uint32_t place = !f->items.lines.is_document ? item_place : row.places ? row.places[i] : 1;
    TRY(read_example(f, &row, i, place, e));
  }
  return true;
}

static bool read_item(file_reading *f, const jsonl_item *item, err *e) {
  arena *a = arena_new("one row of data");
  json doc;
  err fault = {0};
  bool ok = item_reader_parse(&f->items, item_reader_origin(a, &f->items, item), item, &doc, &fault);
  if (ok) {
    ok = read_row(f, a, &doc, item->place, e);
    json_free(&doc);
  } else {
    ok = skip(f, &fault, e);
  }
  arena_free(a);
  return ok;
}

static bool read_next(file_reading *f, bool *more, err *e) {
  jsonl_item item;
  err fault = {0};
  const jsonl_status status = item_reader_next(&f->items, &item, &fault);
  *more = status != JSONL_END;
  switch (status) {
    case JSONL_ITEM: return read_item(f, &item, e);
    case JSONL_BAD: return skip(f, &fault, e);
    case JSONL_BROKEN: return ERR(e, "%s", fault.message);
    case JSONL_END: break;
  }
  return true;
}

// `map`: of the bytes, NULL where they are the caller's memory.
static bool read_all(arena *a, rows_reading *r, const char *name, const char *data, uint64_t size, const file_map *map, err *e) {
  file_reading f = {.r = r, .format = r->options->format};
  TRY(item_reader_open(a, name, data, size, &f.items, e));
  const dataset_options *o = r->options;
  uint64_t gone = 0, said = 0;
  for (bool more = true; more;) {
    TRY(read_next(&f, &more, e));
    const uint64_t at = (uint64_t)(item_reader_at(&f.items) - data);
    if (o->progress && (at - said >= SAY_BYTES || !more)) {
      if (!o->progress(o->progress_user, r->done_bytes + at, r->total_bytes))
        return ERR(e, "stopped while %s was read: nothing has been trained yet", name);
      said = at;
    }
    if (map && at - gone >= LET_GO_BYTES) {
      file_map_let_go(map, gone, at);
      gone = at;
    }
  }
  const dataset_watch *w = o->watch;
  if (w && w->file) w->file(w->user, name, f.format, !f.items.lines.is_array && !f.items.lines.is_document);
  return true;
}

bool rows_read_memory(rows_reading *r, const char *name, const void *data, uint64_t size, err *e) {
  arena *a = arena_new("a data file's columns");
  const bool ok = read_all(a, r, name, data, size, NULL, e);
  arena_free(a);
  return ok;
}

bool rows_read(rows_reading *r, const char *path, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  arena *a = arena_new("a data file's columns");
  const bool ok = read_all(a, r, path, (const char *)map.data, map.size, &map, e);
  arena_free(a);
  file_unmap(&map);
  return ok;
}
