// The items of a data file: the lines of JSON Lines, the elements of one JSON array, or one JSON object that goes over
// several lines and fills the file. They are found without parsing, so that the memory for one item is all that a file can
// ask for.
#ifndef DATA_JSONL_H
#define DATA_JSONL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
  JSONL_ITEM_BYTES = 16 << 20,     // the longest item
  JSONL_DOCUMENT_BYTES = 256 << 20 // the longest file of one object: a whole task with its instances
};

typedef struct jsonl {
  const char *name; // of the file, for messages; the caller's
  const char *at, *end;
  uint64_t line;  // at `at`, 1-based
  uint64_t items; // given so far
  bool is_array, is_closed, is_document;
} jsonl;

typedef struct jsonl_item {
  const char *data; // in the caller's bytes; no NUL within, none behind
  uint64_t length;
  uint32_t place; // the line, or the item's place in the array; 1-based
} jsonl_item;

typedef enum jsonl_status {
  JSONL_ITEM,
  JSONL_END,
  JSONL_BAD,   // this item has a fault, the next can be read
  JSONL_BROKEN // nothing behind this can be read
} jsonl_status;

// Refuses what is no text in UTF-8 by its first bytes: UTF-16, archives, spreadsheets, tables in binary forms.
bool jsonl_check_text(const char *name, const char *data, uint64_t size, err *e);
// Finds out which of the three the file is. UTF-8 with or without BOM.
bool jsonl_open(const char *name, const char *data, uint64_t size, jsonl *r, err *e);
jsonl_status jsonl_next(jsonl *r, jsonl_item *item, err *e);

#endif
