// Tables of text: CSV (RFC 4180) and TSV. A header row names the columns; each further row becomes an object of strings, so
// that it reads like a line of JSON Lines. Rows are found without being copied, one at a time, as jsonl.h finds its items.
//
//   CSV  A field that begins with a quotation mark ends at the next one that is not doubled, and may hold commas and line
//        breaks. Quotation marks inside other fields are text.
//   TSV  A row is a line. A field that begins and ends with quotation marks and has only doubled ones inside loses the outer
//        ones and half of the others, as spreadsheets write it; any other quotation mark is text, as in the files of GLUE.
//
// LF or CRLF; UTF-8 with or without byte-order mark; empty lines are passed over. Anything that looks like UTF-16 is refused.
#ifndef DATA_TABLE_H
#define DATA_TABLE_H

#include "base/arena.h"
#include "data/jsonl.h"
#include "io/json.h"

enum { TABLE_COLUMNS = 1024 }; // the most that a header may name; a row has at most JSONL_ITEM_BYTES

typedef struct table {
  const char *name; // of the file, for messages; the caller's
  const char *at, *end;
  uint64_t line; // at `at`, 1-based
  char separator;
  const char **columns; // [n_columns]
  uint32_t n_columns;
} table;

// Reads the header. `separator`: ',' for CSV, '\t' for TSV.
bool table_open(arena *a, const char *name, const char *data, uint64_t size, char separator, table *t, err *e);
// The next row, with the line where it begins; what stands in its fields is not looked at.
jsonl_status table_next(table *t, jsonl_item *row, err *e);
// The row's fields under their columns' names. `origin` ("file:line") must live as long as doc; json_free when done.
bool table_parse(const table *t, const char *origin, const jsonl_item *row, json *doc, err *e);

#endif
