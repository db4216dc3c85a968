// The rows of a data file, whatever it is: JSON Lines, a JSON array or object (jsonl.h), or a table (table.h) where the
// name ends in .csv or .tsv.
#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "data/table.h"

typedef struct rows {
  bool is_table;
  jsonl lines;
  table table;
} rows;

// `name` and `data` must live as long as the rows.
bool rows_open(arena *a, const char *name, const char *data, uint64_t size, rows *r, err *e);
jsonl_status rows_next(rows *r, jsonl_item *item, err *e);
// "file", "file:line" or "file: item 3": where messages say an item is.
const char *rows_origin(arena *a, const rows *r, const jsonl_item *item);
bool rows_parse(const rows *r, const char *origin, const jsonl_item *item, json *doc, err *e);

#endif
