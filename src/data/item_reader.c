#include "data/item_reader.h"

#include "base/file.h"

bool item_reader_open(arena *a, const char *name, const char *data, uint64_t size, item_reader *r, err *e) {
  *r = (item_reader){.name = name, .is_table = path_ends_with(name, ".csv") || path_ends_with(name, ".tsv")};
  if (r->is_table) return table_open(a, name, data, size, path_ends_with(name, ".tsv") ? '\t' : ',', &r->table, e);
  return jsonl_open(name, data, size, &r->lines, e);
}

const char *item_reader_at(const item_reader *r) {
  return r->is_table ? r->table.at : r->lines.at;
}

jsonl_status item_reader_next(item_reader *r, jsonl_item *item, err *e) {
  return r->is_table ? table_next(&r->table, item, e) : jsonl_next(&r->lines, item, e);
}

const char *item_reader_origin(arena *a, const item_reader *r, const jsonl_item *item) {
  if (r->is_table) return arena_printf(a, "%s:%u", r->name, item->place);
  if (r->lines.is_document) return r->name;
  return arena_printf(a, r->lines.is_array ? "%s: item %u" : "%s:%u", r->name, item->place);
}

bool item_reader_parse(const item_reader *r, const char *origin, const jsonl_item *item, json *doc, err *e) {
  if (r->is_table) return table_parse(&r->table, origin, item, doc, e);
  return json_parse(origin, item->data, item->length, doc, e);
}
