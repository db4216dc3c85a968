// The items of a data file, whatever it is: JSON Lines, a JSON array or object (jsonl.h), or a table (table.h) where the
// name ends in .csv or .tsv.
#ifndef DATA_ITEM_READER_H
#define DATA_ITEM_READER_H

#include "data/table.h"

typedef struct item_reader {
  bool is_table;
  const char *name; // of the file, for messages
  jsonl lines;
  table table;
} item_reader;

// `name` and `data` must live as long as the reader.
bool item_reader_open(arena *a, const char *name, const char *data, uint64_t size, item_reader *r, err *e);
const char *item_reader_at(const item_reader *r); // the first byte that was not read yet
jsonl_status item_reader_next(item_reader *r, jsonl_item *item, err *e);
// "file", "file:line" or "file: item 3": where messages say an item is.
const char *item_reader_origin(arena *a, const item_reader *r, const jsonl_item *item);
bool item_reader_parse(const item_reader *r, const char *origin, const jsonl_item *item, json *doc, err *e);

#endif
